# SPDX-License-Identifier: Apache-2.0
"""A manager whose kernel remembers what it loaded, so that a test can tell that all of it is gone."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager

import pytest

from bpfman import Manager, ProgramSpec
from bpfman.bpf.kernel import Kernel
from bpfman.store.layout import Layout
from bpfman.syscalls import bpf, mounts
from bpfman.testing.network import namespace, veth_pair
from tests.bpf.crafted import OBJECTS
from tests.conftest import CAP_SYS_ADMIN, has_capability
from tests.manager.hooks import files_below

SIDE_BY_SIDE = 4
MS_RDONLY, MS_REMOUNT = 1, 32
GONE_WITHIN = 5.0  # seconds; the kernel frees programs a moment after their last user


class WatchedKernel(Kernel):
    """The real one; `programs` and `maps` are the ids of all that was loaded from objects."""

    def __init__(self):
        self.programs = []
        self.maps = []

    def load_object(self, *arguments, **options):
        loaded = super().load_object(*arguments, **options)
        self.programs += [each.kernel.id for each in loaded.programs]
        self.maps += [each.kernel.id for each in loaded.maps if not each.reused]
        return loaded

    def alive(self):
        """What of it is still there.  By their ids alone: to open a program array that is about to go has the kernel
        clear it twice and keep it for ever (prog_array_map_clear takes a reference for each, the work drops one)."""
        programs = [f"program {each}" for each in bpf.ids(bpf.PROG_NEXT_ID) if each in self.programs]
        return programs + [f"map {each}" for each in bpf.ids(bpf.MAP_NEXT_ID) if each in self.maps]


@pytest.fixture
def kernel():
    return WatchedKernel()


@pytest.fixture
def watched(runtime, kernel):
    """A manager on the watched kernel."""
    return Manager(runtime, kernel=kernel)


@pytest.fixture
def load(manager):
    """`load(NAME, "xdp:FUNCTION", ...)`: programs of `tests/objects/NAME.o`, in request order."""

    def load(name, *programs, by=manager, **options):
        specs = [ProgramSpec(*program.split(":")) for program in programs]
        return by.load_file(str(OBJECTS / f"{name}.o"), specs, **options)

    return load


@pytest.fixture
def nothing_left(watched, kernel):
    """`nothing_left()`: of what `watched` loaded, there is no row, no file, and soon nothing in the kernel."""

    def check():
        assert watched.programs() == []
        assert watched.maps() == []
        assert files_below(watched.layout) == set()
        deadline = time.monotonic() + GONE_WITHIN
        while (alive := kernel.alive()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert alive == []

    return check


@pytest.fixture(scope="module")
def veths():
    """Pairs for tests that work side by side: what they do is mostly waiting for the kernel."""
    if not has_capability(CAP_SYS_ADMIN):
        pytest.skip("needs root with all its capabilities")
    with ExitStack() as held:
        yield [held.enter_context(_pair()) for _ in range(SIDE_BY_SIDE)]


@contextmanager
def _pair():
    with namespace() as one, namespace() as other, veth_pair(one, other) as pair:
        yield pair


class SmallFileSystem:
    """A file system that fills up.  `mount` gives its path, `grow` makes enough room."""

    def __init__(self, path):
        self._path = str(path)

    def mount(self, kibibytes):
        os.mkdir(self._path)
        mounts.mount("tmpfs", self._path, "tmpfs", 0, f"size={kibibytes}k,mode=755")
        return self._path

    def grow(self):
        mounts.mount("tmpfs", self._path, "tmpfs", MS_REMOUNT, "size=16m")

    def unmount(self):
        """With the bpffs in it, where it is a runtime directory."""
        for path in (Layout(self._path).fs, self._path):
            if mounts.mounted_type(path):
                mounts.unmount(path)


@pytest.fixture
def small(tmp_path):
    made = SmallFileSystem(tmp_path / "small")
    yield made
    made.unmount()


@pytest.fixture
def read_only(tmp_path):
    """An empty file system that cannot be written to."""
    path = tmp_path / "read_only"
    path.mkdir()
    mounts.mount("tmpfs", str(path), "tmpfs", MS_RDONLY)
    yield str(path)
    mounts.unmount(str(path))
