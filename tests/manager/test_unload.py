# SPDX-License-Identifier: Apache-2.0
"""What goes with a program, what stays, and what is no obstacle."""

from __future__ import annotations

import errno
import os
import shutil
from itertools import permutations

import pytest

import bpfman
from bpfman.bpf.program import Program
from bpfman.errors import KernelRefused, LinkNotFound, PartialFailure, ProgramNotFound
from bpfman.manager import detaching
from bpfman.syscalls import bpf, mounts
from tests.chain.parts import EXITING
from tests.manager.hooks import files_below

pytestmark = pytest.mark.kernel

NEVER = 4_000_000_000  # no program has this id


def ids(loaded):
    return [each.record.program_id for each in loaded]


def there(manager):
    return [entry.program_id for entry in manager.programs()]


@pytest.fixture
def foreign():
    """The id of a program that bpfman did not load."""
    with Program(bpf.prog_load(6, EXITING, "GPL", name="foreign")) as program:
        yield program.info.id


@pytest.mark.parametrize(
    "name", ["xdp_counter:xdp_stats", "globals:globals", "map_kinds:map_kinds", "no_btf:no_btf"]
)
def test_nothing_of_it_is_left(watched, load, nothing_left, name):
    name, program = name.split(":")
    [loaded] = load(name, f"xdp:{program}", by=watched)
    watched.unload(ids([loaded]))
    nothing_left()
    with pytest.raises(ProgramNotFound, match=f"program {loaded.record.program_id} does not exist"):
        watched.program(loaded.record.program_id)


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_owners_and_users_go_in_any_order(watched, load, nothing_left, order):
    [owner] = load("xdp_counter", "xdp:xdp_stats", by=watched)
    users = [
        load("xdp_counter", "xdp:xdp_stats", by=watched, map_owner_id=owner.record.program_id)[0]
        for _ in range(2)
    ]
    all_three = ids([owner, *users])
    watched.unload([all_three[index] for index in order])
    nothing_left()


def test_its_links_go_first(manager, load, veth):
    [program] = load("xdp_counter", "xdp:xdp_stats")
    place = bpfman.xdp(veth.a.interface, priority=50, netns=veth.a.namespace.path)
    links = [manager.attach(program.record.program_id, place).record.id for _ in range(2)]
    manager.unload(ids([program]))
    assert (manager.links(), manager.chains()) == ([], [])
    for link in links:
        with pytest.raises(LinkNotFound):
            manager.link(link)
    assert files_below(manager.layout) == set()


# several at once


def test_every_id_is_tried_and_each_failure_told(manager, load, foreign):
    first, last = (ids(load("xdp_pass", "xdp:xdp_pass"))[0] for _ in range(2))
    with pytest.raises(PartialFailure) as failed:
        manager.unload([first, NEVER, foreign, last])
    assert str(failed.value) == "2 of 4 program(s) failed to unload"
    assert [(what, str(error)) for what, error in failed.value.failures] == [
        (f"program {NEVER}", f"program {NEVER} does not exist"),
        (f"program {foreign}", f"program {foreign} exists in kernel but is not managed by bpfman"),
    ]
    assert all(error.hint for _, error in failed.value.failures)
    assert there(manager) == []


@pytest.mark.parametrize("program_id", [NEVER, 0, -1, 1 << 32, 1 << 70])
def test_an_id_that_is_not_there(manager, program_id):
    with pytest.raises(PartialFailure, match=r"1 of 1 program\(s\) failed to unload") as failed:
        manager.unload([program_id])
    assert str(failed.value.failures[0][1]) == f"program {program_id} does not exist"


def test_ids_that_are_cut_to_32_bits_are_nobodys(manager, load):
    [program_id] = ids(load("xdp_pass", "xdp:xdp_pass"))
    with pytest.raises(PartialFailure) as failed:
        manager.unload([(1 << 32) + program_id])
    assert "does not exist" in str(failed.value.failures[0][1])
    assert there(manager) == [program_id]


def test_missing_ones_can_be_ignored(manager, load, foreign):
    [program_id] = ids(load("xdp_pass", "xdp:xdp_pass"))
    manager.unload([NEVER, program_id, foreign, program_id], ignore_missing=True)
    assert there(manager) == []
    with Program.by_id(foreign) as still:
        assert still.info.name == "foreign"


def test_no_ids_are_no_work(manager):
    manager.unload([])
    manager.delete_programs([])


# what somebody removed before


def remove_pin(program, layout):
    os.unlink(program.record.pin_path)


def remove_map_pins(program, layout):
    shutil.rmtree(program.record.map_pin_path)


def remove_copy(program, layout):
    shutil.rmtree(layout.program_dir(program.record.program_id))


def remove_note(program, layout):
    os.unlink(layout.provenance(program.record.program_id))


def unmount(program, layout):
    mounts.unmount(layout.fs)


