# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection
from hypothesis import example, given
from hypothesis import strategies as st

from bpfman.bpf import elf
from bpfman.bpf.elf import ElfFile
from bpfman.errors import ObjectError
from tests.bpf.crafted import NAMES, read_object, with_contents, with_header, with_section, with_symbol
from tests.bpf.fuzz import changed, fuzz, limited, refusal

TYPES = {
    "SHT_NULL": 0, "SHT_PROGBITS": 1, "SHT_SYMTAB": 2, "SHT_STRTAB": 3, "SHT_NOBITS": 8, "SHT_REL": 9,
    "SHT_LLVM_ADDRSIG": 0x6FFF4C03,
}  # fmt: skip
SYMBOL_TYPES = {"STT_NOTYPE": 0, "STT_OBJECT": 1, "STT_FUNC": 2, "STT_SECTION": 3, "STT_FILE": 4}
BINDS = {"STB_LOCAL": 0, "STB_GLOBAL": 1, "STB_WEAK": 2}
VISIBILITIES = {"STV_DEFAULT": 0, "STV_INTERNAL": 1, "STV_HIDDEN": 2, "STV_PROTECTED": 3}
RESERVED = {"SHN_UNDEF": 0, "SHN_ABS": 0xFFF1, "SHN_COMMON": 0xFFF2}

GOOD = read_object("xdp_counter.o")


def read_all(data: bytes) -> None:
    """Everything there is in the file."""
    file = ElfFile.parse(data)
    for section in file.sections:
        bytes(file.data(section))
        if section.type == elf.SHT_REL:
            file.relocations(section)


@pytest.mark.parametrize("name", NAMES)
def test_sections_are_those_of_pyelftools(name):
    data = read_object(name)
    ours = ElfFile.parse(data)
    theirs = ELFFile(io.BytesIO(data))
    assert ours.byteorder == ("little" if theirs.little_endian else "big")
    assert len(ours.sections) == theirs.num_sections()
    for number, (our, their) in enumerate(zip(ours.sections, theirs.iter_sections(), strict=True)):
        kind: Any = their["sh_type"]
        assert our == elf.Section(
            number, their.name, TYPES.get(kind, kind), their["sh_flags"], their["sh_offset"],
            their["sh_size"], their["sh_link"], their["sh_info"], their["sh_entsize"],
        )  # fmt: skip
        if our.type not in (elf.SHT_NOBITS, elf.SHT_NULL):
            assert bytes(ours.data(our)) == their.data()


@pytest.mark.parametrize("name", NAMES)
def test_symbols_are_those_of_pyelftools(name):
    data = read_object(name)
    (table,) = [s for s in ELFFile(io.BytesIO(data)).iter_sections() if isinstance(s, SymbolTableSection)]
    expected = []
    for number, symbol in enumerate(table.iter_symbols()):
        section = symbol["st_shndx"]
        expected.append(
            elf.Symbol(
                number,
                # pyelftools gives a section's symbol the name of the section; in the file it has none.
                "" if symbol["st_info"]["type"] == "STT_SECTION" else symbol.name,
                symbol["st_value"],
                symbol["st_size"],
                SYMBOL_TYPES[symbol["st_info"]["type"]],
                BINDS[symbol["st_info"]["bind"]],
                VISIBILITIES[symbol["st_other"]["visibility"]],
                section if isinstance(section, int) else RESERVED[section],
            )
        )
    assert list(ElfFile.parse(data).symbols) == expected


@pytest.mark.parametrize("name", NAMES)
def test_relocations_are_those_of_pyelftools(name):
    data = read_object(name)
    ours = ElfFile.parse(data)
    found = 0
    for number, theirs in enumerate(ELFFile(io.BytesIO(data)).iter_sections()):
        if isinstance(theirs, RelocationSection):
            expected = [(r["r_offset"], r["r_info_sym"], r["r_info_type"]) for r in theirs.iter_relocations()]
            assert list(ours.relocations(ours.sections[number])) == expected
            found += len(expected)
    assert (
        found or name in ("xdp_pass.o", "xdp_drop.o") or not any(s.type == elf.SHT_REL for s in ours.sections)
    )


def test_byte_order_that_was_asked_for_is_required():
    little, big = read_object("types.o"), read_object("types.be.o")
    assert ElfFile.parse(little, "little").byteorder == "little"
    assert ElfFile.parse(big, "big").byteorder == "big"
    with pytest.raises(ObjectError, match=r"expected ELFDATA2MSB .*ELFDATA2LSB"):
        ElfFile.parse(little, "big")
    with pytest.raises(ObjectError, match=r"expected ELFDATA2LSB .*ELFDATA2MSB"):
        ElfFile.parse(big, "little")


def test_a_zeroed_section_has_a_size_and_no_bytes():
    file = ElfFile.parse(read_object("globals.o"))
    section = file.section(".bss")
    assert section is not None
    assert section.size == 8
    assert bytes(file.data(section)) == b""


