# SPDX-License-Identifier: Apache-2.0
"""Which programs share which maps, and how long those live."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from functools import partial

import pytest

from bpfman import Map, ProgramSpec
from bpfman.bpf import pin as bpf_pin
from bpfman.bpf.program import Program
from bpfman.errors import InvalidRequest, MapNotFound, MapOwnerNotFound
from tests.bpf.crafted import OBJECTS, read_object
from tests.manager.hooks import wait_until

pytestmark = pytest.mark.kernel

PASS = 2  # the key under which xdp_counter counts


def ids(loaded):
    return [each.record.program_id for each in loaded]


def only_map(program):
    [found] = program.status.maps
    return found


def run(program_id, times=1):
    with Program.by_id(program_id) as program:
        program.test_run(bytes(64), repeat=times)


def packets(path):
    """What xdp_counter counted in the map pinned at a path."""
    found = Map.pinned(path)
    assert found is not None
    with found:
        return sum(cpu["rx_packets"] for cpu in found[PASS])


# of one's own


def test_separate_loads_have_maps_of_their_own(manager, load):
    one, other = (load("xdp_counter", "xdp:xdp_stats")[0] for _ in range(2))
    assert only_map(one).kernel.id != only_map(other).kernel.id
    run(one.record.program_id, 3)
    first, second = (manager.program(each.record.program_id) for each in (one, other))
    assert packets(only_map(first).pin_path) == 3
    assert packets(only_map(second).pin_path) == 0
    assert (first.status.map_used_by, second.status.map_used_by) == ((ids([one])[0],), (ids([other])[0],))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_programs_of_one_load_share_its_maps_and_none_owns_them(manager, load, order):
    loaded = load("two_programs", "xdp:first_xdp", "tc:second_tc")
    first, second = (manager.program(program_id) for program_id in ids(loaded))
    assert only_map(first).kernel.id == only_map(second).kernel.id
    assert [each.record.map_owner_id for each in (first, second)] == [None, None]
    pins = [manager.layout.map_pin(program_id, "shared_counts") for program_id in ids(loaded)]
    assert [only_map(each).pin_path for each in (first, second)] == pins
    for number, index in enumerate(order, 1):
        manager.unload([ids(loaded)[index]])
        assert [os.path.exists(pin) for pin in pins].count(True) == 2 - number
        assert not os.path.exists(manager.layout.map_dir(ids(loaded)[index]))


# --map-owner-id


def test_counters_accumulate_in_the_owners_map(manager, load):
    [owner] = load("xdp_counter", "xdp:xdp_stats")
    owner_id = owner.record.program_id
    run(owner_id, 2)
    [user] = load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner_id)
    run(user.record.program_id, 5)
    got = manager.program(user.record.program_id)
    assert only_map(got).kernel.id == only_map(owner).kernel.id
    assert packets(manager.layout.map_pin(owner_id, "xdp_stats_map")) == 7
    assert (got.record.map_owner_id, got.record.map_pin_path) == (owner_id, manager.layout.map_dir(owner_id))
    assert only_map(got).pin_path == manager.layout.map_pin(owner_id, "xdp_stats_map")
    assert not os.path.exists(manager.layout.map_dir(user.record.program_id))
    for program_id in (owner_id, user.record.program_id):
        assert manager.program(program_id).status.map_used_by == (owner_id, user.record.program_id)
    assert manager.program(owner_id).record.map_owner_id is None


def test_global_data_is_never_shared(manager, load):
    [owner] = load("globals", "xdp:globals", globals={"GLOBAL_u8": b"\1"})
    [user] = load(
        "globals", "xdp:globals", globals={"GLOBAL_u8": b"\2"}, map_owner_id=owner.record.program_id
    )
    maps = [{each.kernel.name: each.kernel.id for each in program.status.maps} for program in (owner, user)]
    assert [name for name in maps[0] if maps[0][name] == maps[1][name]] == ["seen"]
    run(user.record.program_id)
    with manager.open_map("seen", owner.record.program_id) as seen:
        assert seen[0]["u8"] == 2


def test_every_kind_of_map_can_be_shared(manager, load):
    """Also those whose size libbpf chooses when it makes them."""
    [owner] = load("map_kinds", "xdp:map_kinds")
    load("map_kinds", "xdp:map_kinds", map_owner_id=owner.record.program_id)
    assert {len(each.programs) for each in manager.maps()} == {2}
    assert len(manager.maps()) == 14


def test_a_map_set_outlives_its_owner(manager, load):
    [owner_id] = ids(load("xdp_counter", "xdp:xdp_stats"))
    users = [ids(load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner_id))[0] for _ in range(2)]
    pin = manager.layout.map_pin(owner_id, "xdp_stats_map")
    run(users[0], 4)
    manager.unload([owner_id])
    assert packets(pin) == 4
    run(users[1], 1)
    assert only_map(manager.program(users[1])).pin_path == pin
    assert manager.program(users[1]).status.map_used_by == tuple(users)
    manager.unload([users[0]])
    assert packets(pin) == 5
    manager.unload([users[1]])
    assert not os.path.exists(manager.layout.map_dir(owner_id))


def test_a_program_that_uses_anothers_maps_owns_none(load, manager):
    [owner_id] = ids(load("xdp_counter", "xdp:xdp_stats"))
    [user_id] = ids(load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner_id))
    with pytest.raises(MapOwnerNotFound, match=f"map_owner_id {user_id} does not exist") as refused:
        load("xdp_counter", "xdp:xdp_stats", map_owner_id=user_id)
    assert f"program {owner_id}" in refused.value.hint
    manager.unload([owner_id])
    with pytest.raises(MapOwnerNotFound):
        load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner_id)


def test_an_owner_that_the_kernel_no_longer_has(manager, load):
    """Its pin was removed by hand; it is forgotten, and nothing is shared with it."""
    [owner] = load("xdp_counter", "xdp:xdp_stats")
    os.unlink(owner.record.pin_path)
    wait_until(lambda: manager.program(owner.record.program_id).status.kernel is None)
    with pytest.raises(MapOwnerNotFound):
        load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner.record.program_id)
    assert manager.programs() == []
    assert not os.path.exists(owner.record.map_pin_path)


def test_an_owner_without_a_map_of_that_name(load):
    [owner_id] = ids(load("tc_counter", "tc:stats"))
    with pytest.raises(
        InvalidRequest, match=f'map "xdp_stats_map" is not among the maps of program {owner_id}: tc_stats'
    ):
        load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner_id)


def test_an_owner_whose_map_has_another_shape(manager, load, tmp_path):
    [owner_id] = ids(load("xdp_counter", "xdp:xdp_stats"))
    other = tmp_path / "other.o"
    other.write_bytes(with_entries(read_object("xdp_counter.o"), 5, 10))
    wanted = [ProgramSpec("xdp", "xdp_stats")]
    with pytest.raises(
        InvalidRequest, match=r'map "xdp_stats_map" cannot be shared: its max entries is 10 .* and 5'
    ):
        manager.load_file(str(other), wanted, map_owner_id=owner_id)
    assert [entry.program_id for entry in manager.programs()] == [owner_id]
    assert len(manager.load_file(str(other), wanted)) == 1


def test_an_owner_whose_pin_was_removed(manager, load):
    [owner] = load("xdp_counter", "xdp:xdp_stats")
    os.unlink(f"{owner.record.map_pin_path}/xdp_stats_map")
    with pytest.raises(MapNotFound, match=r'map "xdp_stats_map" .* cannot be shared: its pin .* was removed'):
        load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner.record.program_id)
    assert [entry.program_id for entry in manager.programs()] == [owner.record.program_id]


# LIBBPF_PIN_BY_NAME


def test_a_map_pinned_by_name_is_one_for_all_loads(manager, load):
    loaded = [load("pin_by_name", "xdp:pin_by_name")[0] for _ in range(3)]
    assert len({only_map(each).kernel.id for each in loaded}) == 1
    assert len({each.record.program_id for each in loaded}) == 3
    assert [each.record.map_owner_id for each in loaded] == [None] * 3
    for each in loaded:
        run(each.record.program_id, 2)
    for path in [
        manager.layout.shared_map("pinned_count"),
        *(f"{p.record.map_pin_path}/pinned_count" for p in loaded),
    ]:
        shared = Map.pinned(path)
        assert shared is not None
        with shared:
            assert shared[0] == 6


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_its_pin_goes_with_its_last_user(manager, load, order):
    loaded = [load("pin_by_name", "xdp:pin_by_name")[0] for _ in range(3)]
    pin = manager.layout.shared_map("pinned_count")
    for index in order[:2]:
        manager.unload([loaded[index].record.program_id])
        assert os.path.exists(pin)
    manager.unload([loaded[order[2]].record.program_id])
    assert not os.path.exists(pin)
    [anew] = load("pin_by_name", "xdp:pin_by_name")
    assert only_map(anew).kernel.id != only_map(loaded[0]).kernel.id


def test_its_pin_is_not_taken_from_a_user_that_is_gone(manager, load):
    """The program's own pin was removed by hand, its record and the shared pin are left: the next load reaps first, and
    then pins a map of its own."""
    [first] = load("pin_by_name", "xdp:pin_by_name")
    os.unlink(first.record.pin_path)
    wait_until(lambda: manager.program(first.record.program_id).status.kernel is None)
    [second] = load("pin_by_name", "xdp:pin_by_name")
    shared = Map.pinned(manager.layout.shared_map("pinned_count"))
    assert shared is not None
    with shared:
        assert shared.info.id == only_map(second).kernel.id
    assert [entry.program_id for entry in manager.programs()] == [second.record.program_id]


def test_something_else_under_its_name(manager, load):
    [program] = load("xdp_pass", "xdp:xdp_pass")
    pin = manager.layout.shared_map("pinned_count")
    os.makedirs(os.path.dirname(pin))
    with Program.by_id(program.record.program_id) as opened:
        bpf_pin.pin(opened.fd, pin)
    with pytest.raises(InvalidRequest, match=f"pinned at {pin} is a program, not a map"):
        load("pin_by_name", "xdp:pin_by_name")
    assert len(manager.programs()) == 1


LOAD = """
import sys
from bpfman import Layout, Manager, ProgramSpec
manager = Manager(Layout(sys.argv[1]))
[program] = manager.load_file(sys.argv[2], [ProgramSpec("xdp", "pin_by_name")])
print(program.record.program_id, program.status.maps[0].kernel.id)
"""


def test_loads_at_the_same_time_share_it_too(manager, runtime):
    arguments = [sys.executable, "-c", LOAD, runtime.runtime_dir, str(OBJECTS / "pin_by_name.o")]
    start = partial(subprocess.Popen, arguments, stdout=subprocess.PIPE, text=True)
    processes = [start() for _ in range(4)]
    results = [tuple(map(int, process.communicate(timeout=60)[0].split())) for process in processes]
    assert len({map_id for _, map_id in results}) == 1
    assert {program_id for program_id, _ in results} == {entry.program_id for entry in manager.programs()}
    manager.delete_programs(None)
    assert not os.path.exists(manager.layout.shared_map("pinned_count"))


# finding them


def test_maps_are_listed_once_with_their_users(manager, load):
    [owner_id] = ids(load("xdp_counter", "xdp:xdp_stats"))
    [user_id] = ids(load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner_id))
    pair = ids(load("two_programs", "xdp:first_xdp", "tc:second_tc"))
    listed = [(each.name, each.programs, each.kernel.name) for each in manager.maps()]
    assert listed == [
        ("xdp_stats_map", (owner_id, user_id), "xdp_stats_map"),
        *(("shared_counts", (program_id,), "shared_counts") for program_id in pair),
    ]


def test_a_map_is_found_by_name_id_and_pin(manager, load):
    [program] = load("xdp_counter", "xdp:xdp_stats")
    [shown] = manager.maps()
    for which in ("xdp_stats_map", str(shown.kernel.id), shown.pin_path):
        with manager.open_map(which) as found:
            assert found.info.id == shown.kernel.id
    with manager.open_map("xdp_stats_map", program.record.program_id) as found:
        assert found.info.id == shown.kernel.id


def test_a_name_that_several_maps_have_needs_a_program(manager, load):
    one, other = (ids(load("xdp_counter", "xdp:xdp_stats"))[0] for _ in range(2))
    with pytest.raises(InvalidRequest, match=f'several programs have a map "xdp_stats_map": {one}, {other}'):
        manager.open_map("xdp_stats_map")
    with manager.open_map("xdp_stats_map", other) as found:
        assert found.info.id == only_map(manager.program(other)).kernel.id


def test_one_map_in_several_directories_is_one(manager, load):
    load("two_programs", "xdp:first_xdp", "tc:second_tc")
    with manager.open_map("shared_counts") as found:
        assert found.info.name == "shared_counts"


@pytest.mark.parametrize(
    "which", ["nope", "4294967295", "99999999999999999999", "/nowhere", "xdp_stats_map "]
)
def test_a_map_that_is_not_there(manager, load, which):
    load("xdp_counter", "xdp:xdp_stats")
    with pytest.raises(MapNotFound) as refused:
        manager.open_map(which)
    assert "xdp_stats_map" in str(refused.value) + refused.value.hint or "map list" in refused.value.hint


def test_a_program_is_no_map(manager, load):
    [program] = load("xdp_pass", "xdp:xdp_pass")
    with pytest.raises(InvalidRequest, match="is a program, not a map"):
        manager.open_map(program.record.pin_path)


def with_entries(data, old, new):
    """An object whose map has `new` entries where it had `old`: the length of an array type in its BTF."""
    array = struct.pack("=II", 3 << 24, 0)  # info and size of struct btf_type; then struct btf_array
    pattern = re.compile(re.escape(array) + b"(.{8})" + re.escape(struct.pack("=I", old)), re.DOTALL)
    changed, count = pattern.subn(lambda match: array + match[1] + struct.pack("=I", new), data)
    assert count == 1
    return changed
