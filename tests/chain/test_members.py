# SPDX-License-Identifier: Apache-2.0
"""Whatever a program does by itself, it does as a member: it runs, keeps what it wrote, and returns to the chain."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess

import pytest

from bpfman.bpf.map import Map
from bpfman.chain import instructions as bpf
from bpfman.chain.compose import MAX_FUNCTIONS, NAME, Place, compose
from bpfman.errors import VerifierRefused
from bpfman.model.verdicts import TC, XDP
from tests.chain.parts import returning

pytestmark = [pytest.mark.kernel, pytest.mark.feature("xdp")]

PASS, DEFAULT = 2, XDP.parse([])
LAST = 77  # what the last member says, to show that it was reached
PACKET = bytes(range(12)) + b"\x08\x00" + bytes(50)
KINDS_OF_CODE = [
    "xdp_pass",
    "xdp_subprogs",
    "xdp_loop",
    "xdp_frags",
    "no_btf",
    "gpl_helper",
    "nongpl",
    "dead_code",
]
SINCE = {"xdp_loop": (5, 17), "dead_code": (5, 17), "xdp_frags": (5, 18), "local_types": (6, 3)}  # kernels


@pytest.fixture
def loaded(loaded):
    """Where the kernel has what a program uses."""

    def load(name, *programs, **options):
        if kernel() < SINCE.get(name, (0, 0)):
            pytest.skip("kernel {}.{} or newer".format(*SINCE[name]))
        return loaded(name, *programs, **options)

    return load


@pytest.fixture(params=[True, False], ids=["global", "static"])
def exported(request):
    return request.param


def with_last(*members, counted=None, **options):
    """A chain of these and one that says it was reached."""
    places = [Place(each, DEFAULT, slot) for slot, each in enumerate([*members, returning(LAST)])]
    return compose(places, XDP, accounting=counted, **options)


@pytest.mark.parametrize("name", KINDS_OF_CODE)
def test_any_program_returns_to_the_chain(name, exported, member, chain):
    program = chain(with_last(member(name), exported=exported))
    assert program.test_run(PACKET).verdict == LAST


def test_all_together_run_each_once(exported, member, chain, counters):
    """But one, whose licence keeps others from their helpers."""
    members = [
        member(name) for name in KINDS_OF_CODE if name != "nongpl" and kernel() >= SINCE.get(name, (0, 0))
    ]
    program = chain(with_last(*members, counted=counters.info.id, exported=exported))
    assert program.test_run(PACKET).verdict == LAST
    values = counters.split(counters.lookup(bytes(4)))
    totals = [sum(struct.unpack(f"={len(value) // 8}Q", value)) for value in values]
    assert sum(totals) == len(members) + 1


def test_functions_of_a_member_are_called(exported, loaded, chain, counter):
    there = loaded("xdp_subprogs")
    program = chain(with_last(*there.parts, exported=exported))
    program.test_run(PACKET, repeat=5)
    assert counter(there.map_id("calls")) == {0: 5, 1: 5}


@pytest.mark.feature("bpf_loop")
def test_a_callback_of_a_member_is_called_back(exported, loaded, chain, counter):
    there = loaded("xdp_loop")
    program = chain(with_last(*there.parts, exported=exported))
    program.test_run(PACKET, repeat=3)
    assert counter(there.map_id("loop_rounds")) == {0: 30}


@pytest.mark.parametrize(("wanted", "runs"), [(b"\0", {0: 0, 1: 3}), (b"\1", {0: 1, 1: 3})])
def test_a_member_with_functions_that_are_never_called(wanted, runs, exported, loaded, chain, counter):
    """The kernel dropped them, and their types, when it loaded the program: fewer types than functions."""
    there = loaded("dead_code", globals={"wanted": wanted})
    (member,) = there.parts
    starts = bpf.function_starts(member.code.instructions)
    assert (len(starts) == len(member.functions)) is (wanted == b"\1")
    assert chain(with_last(member, exported=exported)).test_run(PACKET).verdict == LAST
    assert counter(there.map_id("dead_code_runs")) == runs


def test_a_tail_call_ends_its_member_and_the_chain_goes_on(exported, loaded, chain, counter):
    there = loaded("xdp_tailcall", "xdp_tailcall", "xdp_tail_target")
    with Map.by_id(there.map_id("jump")) as jump:
        jump.update(bytes(4), struct.pack("=I", there.program_fd("xdp_tail_target")))
    program = chain(with_last(there.parts[0], exported=exported))
    assert program.test_run(PACKET, repeat=4).verdict == LAST
    assert counter(there.map_id("tail_runs")) == {0: 0, 1: 4}


def test_a_tail_call_into_nothing_goes_on_in_its_member(exported, loaded, chain, counter):
    there = loaded("xdp_tailcall", "xdp_tailcall")
    program = chain(with_last(*there.parts, exported=exported))
    assert program.test_run(PACKET).verdict == LAST
    assert counter(there.map_id("tail_runs")) == {0: 1, 1: 0}


def test_what_a_member_pushes_in_front_of_the_packet_stays(exported, member, chain):
    program = chain(with_last(member("xdp_adjust_head", globals={"vlan_id": b"\x07\0"}), exported=exported))
    result = program.test_run(PACKET, room=256)
    assert result.verdict == LAST
    assert result.packet == PACKET[:12] + b"\x81\x00\x00\x07" + PACKET[12:]


def test_two_members_push_one_after_the_other(member, chain):
    inner, outer = (member("xdp_adjust_head", globals={"vlan_id": bytes((n, 0))}) for n in (1, 2))
    result = chain(with_last(inner, outer)).test_run(PACKET, room=256)
    assert result.packet[12:20] == b"\x81\x00\x00\x02\x81\x00\x00\x01"


@pytest.mark.feature("full stack")
def test_a_member_may_use_nearly_all_of_the_stack(member, chain, counters):
    if kernel() < (6, 8):
        pytest.skip("kernel 6.8 or newer")
    assert chain(with_last(member("big_stack"))).test_run(PACKET).verdict == LAST
    assert chain(with_last(member("big_stack"), counted=counters.info.id)).test_run(PACKET).verdict == LAST


def test_a_program_twice_runs_twice(loaded, chain, counter):
    there = loaded("xdp_counter", "xdp_stats")
    (member,) = there.parts
    program = chain(with_last(member, returning(PASS), member))
    assert program.test_run(PACKET, repeat=10).verdict == LAST
    with Map.by_id(there.map_id("xdp_stats_map")) as stats:
        assert sum(cpu["rx_packets"] for cpu in stats[PASS]) == 20


def test_globals_of_two_loads_stay_apart(loaded, chain):
    one, other = (loaded("globals", globals={"GLOBAL_u8": bytes((n,))}) for n in (11, 22))
    chain(with_last(*one.parts, *other.parts)).test_run(PACKET)
    for there, number in ((one, 11), (other, 22)):
        with Map.by_id(there.map_id("seen")) as seen:
            assert seen[0]["u8"] == number


@pytest.mark.feature("tc")
def test_classifiers_are_members_too(exported, loaded, chain, counter):
    there = loaded("tc_verdicts", "tc_pipe", "tc_shot", kind="tc")
    places = [Place(each, TC.parse([])) for each in there.parts]
    program = chain(compose(places, TC, exported=exported), "tc")
    assert program.test_run(PACKET, repeat=3).verdict == TC.codes["shot"]
    runs = counter(there.map_id("runs"))
    assert {key: count for key, count in runs.items() if count} == {TC.bit(3): 3, TC.bit(2): 3}


def test_as_many_members_as_the_kernel_takes(exported, chain, counters):
    """250 members with a map's help, 255 without."""
    for members, counted in ((250, counters.info.id), (MAX_FUNCTIONS - 1, None)):
        places = [Place(returning(PASS, f"member_{n}"), DEFAULT, n) for n in range(members - 1)]
        places.append(Place(returning(LAST, "last"), DEFAULT, members - 1))
        program = chain(compose(places, XDP, exported=exported, accounting=counted))
        assert program.test_run(PACKET).verdict == LAST