def renamed(data: bytes, old: str, new: str) -> bytes:
    """Both sections with the name of one."""
    file = ElfFile.parse(data)
    name = bytes(file.data(file.sections[struct.unpack_from("<H", data, 62)[0]])).index(new.encode() + b"\0")
    return with_section(data, old, sh_name=name)


NOT_OBJECTS = {
    "empty": (b"", "the file is empty"),
    "text": (b"#!/bin/sh\nexit 0\n", r"not an ELF file: it begins with 23 21 2f 62"),
    "one byte": (b"\x7f", "not an ELF file: it begins with 7f"),
    "gzip": (b"\x1f\x8b" + bytes(100), "not an ELF file"),
    "too large": (GOOD + bytes(16 << 20), r"more than the 16777216 that a BPF object may have"),
    "half a header": (GOOD[:63], "the ELF header is truncated: 63 of 64 bytes"),
    "header alone": (GOOD[:64], "runs past the end of the file"),
    "last byte missing": (GOOD[:-1], r"the table of ELF section headers .*runs past the end of the file"),
    "32 bit": (GOOD[:4] + b"\1" + GOOD[5:], r"a 32-bit ELF file \(ELFCLASS32\), expected a 64-bit one"),
    "class 9": (GOOD[:4] + b"\x09" + GOOD[5:], "unknown class 9"),
    "byte order 3": (GOOD[:5] + b"\3" + GOOD[6:], "unknown byte order 3"),
    "byte order swapped": (GOOD[:5] + b"\2" + GOOD[6:], "an unknown machine"),
    "x86-64": (with_header(GOOD, e_machine=62), r"for x86-64 \(62\), expected BPF \(247\)"),
    "no machine": (with_header(GOOD, e_machine=0), r"expected BPF \(247\)"),
    "machine 9999": (with_header(GOOD, e_machine=9999), r"an unknown machine \(9999\)"),
    "executable": (with_header(GOOD, e_type=2), r"an executable \(2\), expected a relocatable object"),
    "type 77": (with_header(GOOD, e_type=77), r"unknown type \(77\)"),
    "version 2": (with_header(GOOD, e_version=2), "version 2, expected 1"),
    "no sections": (with_header(GOOD, e_shoff=0), "has no sections"),
    "extended count": (with_header(GOOD, e_shnum=0), "SHN_XINDEX"),
    "extended names": (with_header(GOOD, e_shstrndx=0xFFFF), "SHN_XINDEX"),
    "many sections": (with_header(GOOD, e_shnum=0xFEFF), "65279 sections, more than 8192"),
    "headers past the end": (with_header(GOOD, e_shoff=1 << 63), "section headers .* runs past the end"),
    "header in headers": (with_header(GOOD, e_shoff=8), "ELF section|overlap"),
    "header size": (with_header(GOOD, e_shentsize=40), "headers of 40 bytes, expected 64"),
    "no names": (with_header(GOOD, e_shstrndx=200), r"names of ELF sections are in section 200 of"),
    "names in null": (with_header(GOOD, e_shstrndx=0), "section 0, which is no string table"),
    "section past the end": (with_section(GOOD, "xdp", sh_size=1 << 40), r"ELF section \d+ .*runs past the end"),
    "section wraps": (with_section(GOOD, "xdp", sh_offset=(1 << 64) - 8), r"ELF section \d+ .*runs past the end"),
    "section in header": (with_section(GOOD, "xdp", sh_offset=0), "the ELF header and section 3 overlap"),
    "sections overlap": (
        with_section(GOOD, "xdp", sh_offset=ElfFile.parse(GOOD).sections[-1].offset), "overlap in the ELF file",
    ),
    "section in headers": (
        with_section(GOOD, "xdp", sh_offset=struct.unpack_from("<Q", GOOD, 40)[0]), "the section headers .*overlap",
    ),
    "huge zeroes": (
        with_section(read_object("globals.o"), ".bss", sh_size=1 << 40), "is 1099511627776 bytes of zeroes",
    ),
    "name past the end": (with_section(GOOD, "xdp", sh_name=1 << 30), "names of ELF sections: offset 1073741824"),
    "names without end": (with_contents(GOOD, ".strtab", lambda _: b"x" * 400), "has no end"),
    "names not UTF-8": (with_contents(GOOD, ".strtab", lambda _: b"\xff\xfe\0" * 100), "is not UTF-8"),
    "names with escapes": (with_contents(GOOD, ".strtab", lambda _: b"\x1b[2J\0" * 100), "is not printable"),
    "two symbol tables": (with_section(GOOD, "xdp", sh_type=2), "2 symbol tables, expected one"),
    "symbol size": (with_section(GOOD, ".symtab", sh_entsize=16), r"entries of 16 bytes in \d+, expected 24"),
    "half a symbol": (with_section(GOOD, ".symtab", sh_size=100), "in 100, expected 24"),
    "symbol names": (with_section(GOOD, ".symtab", sh_link=99), "names of ELF symbols are in section 99"),
    "symbol names in code": (with_section(GOOD, ".symtab", sh_link=3), "section 3, which is no string table"),
    "symbol nowhere": (with_symbol(GOOD, "xdp_stats", st_shndx=1000), r"ELF symbol \d+ is in section 1000 of"),
    "symbol extended": (with_symbol(GOOD, "xdp_stats", st_shndx=0xFFFF), "is in section 65535"),
    "symbol name": (with_symbol(GOOD, "xdp_stats", st_name=1 << 31), "names of ELF symbols: offset 2147483648"),
    "relocations for nothing": (with_section(GOOD, ".relxdp", sh_info=500), "are for section 500 of"),
    "relocations for null": (with_section(GOOD, ".relxdp", sh_info=0), "are for section 0 of"),
    "relocation size": (with_section(GOOD, ".relxdp", sh_entsize=0), "entries of 0 bytes"),
    "relocation past the end": (
        with_contents(GOOD, ".relxdp", lambda _: struct.pack("<QQ", 1 << 20, 1)), "offset 1048576 is beyond",
    ),
    "relocation without symbol": (
        with_contents(GOOD, ".relxdp", lambda _: struct.pack("<QQ", 0, 99 << 32 | 1)), "symbol 99 of",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "message"), NOT_OBJECTS.values(), ids=NOT_OBJECTS)
