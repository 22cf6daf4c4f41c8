# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: which tests run in a virtual machine, and what they show of its kernel.

`suite.py` has the guest's pytest load it (`-p vmtest.plugin`).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmtest.features import FEATURES
from vmtest.results import Results

# All that these tests do is done by the kernel; what the others add is the same on all.
_LOWEST_LAYER = "syscalls"
_OF_THE_KERNEL = ("kernel", "network")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vmtest")
    group.addoption(
        "--chosen-for-vm", action="store_true", help="run the tests that say something of the kernel"
    )
    group.addoption(
        "--features-seen", type=Path, metavar="FILE", help="write what works here and what is missing"
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--features-seen")
    if path is not None:
        config.pluginmanager.register(Recorder(path), "vmtest-recorder")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if mark := item.get_closest_marker("feature"):
            if mark.args[0] not in FEATURES:
                raise pytest.UsageError(f"{item.nodeid}: vmtest/features.py has no feature {mark.args[0]!r}")
            item.user_properties.append(("feature", mark.args[0]))
    if config.getoption("--chosen-for-vm"):
        left_out = [item for item in items if not chosen(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if chosen(item)]


def chosen(item: pytest.Item) -> bool:
    """Whether a test says something of the kernel under it, and there is time for it: it is marked as showing a
    feature, or is a test of the layer that talks to the kernel."""
    if item.get_closest_marker("long"):
        return False
    if item.get_closest_marker("feature"):
        return True
    return _LOWEST_LAYER in item.path.parts and any(item.get_closest_marker(mark) for mark in _OF_THE_KERNEL)


def may_hold_chosen(file: Path) -> bool:
    """Whether a file is worth collecting."""
    return _LOWEST_LAYER in file.parts or "mark.feature(" in file.read_text()


class Recorder:
    """Notes which features tests show and which they miss, and writes that to `path` at the end.

    A feature is missing when all its tests were skipped: some need more than the feature they are about.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.works: set[str] = set()
        self.skipped: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        features = {str(value) for name, value in report.user_properties if name == "feature"}
        if report.when == "call" and report.passed:
            self.works |= features
        elif report.skipped:
            self.skipped |= features

    def pytest_sessionfinish(self) -> None:
        Results(os.uname().release, frozenset(self.works), frozenset(self.skipped - self.works)).write(
            self.path
        )
