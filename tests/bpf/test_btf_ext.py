# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.bpf import btf_types as types
from bpfman.bpf.btf import Btf
from bpfman.bpf.btf_ext import CORE_TYPE_ID_LOCAL, BtfExt, CoreRelocation
from bpfman.bpf.elf import SHF_EXECINSTR, STT_FUNC, ElfFile
from bpfman.errors import ObjectError
from tests.bpf.crafted import WITH_BTF, Types, read_object
from tests.bpf.fuzz import changed, fuzz, limited, refusal


def read(name: str) -> tuple[ElfFile, Btf, BtfExt]:
    elf = ElfFile.parse(read_object(name))
    section, extra = elf.section(".BTF"), elf.section(".BTF.ext")
    assert section is not None
    assert extra is not None
    btf = Btf.parse(elf.data(section))
    return elf, btf, BtfExt.parse(elf.data(extra), btf)


@pytest.mark.parametrize("name", WITH_BTF)
def test_functions_are_those_of_the_symbols(name):
    elf, btf, ext = read(name)
    symbols = {
        (elf.sections[symbol.section].name, symbol.value, symbol.name)
        for symbol in elf.symbols
        if symbol.type == STT_FUNC
    }
    functions = {
        (section, info.offset, btf.name(info.type_id))
        for section, infos in ext.functions.items()
        for info in infos
    }
    assert functions == symbols
    assert all(isinstance(btf.type(i.type_id), types.Func) for infos in ext.functions.values() for i in infos)


@pytest.mark.parametrize("name", WITH_BTF)
def test_every_section_of_code_has_lines(name):
    elf, _, ext = read(name)
    code = {section.name for section in elf.sections if section.flags & SHF_EXECINSTR and section.size}
    assert set(ext.lines) == code
    assert all(ext.lines.values())


@pytest.mark.parametrize("name", ["core_types.o", "core_types.be.o"])
def test_relocations_say_what_the_source_asks_for(name):
    elf, btf, ext = read(name)
    found = [(btf.name(r.type_id), r.access, r.kind) for r in ext.core_relocations["kprobe/do_unlinkat"]]
    byte_offset, exists = 0, 2
    assert sorted(found) == [
        ("tagged", "0", CORE_TYPE_ID_LOCAL),
        ("task_struct", "0:0", byte_offset),
        ("task_struct", "0:1", exists),
    ]
    (local,) = [r for r in ext.core_relocations["kprobe/do_unlinkat"] if r.kind == CORE_TYPE_ID_LOCAL]
    (symbol,) = [symbol for symbol in elf.symbols if symbol.name == "local_type"]
    assert symbol.value <= local.offset < symbol.value + symbol.size


def test_local_type_ids_are_told_for_the_instructions_asked_about():
    elf, _, ext = read("core_types.o")
    place = {symbol.name: (symbol.value, symbol.size) for symbol in elf.symbols}
    assert ext.has_local_type_ids("kprobe/do_unlinkat")
    assert ext.has_local_type_ids("kprobe/do_unlinkat", *place["local_type"])
    assert not ext.has_local_type_ids("kprobe/do_unlinkat", *place["field"])
    assert not ext.has_local_type_ids("xdp")
    assert not ext.has_local_type_ids("no such section")


TYPES = Types()
XDP, ACCESS = TYPES.string("xdp"), TYPES.string("0:1")
BTF = Btf.parse(TYPES.blob())


def blob(*tables: bytes, magic: int = 0xEB9F, version: int = 1, hdr_len: int = 32) -> bytes:
    """func_info, line_info and core_relo, one after the other."""
    tables = tables + (b"",) * (3 - len(tables))
    places, at = [], 0
    for table in tables:
        places += [at, len(table)]
        at += len(table)
    return struct.pack("<HBBI6I", magic, version, 0, hdr_len, *places) + b"".join(tables)


def table(size: int, *sections: tuple[int, int, bytes]) -> bytes:
    return struct.pack("<I", size) + b"".join(
        struct.pack("<II", name, n) + data for name, n, data in sections
    )


RELOCATION = struct.pack("<IIII", 8, 1, ACCESS, 6)


def test_a_section_may_come_in_parts_and_records_may_be_longer():
    longer = RELOCATION + b"new!"
    ext = BtfExt.parse(blob(b"", b"", table(20, (XDP, 1, longer), (XDP, 2, longer * 2))), BTF)
    assert ext.core_relocations == {"xdp": (CoreRelocation(8, 1, "0:1", 6),) * 3}
    assert ext.functions == {}
    assert ext.lines == {}


def test_an_old_header_has_no_relocations():
    data = struct.pack("<HBBI4I", 0xEB9F, 1, 0, 24, 0, 0, 0, 0)
    assert BtfExt.parse(data, BTF).core_relocations == {}


GOOD = blob(table(8, (XDP, 1, bytes(8))), table(16, (XDP, 1, bytes(16))), table(16, (XDP, 1, RELOCATION)))

WRONG = {
    "empty": (b"", "header is truncated: 0 of 24"),
    "magic": (blob(magic=0x9FEB), r"\.BTF\.ext begins with eb 9f"),
    "version": (blob(version=9), "version 9, expected 1"),
    "short header": (blob(hdr_len=16), "a header of 16 bytes"),
    "long header": (blob(hdr_len=4096), "a header of 4096 bytes"),
    "past the end": (GOOD[:-1], r"core_relo \(28 bytes at \d+\) runs past the end"),
    "no record size": (blob(b"\0\0"), "func_info is truncated: 2 bytes"),
    "record size": (blob(table(4, (XDP, 1, bytes(4)))), "func_info has records of 4 bytes, expected 8"),
    "odd record size": (blob(b"", table(18)), "line_info has records of 18 bytes"),
    "half a section": (blob(table(8) + b"\0\0\0\0"), "func_info is truncated at byte 4"),
    "no records": (blob(table(8, (XDP, 0, b""))), "func_info: 0 records at byte 12"),
    "huge count": (blob(table(8, (XDP, 0xFFFFFFFF, bytes(8)))), "4294967295 records at byte 12 of 20"),
    "section name": (blob(table(8, (9999, 1, bytes(8)))), "offset 9999 of a string is beyond"),
    "access": (
        blob(b"", b"", table(16, (XDP, 1, struct.pack("<IIII", 0, 0, 9999, 0)))), "offset 9999 of a string is beyond",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(data, message):
    with pytest.raises(ObjectError, match=message):
        BtfExt.parse(data, BTF)


def test_many_parts_of_one_section_cost_what_their_bytes_cost():
    many = 5000
    parts = table(8, *[(XDP, 1, bytes(8))] * many)
    ext = limited(40 * many, BtfExt.parse, blob(parts), BTF)
    assert len(ext.functions["xdp"]) == many


@fuzz
@given(
    st.lists(st.tuples(st.integers(0, 1 << 10), st.binary(min_size=1, max_size=4)), max_size=6), st.binary()
)
def test_changed_bytes_give_an_object_error_or_nothing(changes, more):
    data = changed(GOOD + more, changes)
    assert refusal(ObjectError, limited, 5_000 + 20 * len(data), BtfExt.parse, data, BTF).isprintable()
