# SPDX-License-Identifier: Apache-2.0
"""A program with USDT markers, compiled from tests/programs/marked.c: its path, and processes of it."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "programs" / "marked.c"


def can_build() -> bool:
    return shutil.which("cc") is not None


def build(path: str) -> str:
    subprocess.run(["cc", "-O2", "-o", path, str(SOURCE)], check=True)
    return path


@pytest.fixture(scope="session")
def marked(tmp_path_factory) -> str:
    """The path of the program."""
    if not can_build():
        pytest.skip("needs a C compiler (cc)")
    return build(str(tmp_path_factory.mktemp("programs") / "marked"))


class Marked:
    """A process of it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def go(self) -> int:
        """Pass each marker; what the semaphore of `demo:watched` is meanwhile."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def running(path: str):
    with subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Marked(process)
        assert process.stdin
        process.stdin.close()
