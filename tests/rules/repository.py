# SPDX-License-Identifier: Apache-2.0
"""The repository as the rules see it: what is tracked, and commands run at its root."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "bpfman"


@functools.cache
def tracked_files() -> list[Path]:
    """Every file that git tracks and that has not been deleted, relative to ROOT."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so nothing says which files belong to the project")
    listed = run("git", "ls-files", "-z")
    assert listed.returncode == 0, listed.stderr
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def source_files() -> list[Path]:
    """Every Python file of the package, generated ones not included."""
    return [path for path in sorted(SOURCE.rglob("*.py")) if "_pb2" not in path.name]


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def run_module(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", name, *arguments)
