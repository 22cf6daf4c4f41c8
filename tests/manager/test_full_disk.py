# SPDX-License-Identifier: Apache-2.0
"""No room, no inodes, no writing, no descriptors: at each write there is, a change is made or not, an error says what
to do, and once there is room again everything goes on.

The runtime directory is on a small file system of the test's own, which is filled up to a few pages, one more each
time: so each write in turn is the one that does not fit."""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager

import pytest

from bpfman import Layout, Manager
from bpfman.errors import BpfmanError
from bpfman.store.database import Store
from bpfman.syscalls import mounts
from tests.manager.operations import OPERATIONS
from tests.manager.worlds import World, in_a_child, side_by_side, world

pytestmark = [pytest.mark.kernel, pytest.mark.network]

PAGE = 4096
NAMES = (
    "load two programs that share a map",
    "load a program, which clears away the dead",
    "unload a program that is a member twice",
    "xdp: attach another member",
    "tc-ingress: attach the first member",
    "tc-ingress: detach the last",
    "tc-ingress: count",
    "tcx: attach",
    "tracepoint: unload",
)
SOME = [operation for operation in OPERATIONS if operation.name in NAMES]


class Disk:
    """A file system of the test's own, a few MiB in memory."""

    def __init__(self, path: str) -> None:
        self.path = path
        mounts.mount("tmpfs", path, "tmpfs", 0, "size=4m,mode=755")

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True)

    def leave_pages(self, pages: int) -> None:
        free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize // PAGE
        with open(self._filler, "wb") as file:
            file.write(bytes((free - pages) * PAGE))
        assert os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize // PAGE == pages

    def leave_inodes(self, inodes: int) -> None:
        found = os.statvfs(self.path)
        self.remount(f"nr_inodes={found.f_files - found.f_ffree + inodes}")

    def leave_nothing(self, number: int) -> None:
        """Whatever the number."""
        self.remount("ro")

    def make_room(self) -> None:
        self.remount("rw,size=16m,nr_inodes=4096")
        if os.path.exists(self._filler):
            os.unlink(self._filler)

    @property
    def _filler(self) -> str:
        return f"{self.path}/filler"


@contextmanager
def small_world(veth):
    """A world on a disk of its own: both."""
    with tempfile.TemporaryDirectory(prefix="bpfman-") as folder, ExitStack() as held:
        disk = Disk(folder)
        layout = Layout(f"{folder}/run")
        try:
            yield World(layout, veth, held), disk
        finally:
            disk.make_room()
            if mounts.is_mount_point_of(layout.fs, "bpf"):
                mounts.unmount(layout.fs)
            mounts.unmount(folder)


def unfinished(there) -> bool:
    with Store.open(there.layout) as store:
        return store.has_unfinished()


def states_of(operation, veth):
    with small_world(veth) as (there, _):
        states = operation.states(there)
        there.manager.delete_programs(None)
    return states


def judge(there, operation, states, error, context):
    """Once there is room again: what was refused did not happen, and happens now."""
    if error is None:
        assert operation.lenient or there.state() == states[-1], context
    else:
        if not (operation.lenient or operation.takes_away):
            assert there.state() == states[0], context
        if unfinished(there):
            there.manager.detach([])
        assert operation.lenient or there.state() in states, context
        if there.state() == states[0]:
            operation.act(there, there.manager)
            assert there.state() == states[-1], context
    assert there.wrong() == {} or operation.disturbed, context
    assert there.left() == {}, context


def told_clearly(error, there, *words):
    """With the path that could not be written, why, and what to do."""
    failures = getattr(error, "failures", None) or [("", error)]
    for _, each in failures:
        assert there.layout.runtime_dir in str(each), each
        assert any(word in f"{each} {each.hint}".lower() for word in words), (str(each), each.hint)
        assert each.hint


WAYS = {
    "pages": (Disk.leave_pages, ("free some space",), range(60)),
    "inodes": (Disk.leave_inodes, ("free some space",), range(12)),
    "read-only": (Disk.leave_nothing, ("remount",), range(1)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operation", SOME, ids=lambda operation: operation.name)
def test_what_does_not_fit_does_not_happen(operation, way, veths):
    leave, words, numbers = WAYS[way]
    states = states_of(operation, veths[0])

    def attempt(number, veth):
        context = f"{operation.name}: {number} {way} left"
        with small_world(veth) as (there, disk):
            operation.prepare(there)
            leave(disk, number)
            error = None
            try:
                operation.act(there, Manager(there.layout, warn=lambda message: None))
            except BpfmanError as raised:
                error = raised
                told_clearly(error, there, *words)
            assert number or way == "inodes" or error is not None, context
            disk.make_room()
            judge(there, operation, states, error, context)
        return error is not None

    def every_nth(first, veth):
        for number in itertools.islice(numbers, first, None, len(veths)):
            if not attempt(number, veth):
                return
        assert len(numbers) <= len(veths), "what is enough?"

    side_by_side(veths, every_nth)


@pytest.mark.parametrize("operation", SOME, ids=lambda operation: operation.name)
def test_what_cannot_be_written_can_be_looked_at(operation, veth):
    states = states_of(operation, veth)
    for leave in (Disk.leave_pages, Disk.leave_nothing):
        with small_world(veth) as (there, disk):
            operation.prepare(there)
            there.manager.programs()
            leave(disk, 2)
            assert there.state() == states[0]


def test_a_file_system_without_executables_is_as_good_as_any(veth):
    for operation in SOME:
        with small_world(veth) as (there, disk):
            disk.remount("noexec,nosuid,nodev")
            operation.prepare(there)
            operation.act(there, there.manager)
            assert operation.disturbed or there.wrong() == {}
            assert there.left() == {}


def limited(there, operation, limit, number):
    """Carries an operation out in a process with a limit; what it raised, or None."""
    told = os.path.join(there.layout.runtime_dir, "told")

    def act():
        resource.setrlimit(limit, (number, resource.getrlimit(limit)[1]))
        try:
            operation.act(there, Manager(there.layout, warn=lambda message: None))
        except BpfmanError as error:
            resource.setrlimit(limit, (resource.getrlimit(limit)[1],) * 2)
            failures = getattr(error, "failures", None) or [("", error)]
            with open(told, "w") as file:
                json.dump([(str(each), each.hint) for _, each in failures], file)

    assert in_a_child(act) == 0, "something else than an error of ours"
    if not os.path.exists(told):
        return None
    with open(told) as file:
        found = json.load(file)
    os.unlink(told)
    return found


LIMITS = {
    # What a process of ours has open already is below the first.
    "descriptors": (resource.RLIMIT_NOFILE, range(40), "ulimit -n"),
    "bytes in a file": (resource.RLIMIT_FSIZE, range(0, 200_000, 8192), "ulimit -f"),
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("operation", SOME, ids=lambda operation: operation.name)
def test_what_a_limit_forbids_does_not_happen(operation, limit, veths):
    which, numbers, hint = LIMITS[limit]
    states = states_of(operation, veths[0])
    open_already = len(os.listdir("/proc/self/fd")) if which == resource.RLIMIT_NOFILE else 0

    def every_nth(first, veth):
        for number in itertools.islice(numbers, first, None, len(veths)):
            with world(veth) as there:
                operation.prepare(there)
                error = limited(there, operation, which, open_already + number)
                context = f"{operation.name}: {number} {limit}"
                for message, told in error or ():
                    assert hint in told, (context, message, told)
                judge(there, operation, states, error, context)
            if error is None:
                return
        pytest.fail("what is enough?")

    side_by_side(veths, every_nth)
