# SPDX-License-Identifier: Apache-2.0
"""The plugin runs what says something of a kernel, and notes what that was."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.rules.repository import ROOT
from vmtest.results import Results, read

MARKERS = ["kernel", "network", "long", "feature(name)"]
TESTS = """\
import pytest
feature = pytest.mark.feature

@feature("xdp")
def test_works(): pass

@feature("xdp")
def test_works_but_here(): pytest.skip("this kernel has no tcx")

@feature("tcx")
def test_lacks(): pytest.skip("this kernel has no tcx")

@feature("lsm")
def test_fails(): assert 0

@pytest.mark.kernel
def test_of_the_kernel(): pass

def test_of_nothing(): pass

@pytest.mark.long
@feature("xdp")
def test_of_hours(): pass
"""


@pytest.fixture
def seen(tmp_path):
    return tmp_path / "seen.json"


@pytest.fixture
def run(tmp_path, seen):
    """`run(folder, *options)`: pytest with the plugin on TESTS in a folder of that name; gives its output."""

    def run(folder, *options, tests=TESTS):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test_some.py").write_text(tests)
        (tmp_path / "pytest.ini").write_text(
            "[pytest]\nmarkers =\n" + "".join(f"  {each}\n" for each in MARKERS)
        )
        command = [sys.executable, "-m", "pytest", "-v", "-p", "vmtest.plugin", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*command, f"--features-seen={seen}", *options, folder],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    return run


def test_tests_that_show_a_feature_are_chosen(run):
    output = run("manager", "--chosen-for-vm")
    assert "1 failed, 1 passed, 2 skipped, 3 deselected" in output
    assert "test_of" not in output


def test_tests_of_the_lowest_layer_that_need_the_kernel_are_chosen_too(run):
    output = run("syscalls", "--chosen-for-vm")
    assert "test_of_the_kernel PASSED" in output
    assert "2 deselected" in output


def test_without_being_asked_it_leaves_nothing_out(run):
    assert "deselected" not in run("manager")


def test_what_works_and_what_is_missing_is_noted(run, seen):
    """A failure is neither, and a skip of one test says nothing against another that passed."""
    run("manager")
    assert read(seen) == Results(os.uname().release, frozenset({"xdp"}), frozenset({"tcx"}))


def test_features_that_nobody_knows_are_refused(run):
    output = run("manager", tests='import pytest\n@pytest.mark.feature("xpd")\ndef test_it(): pass\n')
    assert "vmtest/features.py has no feature 'xpd'" in output
