# SPDX-License-Identifier: Apache-2.0
"""A runtime directory, its lock and its store; file systems that are full or read-only; other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from bpfman.store.database import Store
from bpfman.store.layout import Layout, create
from bpfman.store.lock import WriterLock


@pytest.fixture
def layout(tmp_path):
    layout = Layout(str(tmp_path / "bpfman"))
    create(layout)
    return layout


@pytest.fixture
def lock(layout):
    with WriterLock(layout.lock, timeout=10) as lock:
        yield lock


@pytest.fixture
def store(layout):
    with Store.open(layout, write=True) as store:
        yield store


@pytest.fixture
def tmpfs(tmp_path):
    """`with tmpfs("size=1m") as path:` a file system of its own."""

    @contextmanager
    def mounted(options):
        path = tmp_path / "tmpfs"
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
        try:
            yield str(path)
        finally:
            subprocess.run(["umount", path], check=True)

    return mounted


@pytest.fixture
def python():
    """Starts Python on a few lines of code; `python(code, *argv)`.  Killed at the end of the test, if need be."""
    started = []

    def start(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
