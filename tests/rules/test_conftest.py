# SPDX-License-Identifier: Apache-2.0
"""The guards of tests/conftest.py do catch what they are there for: each is shown a test that deserves it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.rules.repository import ROOT


@pytest.fixture
def verdict_on(tmp_path):
    """Run one test function's body under tests/conftest.py; gives pytest's output."""

    def run(body: str, ci: bool = True, mark: str = "") -> str:
        lines = [
            "import os, subprocess, pytest",
            mark,
            "def test_shown():",
            *(f"    {line}" for line in body.split("\n")),
        ]
        (tmp_path / "test_shown.py").write_text("\n".join(lines))
        environment = {**os.environ, "CI": "true" if ci else "", "PYTHONPATH": str(ROOT)}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.conftest",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
        ]
        return subprocess.run(
            [*command, "--rootdir", str(tmp_path), str(tmp_path)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    return run


def test_a_skip_fails_in_ci(verdict_on):
    output = verdict_on('pytest.skip("bpftool is missing")')
    assert "1 failed" in output
    assert "bpftool is missing" in output


def test_a_skip_whose_reason_is_accepted_stays_one(verdict_on):
    assert "1 skipped" in verdict_on('pytest.skip("needs kernel 99.0 or newer")')


def test_a_skip_for_want_of_what_the_kernel_has_fails_in_ci(verdict_on):
    assert "1 failed" in verdict_on('pytest.skip("needs kernel 5.4 or newer")')


UNSUPPORTED = (
    "from bpfman.errors import Unsupported\n"
    'raise Unsupported("this kernel has no chocolate, which came with Linux {}")'
)
FEATURE = '@pytest.mark.feature("xdp")'


def test_a_feature_that_the_kernel_is_too_old_for_is_skipped(verdict_on):
    assert "1 skipped" in verdict_on(UNSUPPORTED.format("99.0"), mark=FEATURE)


def test_a_feature_that_is_wrongly_said_to_be_missing_fails_in_ci(verdict_on):
    said = verdict_on(UNSUPPORTED.format("5.4"), mark=FEATURE)
    assert "1 failed" in said
    assert "has no chocolate" in said


def test_what_is_unsupported_fails_where_no_feature_was_to_be_shown(verdict_on):
    said = verdict_on(UNSUPPORTED.format("99.0"))
    assert "1 failed" in said
    assert "has no chocolate" in said


def test_a_skip_is_a_skip_elsewhere(verdict_on):
    assert "1 skipped" in verdict_on('pytest.skip("bpftool is missing")', ci=False)


def test_a_descriptor_left_open_fails_the_test(verdict_on):
    output = verdict_on('os.open("/proc/self/ns/net", os.O_RDONLY)', ci=False)
    assert "1 passed, 1 error" in output
    assert "is net:[" in output


def test_an_interrupt_reaches_what_a_run_in_the_background_starts(verdict_on):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = "[sys.executable, '-c', 'import signal; signal.raise_signal(2)']"
        assert "1 passed" in verdict_on(f"import sys\nassert subprocess.run({child}).returncode == -2")
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.network
def test_a_namespace_left_behind_fails_the_run(verdict_on):
    name = f"bpfman-t-left-{os.getpid()}"
    try:
        output = verdict_on(f'subprocess.run(["ip", "netns", "add", "{name}"], check=True)')
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)
    assert "1 passed, 1 error" in output
    assert f"network namespace: {name}" in output
