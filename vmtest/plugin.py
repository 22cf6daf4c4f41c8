# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: which tests run in a virtual machine, and what they show of its kernel.

`suite.py` has pytest load it (`-p vmtest.plugin`), on the machine to find the files that hold such tests, and in the
guest to run them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vmtest.features import FEATURES, lacking
from vmtest.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        for mark in item.iter_markers("feature"):
            if mark.args[0] not in FEATURES:
                raise pytest.UsageError(f"{item.nodeid}: vmtest/features.py has no feature {mark.args[0]!r}")
            item.user_properties.append(("feature", mark.args[0]))
    if config.getoption("--chosen-for-vm"):
        left_out = [item for item in items if not chosen(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if chosen(item)]


def chosen(item: pytest.Item) -> bool:
    """Whether a test says something of the kernel under it: it is marked as showing a feature, or is a test of the
    layer that talks to the kernel."""
    if item.get_closest_marker("feature"):
        return True
    return _LOWEST_LAYER in item.path.parts and any(item.get_closest_marker(mark) for mark in _OF_THE_KERNEL)


class Recorder:
    """Notes the features that tests show and those they miss, and writes them to `path` at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.works: set[str] = set()
        self.lacks: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.works |= {str(value) for name, value in report.user_properties if name == "feature"}
        if report.skipped and isinstance(report.longrepr, tuple):
            self.lacks |= set(_lacking(report.longrepr[2]))

    def pytest_sessionfinish(self) -> None:
        Results(os.uname().release, frozenset(self.works), frozenset(self.lacks)).write(self.path)


def _lacking(reason: str) -> Iterator[str]:
    if (feature := lacking(reason)) is not None:
        yield feature