@pytest.mark.parametrize("remove", [remove_pin, remove_map_pins, remove_copy, remove_note, unmount])
@pytest.mark.parametrize("ask", ["unload", "delete_programs"])
def test_what_is_gone_already_is_no_obstacle(watched, load, nothing_left, remove, ask):
    [program] = load("xdp_counter", "xdp:xdp_stats", by=watched)
    remove(program, watched.layout)
    getattr(watched, ask)(ids([program]))
    nothing_left()


def test_a_shared_pin_that_is_gone_is_no_obstacle(watched, load, nothing_left):
    loaded = [load("pin_by_name", "xdp:pin_by_name", by=watched)[0] for _ in range(2)]
    os.unlink(watched.layout.shared_map("pinned_count"))
    watched.unload(ids(loaded))
    nothing_left()


def test_what_others_put_into_its_map_directory_goes_with_it(watched, load, nothing_left):
    """Pins there are maps of the set, whoever made them: they must not keep the set alive."""
    [program] = load("xdp_counter", "xdp:xdp_stats", by=watched)
    with bpfman.Map.by_id(program.status.maps[0].kernel.id) as stats:
        bpf.obj_pin(stats.fd, f"{program.record.map_pin_path}/again")
    watched.unload(ids([program]))
    nothing_left()


# delete


def test_deleting_an_owner_leaves_those_that_use_its_maps(manager, load):
    [owner] = ids(load("xdp_counter", "xdp:xdp_stats"))
    [user] = ids(load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner))
    manager.delete_programs([owner])
    assert there(manager) == [user]
    assert manager.program(user).status.maps[0].present


def test_deleting_recursively_takes_them_along(watched, load, nothing_left):
    [owner] = ids(load("xdp_counter", "xdp:xdp_stats", by=watched))
    users = [ids(load("xdp_counter", "xdp:xdp_stats", by=watched, map_owner_id=owner))[0] for _ in range(2)]
    [other] = ids(load("xdp_pass", "xdp:xdp_pass", by=watched))
    watched.delete_programs([owner], recursive=True)
    assert there(watched) == [other]
    assert users
    watched.delete_programs([other], recursive=True)
    nothing_left()


@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
def test_a_list_may_name_owner_and_users_in_any_order(watched, load, nothing_left, recursive, backwards):
    """Nobody is deleted twice."""
    [owner] = ids(load("xdp_counter", "xdp:xdp_stats", by=watched))
    [user] = ids(load("xdp_counter", "xdp:xdp_stats", by=watched, map_owner_id=owner))
    named = [user, owner, user] if backwards else [owner, user, owner]
    watched.delete_programs(named, recursive=recursive)
    nothing_left()


def test_deleting_all_empties_the_store(watched, load, nothing_left, veth):
    [program, _] = load("two_programs", "xdp:first_xdp", "tc:second_tc", by=watched)
    load("pin_by_name", "xdp:pin_by_name", by=watched)
    place = bpfman.xdp(veth.a.interface, priority=50, netns=veth.a.namespace.path)
    watched.attach(program.record.program_id, place)
    watched.delete_programs(None)
    assert (watched.links(), watched.chains()) == ([], [])
    nothing_left()
    watched.delete_programs(None)


def test_a_failure_to_delete_is_told_as_one(manager, load):
    [program_id] = ids(load("xdp_pass", "xdp:xdp_pass"))
    with pytest.raises(PartialFailure, match=r"1 of 2 program\(s\) failed to delete"):
        manager.delete_programs([NEVER, program_id])
    assert there(manager) == []


def test_members_of_a_chain_leave_it_in_one_change(manager, load, veth):
    place = bpfman.xdp(veth.a.interface, priority=50, netns=veth.a.namespace.path)
    programs = [ids(load("xdp_pass", "xdp:xdp_pass"))[0] for _ in range(4)]
    links = [manager.attach(program, place).record.id for program in programs]
    said: list[str] = []
    watched = bpfman.Manager(manager.layout, done=lambda step: said.append(step.what))

    watched.detach(links[2:])
    assert len([each for each in said if each.startswith("compose")]) == 1, said
    assert [member.program_id for member in manager.chains()[0].members] == programs[1::-1]

    said.clear()
    watched.unload(programs)
    assert not [each for each in said if each.startswith("compose")], said
    assert (manager.chains(), there(manager), files_below(manager.layout)) == ([], [], set())


def test_a_program_whose_hook_cannot_be_changed_stays_with_its_links(manager, load, veth, monkeypatch):
    place = bpfman.xdp(veth.a.interface, priority=50, netns=veth.a.namespace.path)
    first, second, free = (ids(load("xdp_pass", "xdp:xdp_pass"))[0] for _ in range(3))
    links = [manager.attach(program, place).record.id for program in (first, second)]

    def refuse(*_):
        raise KernelRefused("change the hook", errno.EBUSY)

    monkeypatch.setattr(detaching, "leave_chain", refuse)
    with pytest.raises(PartialFailure) as failed:
        manager.unload([first, free, second])
    assert [what for what, _ in failed.value.failures] == [f"program {first}", f"program {second}"]
    assert there(manager) == [first, second]
    assert [record.id for record, _ in manager.links()] == links
