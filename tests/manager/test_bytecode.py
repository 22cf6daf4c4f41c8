# SPDX-License-Identifier: Apache-2.0
"""What images need to know of an object is taken out of it as libbpf would see it; damage is an ObjectError."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.bpf.elf import SHT_REL, ElfFile
from bpfman.errors import ObjectError
from bpfman.images.bytecode import Map
from bpfman.images.capability import capabilities_of
from bpfman.manager.bytecode import read_bytecode
from tests.rules.repository import ROOT

OBJECTS = ROOT / "tests" / "objects"


def read(name: str, **more):
    return read_bytecode((OBJECTS / f"{name}.o").read_bytes(), **more)


def function(bytecode, name: str):
    return next(each for each in bytecode.functions if each.name == name)


def test_programs_maps_and_licence():
    found = read("xdp_counter")
    assert found.program_labels == {"xdp_stats": "xdp"}
    assert found.map_labels == {"xdp_stats_map": "per_cpu_array"}
    assert found.maps == (Map("xdp_stats_map", 6, 4, 16, 5, False),)
    assert (found.license, found.byteorder, found.gpl_compatible) == ("Dual BSD/GPL", "little", True)


def test_maps_that_are_pinned_by_name_are_shared():
    assert [each.shared for each in read("pin_by_name").maps] == [True]


def test_calls_are_resolved_in_and_out_of_sections():
    found = read("xdp_subprogs")
    names = [each.name for each in found.functions]
    assert [names[target] for target in function(found, "xdp_subprogs").calls.values()] == [
        "count_call",
        "global_function",
    ]


def test_callbacks_are_told_from_maps():
    found = read("xdp_loop")
    names = [each.name for each in found.functions]
    targets = [
        None if each is None else names[each] for each in function(found, "xdp_loop").addresses.values()
    ]
    assert targets == ["one_round", None]


def test_kernel_functions_are_named():
    found = function(read("capabilities"), "rewrites_by_a_kernel_function")
    assert list(found.calls.values()) == ["bpf_dynptr_from_skb", "bpf_dynptr_slice_rdwr"]


def test_kernel_symbols_are_named_and_told_from_the_configuration():
    found = function(read("capabilities"), "looks_where_the_kernel_is")
    assert list(found.addresses.values()) == [None, "_stext"]


def test_what_is_filled_in_at_load_is_marked():
    found = function(read("capabilities"), "drops_by_relocation")
    assert len(found.patched) == 1
    assert function(read("capabilities"), "reads_packets").patched == frozenset()


def test_a_second_relocation_of_one_instruction_is_refused():
    """Two readers could each follow another one."""
    data = (OBJECTS / "xdp_subprogs.o").read_bytes()
    elf = ElfFile.parse(data)
    section = next(each for each in elf.sections if each.type == SHT_REL and each.name == ".relxdp")
    first, second = section.offset, section.offset + 16  # sizeof(Elf64_Rel)
    assert section.size >= 32
    with pytest.raises(ObjectError, match="a second time"):
        read_bytecode(data[:second] + data[first : first + 8] + data[second + 8 :])


def test_maps_of_sockets_are_told():
    assert read("capabilities").socket_maps
    assert not read("xdp_counter").socket_maps


def test_several_programs_of_one_section_begin_where_they_do():
    found = read("tc_verdicts")
    assert [found.functions[each.function].name for each in found.programs] == list(found.program_labels)


def test_instructions_of_both_byte_orders_are_the_same():
    little, big = read("xdp_counter"), read("xdp_counter.be")
    assert [each.instructions for each in big.functions] == [each.instructions for each in little.functions]


def test_another_byte_order_than_is_wanted_is_refused():
    with pytest.raises(ObjectError, match="expected ELFDATA2MSB"):
        read("xdp_counter", byteorder="big")


def test_a_call_into_the_middle_of_a_function_is_refused():
    data = bytearray((OBJECTS / "xdp_subprogs.o").read_bytes())
    at = data.index(bytes.fromhex("85100000"))  # a call of a static function, by what its relocation adds to
    data[at + 4 : at + 8] = (1).to_bytes(4, "little")
    with pytest.raises(ObjectError, match="no function begins at instruction"):
        read_bytecode(bytes(data))


@given(st.data())
def test_damage_is_an_object_error_or_still_an_object(data):
    name = data.draw(st.sampled_from(["xdp_subprogs", "xdp_loop", "capabilities", "core_types.be"]))
    damaged = bytearray((OBJECTS / f"{name}.o").read_bytes())
    for _ in range(data.draw(st.integers(1, 10))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_bytecode(bytes(damaged))
    except ObjectError:
        return
    assert capabilities_of(found).dump()
