# SPDX-License-Identifier: Apache-2.0
"""What is shown is what the kernel says now, next to what we remember."""

from __future__ import annotations

import os
import shutil

import pytest

from bpfman import Layout, Manager
from bpfman.bpf.program import Program
from bpfman.errors import InvalidRequest, ProgramNotFound
from bpfman.model.attach import xdp
from bpfman.store.database import Store
from bpfman.store.lock import WriterLock
from bpfman.syscalls import bpf, bpf_abi
from tests.chain.parts import EXITING

pytestmark = pytest.mark.kernel


@pytest.fixture
def foreign():
    """A program that bpfman did not load."""
    with Program(bpf.prog_load(6, EXITING, "GPL", name="foreign")) as program:
        yield program


@pytest.fixture
def mistaken(manager, load, foreign):
    """The id of a record whose program went away, and which the kernel then gave to a foreign one."""
    [loaded] = load("xdp_counter", "xdp:xdp_stats")
    record = loaded.record._replace(
        program_id=foreign.info.id, pin_path=manager.layout.program_pin(foreign.info.id)
    )
    with (
        WriterLock(manager.layout.lock, 10) as lock,
        Store.open(manager.layout, write=True) as store,
        store.writing(lock) as change,
    ):
        change.add_program(record, [], store.program_code(loaded.record.program_id))
        change.finish_program(record.program_id)
    manager.unload([loaded.record.program_id])
    return record.program_id


# nothing there


def test_a_directory_that_does_not_exist_is_an_empty_one(tmp_path):
    """And stays away: looking makes nothing."""
    manager = Manager(Layout(str(tmp_path / "nowhere")))
    assert (manager.programs(), manager.links(), manager.chains(), manager.maps()) == ([], [], [], [])
    with pytest.raises(ProgramNotFound):
        manager.program(4_000_000_000)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("program_id", [0, -1, 4_000_000_000, 1 << 32, 1 << 80])
def test_a_program_that_is_not_there(manager, program_id):
    with pytest.raises(ProgramNotFound, match=f"^program {program_id} does not exist$") as refused:
        manager.program(program_id)
    assert refused.value.program_id == program_id
    assert refused.value.hint


# programs of others


def test_a_foreign_program_is_not_ours_to_show(manager, foreign):
    number = foreign.info.id
    with pytest.raises(
        ProgramNotFound, match=f"^program {number} exists in kernel but is not managed by bpfman$"
    ):
        manager.program(number)
    with pytest.raises(ProgramNotFound, match=f"^program {number + (1 << 32)} does not exist$"):
        manager.program(number + (1 << 32))
    assert manager.programs() == []


def test_all_programs_of_the_kernel_can_be_listed(manager, load, foreign):
    [ours] = load("xdp_counter", "xdp:xdp_stats")
    listed = {entry.program_id: entry for entry in manager.programs(kernel_too=True)}
    assert [*listed] == sorted(listed)
    assert (listed[foreign.info.id].record, listed[foreign.info.id].links) == (None, ())
    assert listed[foreign.info.id].kernel == foreign.info
    assert listed[ours.record.program_id].record == ours.record
    assert listed[ours.record.program_id].kernel == ours.status.kernel
    for program_id, entry in listed.items():
        assert entry.kernel is None or entry.kernel.id == program_id


# what changed meanwhile


def test_an_id_that_the_kernel_gave_away_again_is_noticed(manager, mistaken):
    """Another program has it now, with another tag and load time: of that, nothing is shown."""
    shown = manager.program(mistaken)
    assert shown.status.kernel is None
    assert shown.status.maps == ()
    [entry] = manager.programs()
    assert (entry.program_id, entry.kernel) == (mistaken, None)
    [entry] = [entry for entry in manager.programs(kernel_too=True) if entry.program_id == mistaken]
    assert (entry.record.name, entry.kernel) == ("xdp_stats", None)


def test_it_is_never_attached_for_the_one_that_had_its_id(manager, mistaken, veth):
    place = xdp(veth.a.interface, priority=50, netns=veth.a.namespace.path)
    with pytest.raises(
        InvalidRequest, match=f"program {mistaken} exists in store but not in kernel"
    ) as refused:
        manager.attach(mistaken, place)
    assert "load it again" in refused.value.hint
    assert manager.links() == []


def test_the_next_load_forgets_it_and_leaves_the_other_alone(manager, load, mistaken, foreign):
    [loaded] = load("xdp_pass", "xdp:xdp_pass")
    assert [entry.program_id for entry in manager.programs()] == [loaded.record.program_id]
    assert foreign.info.id == mistaken


@pytest.mark.parametrize("field", ["tag", "load_time"])
def test_either_of_tag_and_load_time_tells(manager, load, field):
    """The same program loaded again has the same tag; another one could come at the same time."""
    [loaded] = load("xdp_pass", "xdp:xdp_pass")
    record = loaded.record
    other = record._replace(**{field: "0" * 16 if field == "tag" else record.load_time + 1})
    with (
        WriterLock(manager.layout.lock, 10) as lock,
        Store.open(manager.layout, write=True) as store,
        store.writing(lock) as change,
    ):
        change.remove_program(record.program_id)
        change.add_program(other, [])
        change.finish_program(record.program_id)
    assert manager.program(record.program_id).status.kernel is None


def test_missing_pins_and_copies_are_shown_missing(manager, load):
    [loaded] = load("xdp_counter", "xdp:xdp_stats")
    program_id = loaded.record.program_id
    with Program.by_id(program_id):
        os.unlink(loaded.record.pin_path)
        os.unlink(f"{loaded.record.map_pin_path}/xdp_stats_map")
        shutil.rmtree(manager.layout.program_dir(program_id))
        shown = manager.program(program_id)
    assert shown.status.kernel == loaded.status.kernel
    assert not shown.status.prog_pin_present
    assert not shown.status.bytecode_present
    [stats] = shown.status.maps
    assert (stats.pin_path, stats.present) == (f"{loaded.record.map_pin_path}/xdp_stats_map", False)


def test_runs_are_counted_while_the_kernel_is_asked_to(manager, load):
    [loaded] = load("xdp_counter", "xdp:xdp_stats")
    program_id = loaded.record.program_id
    assert manager.program(program_id).status.kernel.run_count == 0
    with Program.by_id(program_id) as program:
        counting = bpf.call(bpf.ENABLE_STATS, bpf_abi.GetIdAttr())  # BPF_STATS_RUN_TIME is 0
        try:
            program.test_run(bytes(64), repeat=10)
        finally:
            os.close(counting)
    kernel = manager.program(program_id).status.kernel
    assert kernel.run_count == 10
    assert kernel.run_time > 0
