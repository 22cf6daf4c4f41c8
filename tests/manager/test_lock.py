# SPDX-License-Identifier: Apache-2.0
"""Changes wait for one another; looking waits for nobody."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bpfman
from bpfman import Manager, ProgramSpec
from bpfman.errors import LockTimeout, VerifierRefused
from bpfman.manager.plan import Planned
from tests.bpf.crafted import OBJECTS

pytestmark = pytest.mark.kernel

HOLD = """
import sys
from bpfman.store.lock import WriterLock
with WriterLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def impatient(runtime):
    return Manager(runtime, lock_timeout=0.02)


@pytest.fixture
def held(runtime, manager, load):
    """Another process holds the writer lock; gives its id.  One program is loaded."""
    load("xdp_counter", "xdp:xdp_stats")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, runtime.lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process.pid
    finally:
        process.communicate(timeout=10)


def test_looking_does_not_wait_for_the_lock(manager, held):
    """It is held until the test ends: whatever waited for it would wait for ever."""
    forever = Manager(manager.layout, lock_timeout=None)
    [entry] = forever.programs()
    assert entry.kernel is not None
    assert forever.program(entry.program_id).record == entry.record
    assert forever.programs(kernel_too=True)
    assert (forever.links(), forever.chains()) == ([], [])
    assert [each.name for each in forever.maps()] == ["xdp_stats_map"]
    with forever.open_map("xdp_stats_map") as stats:
        assert stats.info.name == "xdp_stats_map"


def changes(manager):
    [entry] = manager.programs()
    program_id = entry.program_id
    yield lambda by: by.load_file(str(OBJECTS / "xdp_pass.o"), [ProgramSpec("xdp", "xdp_pass")])
    yield lambda by: by.load_file(str(OBJECTS / "pin_by_name.o"), [ProgramSpec("xdp", "pin_by_name")])
    yield lambda by: by.unload([program_id])
    yield lambda by: by.delete_programs(None)
    yield lambda by: by.attach(program_id, bpfman.xdp("lo", priority=1))
    yield lambda by: by.detach([1])
    yield lambda by: by.delete_links([1])


def test_changes_say_who_keeps_them_waiting(manager, impatient, held):
    before = manager.programs()
    for change in changes(manager):
        with pytest.raises(LockTimeout) as refused:
            change(impatient)
        assert str(refused.value) == (
            f"timed out waiting for lock {manager.layout.lock} (--lock-timeout=20ms)"
        )
        assert f"process {held}" in refused.value.hint
    assert manager.programs() == before


def test_the_verifier_is_asked_before_the_lock(impatient, held):
    """Which may take long, and needs no lock."""
    with pytest.raises(VerifierRefused):
        impatient.load_file(str(OBJECTS / "xdp_bad.o"), [ProgramSpec("xdp", "bad")])


def test_where_maps_are_shared_the_lock_comes_first(manager, impatient, held):
    [entry] = manager.programs()
    with pytest.raises(LockTimeout):
        impatient.load_file(
            str(OBJECTS / "xdp_bad.o"), [ProgramSpec("xdp", "bad")], map_owner_id=entry.program_id
        )


def test_a_dry_run_needs_no_lock(runtime, held):
    with pytest.raises(Planned):
        Manager(runtime, dry_run=True).delete_programs(None)


WORK = """
import sys
from bpfman import Layout, Manager, ProgramSpec
manager = Manager(Layout(sys.argv[1]))
for _ in range(3):
    [one] = manager.load_file(sys.argv[2], [ProgramSpec("xdp", "xdp_stats")])
    [other] = manager.load_file(sys.argv[2], [ProgramSpec("xdp", "xdp_stats")], map_owner_id=one.record.program_id)
    manager.unload([one.record.program_id])
    print(other.record.program_id)
"""


def test_many_at_once_lose_and_double_nothing(runtime, manager):
    """Also the very first, which make the directories, the database and the bpffs."""
    arguments = [sys.executable, "-c", WORK, runtime.runtime_dir, str(OBJECTS / "xdp_counter.o")]
    processes = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    results = [process.communicate(timeout=60) for process in processes]
    assert [errors for _, errors in results if errors] == []
    loaded = [int(line) for output, _ in results for line in output.split()]
    entries = manager.programs()
    assert sorted(loaded) == [entry.program_id for entry in entries]
    assert len(loaded) == 18
    assert all(entry.kernel for entry in entries)
    assert len({entry.kernel.map_ids for entry in entries}) == 18
    manager.delete_programs(None)
    assert manager.maps() == []
