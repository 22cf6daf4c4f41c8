# SPDX-License-Identifier: Apache-2.0
"""A load that fails in its middle: whatever it had done is taken back, and nothing else."""

from __future__ import annotations

import os

import pytest

from bpfman import Manager
from bpfman.errors import Interrupted, KernelRefused, StoreError
from bpfman.syscalls import bpf
from tests.manager.conftest import WatchedKernel

pytestmark = pytest.mark.kernel

LOADS = {
    "one program": ("xdp_counter", ["xdp:xdp_stats"]),
    "without maps": ("xdp_pass", ["xdp:xdp_pass"]),
    "two programs": ("two_programs", ["xdp:first_xdp", "tc:second_tc"]),
    "a map pinned by name": ("pin_by_name", ["xdp:pin_by_name"]),
    "many maps": ("map_kinds", ["xdp:map_kinds"]),
}


@pytest.fixture(params=LOADS.values(), ids=[*LOADS])
def asked(request):
    return request.param


class Interrupting:
    """Raises behind step number `at`; tells what was done until then."""

    def __init__(self, at):
        self._at = at
        self.steps = []

    def __call__(self, step):
        self.steps.append(step.what)
        if len(self.steps) > self._at:
            raise Interrupted(f"after: {step.what}")


def test_interrupted_behind_any_step(runtime, kernel, watched, load, asked, nothing_left):
    """But the last, with which the load has happened."""
    name, programs = asked
    counted = Interrupting(1000)
    loaded = load(name, *programs, by=Manager(runtime, kernel=kernel, done=counted))
    watched.unload([each.record.program_id for each in loaded])
    assert len(counted.steps) >= 2 + 2 * len(programs)
    for at in range(len(counted.steps) - 1):
        with pytest.raises(Interrupted, match="after: "):
            load(name, *programs, by=Manager(runtime, kernel=kernel, done=Interrupting(at)))
        assert watched.programs() == []
    nothing_left()


class InTheWay(WatchedKernel):
    """Somebody pins a map of his own just before we pin number `at`, at the same path."""

    def __init__(self, at):
        super().__init__()
        self._at = at
        self._count = 0
        self.theirs = ""

    def pin(self, fd, path):
        self._count += 1
        if self._count > self._at and not self.theirs:
            self.theirs = path
            map_fd = bpf.map_create(2, 4, 4, 1, name="theirs")
            super().pin(map_fd, path)
            os.close(map_fd)
        super().pin(fd, path)


def test_a_pin_that_is_there_already_stays_and_nothing_else(
    runtime, load, asked, watched, kernel, nothing_left
):
    name, programs = asked
    at = 0
    while True:
        in_the_way = InTheWay(at)
        try:
            loaded = load(name, *programs, by=Manager(runtime, kernel=in_the_way))
        except KernelRefused as error:
            refused = error
        else:
            break
        assert in_the_way.theirs in str(refused)
        assert "File exists" in str(refused)
        assert "remove it" in refused.hint
        with watched_map(in_the_way.theirs) as theirs:
            assert theirs.info.name == "theirs"
        os.unlink(in_the_way.theirs)
        if "/maps/" in in_the_way.theirs:
            os.rmdir(os.path.dirname(in_the_way.theirs))
        assert watched.programs() == []
        kernel.programs += in_the_way.programs
        kernel.maps += in_the_way.maps
        at += 1
    assert at > 0
    watched.unload([each.record.program_id for each in loaded])
    nothing_left()


def watched_map(path):
    from bpfman import Map

    found = Map.pinned(path)
    assert found is not None
    return found


def test_no_room_for_a_copy(runtime, watched, load, asked, nothing_left):
    """Something else is where copies are prepared."""
    name, programs = asked
    watched.unload([each.record.program_id for each in load("xdp_pass", "xdp:xdp_pass", by=watched)])
    os.rmdir(runtime.staging)
    os.close(os.open(runtime.staging, os.O_CREAT))
    with pytest.raises(StoreError, match=r"programs/\.staging"):
        load(name, *programs, by=watched)
    os.unlink(runtime.staging)
    os.mkdir(runtime.staging)
    nothing_left()


def test_what_an_earlier_load_shares_stays(manager, load):
    """A map pinned by name has a user already: the one that fails takes nothing from it."""
    [first] = load("pin_by_name", "xdp:pin_by_name")
    shared = manager.layout.shared_map("pinned_count")
    before = os.stat(shared).st_ino
    for at in range(3):
        failing = Manager(manager.layout, done=Interrupting(at))
        with pytest.raises(Interrupted):
            load("pin_by_name", "xdp:pin_by_name", by=failing)
    assert os.stat(shared).st_ino == before
    assert [entry.program_id for entry in manager.programs()] == [first.record.program_id]
    manager.unload([first.record.program_id])
    assert not os.path.exists(shared)
