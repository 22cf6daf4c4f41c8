# SPDX-License-Identifier: Apache-2.0
"""Objects in the kernel for tests of what wraps them, and a place to pin them."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack

import pytest

from bpfman.syscalls import mounts
from tests.chain import parts


@pytest.fixture
def kept():
    """Closes at the end of the test what is entered into it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def loaded(kept):
    """`loaded(NAME)`: the program NAME of `tests/objects/NAME.o`; `loaded(NAME, PROGRAM..., kind=...)`: others."""

    def load(name, *programs, **options):
        made = parts.load_object(name, *programs, **options)
        kept.enter_context(made.object)
        return made

    return load


@pytest.fixture
def bpffs():
    """The path of a BPF file system of the test's own, which everybody may enter."""
    path = tempfile.mkdtemp(prefix="bpfman-bpffs-")
    os.chmod(path, 0o755)
    mounts.mount("bpf", path, "bpf")
    yield path
    mounts.unmount(path)
    os.rmdir(path)
