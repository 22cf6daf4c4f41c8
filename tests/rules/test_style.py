# SPDX-License-Identifier: Apache-2.0
"""What `make lint` asks is asked by `make test` too, so that it cannot be forgotten."""

from __future__ import annotations

import pytest

from tests.rules.repository import ROOT, run, run_module, tracked_files


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "--quiet", "."], id="ruff"),
        pytest.param(["ruff", "format", "--check", "--quiet", "."], id="format"),
        pytest.param(["mypy"], id="mypy"),
    ],
)
def test_checker_finds_nothing(command):
    result = run_module(*command)
    assert result.returncode == 0, result.stdout + result.stderr


def test_shell_scripts_parse():
    scripts = [
        path for path in tracked_files() if (ROOT / path).read_bytes().startswith(b"#!/usr/bin/env bash")
    ]
    assert scripts
    for script in scripts:
        result = run("bash", "-n", str(script))
        assert result.returncode == 0, result.stderr