def test_what_is_wrong_is_said(data, message):
    with pytest.raises(ObjectError, match=message):
        read_all(data)


def test_of_two_sections_with_one_name_neither_is_chosen():
    file = ElfFile.parse(renamed(GOOD, "license", ".maps"))
    with pytest.raises(ObjectError, match=r"2 ELF sections are named '\.maps'"):
        file.section(".maps")


def test_relocations_are_read_from_relocation_sections_only():
    file = ElfFile.parse(GOOD)
    with pytest.raises(ObjectError, match=r"type 1, expected 9 \(REL\)"):
        file.relocations(file.sections[3])


def test_names_that_overlap_do_not_multiply():
    """Each of many symbols has for its name all but a byte of the one before."""
    strings = ElfFile.parse(GOOD).section(".strtab")
    assert strings is not None
    first, count = strings.size, 3000
    symbols = b"".join(struct.pack("<IBBHQQ", first + at, 0, 0, 0, 0, 0) for at in range(count))
    data = with_contents(GOOD, ".strtab", lambda names: names + b"x" * count + b"\0")
    with pytest.raises(ObjectError, match="overlap absurdly"):
        ElfFile.parse(with_contents(data, ".symtab", lambda _: symbols))


def test_more_symbols_than_any_object_has_are_refused():
    with pytest.raises(ObjectError, match="65537 entries, more than 65536"):
        ElfFile.parse(with_contents(GOOD, ".symtab", lambda _: bytes(24 * 65537)))


def check_only_object_errors(data: bytes) -> None:
    """A line or two for each byte is what reading costs; loops that crafted counts drive would take far more."""
    assert refusal(ObjectError, limited, 10_000 + 10 * len(data), read_all, data).isprintable()


@fuzz
@given(st.binary(max_size=300))
@example(b"\x7fELF\x02\x01\x01" + bytes(57))
def test_any_bytes_give_an_object_error_or_nothing(data):
    check_only_object_errors(data)


@fuzz
@given(
    st.sampled_from(["xdp_counter.o", "globals.o", "globals.be.o", "no_btf.o"]),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
)
def test_changed_bytes_give_an_object_error_or_nothing(name, changes):
    check_only_object_errors(changed(read_object(name), changes))


@fuzz
@given(
    st.sampled_from(["xdp_counter.o", "types.be.o"]),
    st.dictionaries(st.integers(0, 62), st.integers(0, 255), max_size=6),
    st.dictionaries(st.integers(0, 1023), st.sampled_from([0, 1, 2, 3, 8, 9, 127, 128, 255]), max_size=12),
)
def test_changed_headers_give_an_object_error_or_nothing(name, header, sections):
    """Bytes of the file's header and of the section headers, where every offset and count is."""
    data = bytearray(read_object(name))
    table = len(data) - 64 * len(ElfFile.parse(bytes(data)).sections)
    for at, value in header.items():
        data[at] = value
    for at, value in sections.items():
        data[table + at % (len(data) - table)] = value
    check_only_object_errors(bytes(data))


@fuzz
@given(st.sampled_from(["xdp_counter.o", "globals.be.o"]), st.integers(0, 1 << 16))
def test_truncated_objects_give_an_object_error(name, length):
    data = read_object(name)
    with pytest.raises(ObjectError):
        read_all(data[: length % len(data)])
