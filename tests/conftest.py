# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: where it can run, that CI skips nothing in silence, and that nothing is left behind."""

from __future__ import annotations

import os
import re
import signal

import pytest
from hypothesis import settings

from bpfman.errors import Unsupported
from bpfman.testing import leaks
from vmtest import features

pytest_plugins = ["bpfman.testing.fixtures", "tests.kernel_objects", "tests.usdt_program"]

CI = os.environ.get("CI") == "true"

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("bpfman", deadline=None)
settings.load_profile("bpfman")

# A CI machine has everything that the tests ask for, so a skip there means that its set-up is wrong and fails.
# The exceptions: what the kernel is really without (vmtest/features.py knows), and another processor.
OTHER_PROCESSOR = re.compile(r"only on (arm64|x86-64|big-endian)")

CAP_SYS_ADMIN = 21


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what it puts into the background with SIGINT ignored, and children would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "kernel: needs root and bpf(2)")
    config.addinivalue_line(
        "markers", "feature(name): shows a feature of vmtest/features.py; runs on other kernels too"
    )
    config.addinivalue_line("markers", "long: runs on other kernels only when it is asked for")
    config.addinivalue_line("markers", "network: makes network namespaces and interfaces; needs root")


def pytest_runtest_setup(item: pytest.Item) -> None:
    needs_root = any(item.get_closest_marker(name) for name in ("kernel", "network"))
    if needs_root and not has_capability(CAP_SYS_ADMIN):
        pytest.skip("needs root with all its capabilities")


def has_capability(number: int) -> bool:
    with open("/proc/self/status", encoding="ascii") as file:
        effective = next(line for line in file if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> number & 1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if not hasattr(report, "wasxfail"):
        skip_what_is_unsupported(item, call, report)
        refuse_skip_in_ci(report)
    return report


def skip_what_is_unsupported(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
) -> None:
    """A test of a feature that bpfman says the kernel is without is as good as skipped, for that reason."""
    if (
        item.get_closest_marker("feature")
        and call.excinfo is not None
        and isinstance(call.excinfo.value, Unsupported)
    ):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] or 0, str(call.excinfo.value))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    refuse_skip_in_ci(report)
    return report


def refuse_skip_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn the report of a skip into one of a failure, unless the reason is an accepted one."""
    if not (CI and report.skipped and isinstance(report.longrepr, tuple)):
        return
    path, line, reason = report.longrepr
    if OTHER_PROCESSOR.search(reason) or features.justifies(reason, os.uname().release):
        return
    report.outcome = "failed"
    report.longrepr = (
        f"{path}:{line}: {reason}\nCI fails where a test would be skipped, see tests/conftest.py"
    )


@pytest.fixture(autouse=True, scope="session")
def nothing_left_on_the_machine():
    """Fail the run when it leaves a namespace, mount, pin or program behind.

    Only in CI: elsewhere other people use the machine at the same time.
    """
    before = leaks.of_machine()
    yield
    if CI and (left := leaks.left_since(before, leaks.of_machine, patience=2.0)):
        pytest.fail("the tests left behind:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def nothing_left_in_the_process():
    """Fail the test that leaves a descriptor open or a process running."""
    before = leaks.of_process()
    yield
    if left := leaks.left_since(before, leaks.of_process):
        pytest.fail("the test left behind:\n  " + "\n  ".join(left), pytrace=False)
