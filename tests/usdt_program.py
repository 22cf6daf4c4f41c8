# SPDX-License-Identifier: Apache-2.0
"""A program with USDT markers, compiled from tests/programs/marked.c: its path, and processes of it."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "programs" / "marked.c"


@pytest.fixture(scope="session")
def marked(tmp_path_factory) -> str:
    """The path of the program."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler (cc)")
    path = tmp_path_factory.mktemp("programs") / "marked"
    subprocess.run(["cc", "-O2", "-o", str(path), str(SOURCE)], check=True)
    return str(path)


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
