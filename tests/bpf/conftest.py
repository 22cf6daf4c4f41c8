# SPDX-License-Identifier: Apache-2.0
"""Objects in the kernel for tests of what wraps them, and a place to pin them."""

from __future__ import annotations

import os
import tempfile

import pytest

from bpfman.syscalls import mounts


@pytest.fixture
def bpffs():
    """The path of a BPF file system of the test's own, which everybody may enter."""
    path = tempfile.mkdtemp(prefix="bpfman-bpffs-")
    os.chmod(path, 0o755)
    mounts.mount("bpf", path, "bpf")
    yield path
    mounts.unmount(path)
    os.rmdir(path)