@pytest.mark.feature("bpf_obj_new_impl")
def test_a_program_that_allocates_objects_of_its_own_types(member, chain):
    """Behind one whose BTF would move its types' ids."""
    if "bpf_obj_new_impl" not in kernel_functions():
        pytest.skip("this kernel has no bpf_obj_new_impl")
    types, plain = member("local_types"), member("xdp_loop")
    assert types.code.local_types
    assert chain(with_last(plain, types)).test_run(PACKET).verdict == LAST


def test_a_program_that_no_global_function_can_be_is_a_static_one(member, chain):
    place = Place(member("returns_pointer"), DEFAULT)
    places = [Place(returning(PASS), DEFAULT), place, Place(returning(PASS), DEFAULT)]
    with pytest.raises(VerifierRefused, match="failed to load program bpfman_chain"):
        chain(compose(places, XDP))
    assert chain(compose(places, XDP, exported=False)).test_run(PACKET).verdict not in XDP.codes.values()


def test_a_member_that_is_not_gpl_compatible_makes_the_chain_so(member, chain):
    program = chain(with_last(member("nongpl"), member("xdp_pass")))
    assert not program.info.gpl_compatible
    with pytest.raises(VerifierRefused) as refused:
        chain(with_last(member("nongpl"), member("gpl_helper")))
    assert "GPL" in refused.value.log


# names


def test_names_of_members_and_their_functions_show_in_dumps(member, chain):
    if shutil.which("bpftool") is None:
        pytest.skip("needs the command bpftool")
    program = chain(with_last(member("xdp_subprogs"), member("xdp_pass")))
    dumped = bpftool("prog", "dump", "xlated", "id", str(program.info.id))
    for name in (NAME, "xdp_subprogs", "count_call", "global_function", "xdp_pass", f"returns_{LAST}"):
        assert f" {name}(" in dumped
    types = bpftool("btf", "dump", "id", str(program.info.btf_id))
    functions = dict(re.findall(r"FUNC '(\w+)' type_id=\d+ linkage=(\w+)", types))
    assert functions[NAME] == "static"
    assert {functions["xdp_pass"], functions["global_function"]} == {"global"}


def test_names_of_members_show_in_the_kernels_symbols(member, chain):
    """Where perf and stack traces look."""
    program = chain(with_last(member("xdp_pass"), returning(PASS, "my_filter")))
    with open("/proc/sys/net/core/bpf_jit_kallsyms", encoding="ascii") as file:
        if file.read().strip() != "1":
            pytest.skip("this kernel hides the names of BPF programs (net.core.bpf_jit_kallsyms)")
    symbols = kernel_functions()
    assert f"bpf_prog_{program.info.tag}_{NAME}" in symbols
    assert any(name.startswith("bpf_prog_") and name.endswith("_my_filter") for name in symbols)


def bpftool(*arguments: str) -> str:
    return subprocess.run(["bpftool", *arguments], capture_output=True, text=True, check=True).stdout


def kernel() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int(minor)


def kernel_functions() -> set[str]:
    with open("/proc/kallsyms", encoding="ascii") as file:
        return {line.split()[2] for line in file}
