# SPDX-License-Identifier: Apache-2.0
"""The struct_ops of an object are read as they were written, and old versions of libbpf see them too."""

from __future__ import annotations

import pytest

from bpfman.bpf.elf import ElfFile
from bpfman.bpf.object_operations import for_libbpf
from bpfman.bpf.object_summary import ObjectSummary
from bpfman.errors import InvalidRequest, ObjectError
from tests.bpf.crafted import read_object

FUNCTIONS = {name: f"counted_{name}" for name in ("ssthresh", "cong_avoid", "undo_cwnd", "init")}


def test_they_are_named_typed_and_made_of_functions():
    summary = ObjectSummary.parse(read_object("struct_ops.o"))
    counted, lacking = summary.operations
    assert (counted.name, counted.type, counted.section) == (
        "counted",
        "tcp_congestion_ops",
        ".struct_ops.link",
    )
    assert counted.functions == FUNCTIONS
    assert counted.data == bytes(32) + b"bpfman_counted".ljust(16, b"\0")
    assert (lacking.name, lacking.functions) == ("lacking", {"init": "lonely_init"})
    assert set(FUNCTIONS.values()) < {program.name for program in summary.programs}


def test_one_is_chosen_by_its_name():
    summary = ObjectSummary.parse(read_object("struct_ops.o"))
    assert summary.operations_of("counted").functions == FUNCTIONS
    assert [entry.section for entry in summary.select(["counted"])] == ["struct_ops"]
    with pytest.raises(InvalidRequest, match="a function of struct_ops") as refused:
        summary.operations_of("counted_init")
    assert "struct_ops:counted" in refused.value.hint


def test_libbpf_before_1_2_finds_them_under_the_name_it_knows():
    data = read_object("struct_ops.o")
    changed = for_libbpf(data, ElfFile.parse(data), wanted=True)
    assert len(changed) == len(data)
    elf = ElfFile.parse(changed)
    assert elf.section(".struct_ops") is not None
    assert elf.section(".rel.struct_ops") is not None
    assert elf.section(".struct_ops.link") is None
    before, after = (ObjectSummary.parse(each) for each in (data, changed))
    assert after.programs == before.programs
    assert [each._replace(section="") for each in after.operations] == [
        each._replace(section="") for each in before.operations
    ]


def test_libbpf_sees_none_where_none_is_wanted():
    data = read_object("struct_ops.o")
    changed = for_libbpf(data, ElfFile.parse(data), wanted=False)
    after = ObjectSummary.parse(changed)
    assert after.operations == ()
    assert after.programs == ObjectSummary.parse(data).programs


def test_what_points_to_no_function_is_refused():
    data = bytearray(read_object("struct_ops.o"))
    elf = ElfFile.parse(bytes(data))
    table = elf.section(".rel.struct_ops.link")
    variable = next(symbol for symbol in elf.symbols if symbol.name == "counted")
    assert table is not None
    data[table.offset + 12 : table.offset + 16] = variable.number.to_bytes(4, "little")
    with pytest.raises(ObjectError, match="no function"):
        ObjectSummary.parse(bytes(data))


def test_a_variable_that_only_btf_knows_is_refused():
    """libbpf goes by BTF alone."""
    data = read_object("struct_ops.o")
    table = ElfFile.parse(data).sections
    names = next(section for section in table if section.type == 3)
    at = data.index(b"\0lacking\0", names.offset, names.offset + names.size)
    changed = data[: at + 1] + b"laccing" + data[at + 8 :]
    with pytest.raises(ObjectError, match="other variables than the object's BTF says"):
        ObjectSummary.parse(changed)


def test_a_pointer_between_members_is_refused():
    data = bytearray(read_object("struct_ops.o"))
    table = ElfFile.parse(bytes(data)).section(".rel.struct_ops.link")
    assert table is not None
    data[table.offset] = 4
    with pytest.raises(ObjectError, match="is at no member of struct tcp_congestion_ops"):
        ObjectSummary.parse(bytes(data))
