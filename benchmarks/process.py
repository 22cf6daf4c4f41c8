# SPDX-License-Identifier: Apache-2.0
"""Whole processes: how long one takes from start to end, and the most memory it has at a time."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
from pathlib import Path

import bpfman as package

BPFMAN = Path(sys.executable).with_name("bpfman")  # as pip installs it into a virtual environment
BARE = (sys.executable, "-I", "-S", "-c", "pass")  # the least that a Python process can cost

# wait4 counts a process's memory from before it became the command, which is its parent's: so let a small one start it.
_WATCH = """
import os, sys
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet), 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def compile_bpfman() -> None:
    """As pip does when it installs; a checkout may be stale, or may not be allowed to keep what it compiled."""
    compileall.compile_dir(package.__path__[0], quiet=1)


def bpfman(*arguments: str) -> tuple[str, ...]:
    return (str(BPFMAN), *arguments)


def run(command: tuple[str, ...]) -> None:
    """Run a command with its output thrown away."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status = os.waitpid(process, 0)
    if status:
        raise SystemExit(f"benchmarks: {' '.join(command)} failed")


def output(command: tuple[str, ...]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def peak_memory(command: tuple[str, ...]) -> float:
    """In MB (10^6 bytes)."""
    watch = (sys.executable, "-I", "-S", "-c", _WATCH, *command)
    return int(output(watch)) * 1024 / 1e6
