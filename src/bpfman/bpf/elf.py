# SPDX-License-Identifier: Apache-2.0
"""Reads the ELF files that BPF programs come in, before anything else does.

Objects are downloaded, unpacked from images, handed in by users; they are read here, in Python, before libbpf's C
sees a byte of them.  So nothing is believed: every offset, count, index and string is checked, work and memory are
bounded by the file's size, and whatever is wrong is an ObjectError that says what and where.  Used by
`object_summary`, by whoever extracts an object from an image, and by `image build`, which wants the byte order of
each platform.  Must not open files, and knows nothing of BPF beyond its machine number.

Only what clang and bpftool write is read: relocatable ELF64 of either byte order.  The layout is that of the System V
ABI (gABI 4.1, chapters 4 and 5).
"""

from __future__ import annotations

from itertools import pairwise
from struct import Struct

from bpfman.bpf.string_table import StringTable
from bpfman.errors import ObjectError
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    ByteOrder = Literal["little", "big"]

# Real objects are some KiB, the largest known some MiB, with hundreds of sections and thousands of symbols.
MAX_SIZE = 16 << 20
MAX_SECTIONS = 8192
MAX_SYMBOLS = 65536
# What has no bytes in the file becomes an array map of one value, which is at most INT_MAX (kernel/bpf/arraymap.c).
MAX_ZEROED = (1 << 31) - 1

EM_BPF = 247
SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS, SHT_REL = 0, 1, 2, 3, 8, 9
SHF_EXECINSTR = 0x4
SHN_UNDEF, SHN_LORESERVE, SHN_XINDEX = 0, 0xFF00, 0xFFFF
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION = 0, 1, 2, 3
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2

_ET_REL = 1
_HEADER_SIZE, _SECTION_SIZE, _SYMBOL_SIZE, _RELOCATION_SIZE = 64, 64, 24, 16
_HEADER, _SECTION, _SYMBOL, _RELOCATION = "HHIQQQIHHHHHH", "IIQQQQIIQQ", "IBBHQQ", "QQ"

_DATA_NAMES = {"little": "ELFDATA2LSB (little-endian)", "big": "ELFDATA2MSB (big-endian)"}
_FILE_TYPES = {2: "an executable", 3: "a shared library or executable", 4: "a core dump"}
_MACHINES = {0: "no machine", 3: "x86", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "Arm", 62: "x86-64",
             183: "AArch64", 243: "RISC-V", 258: "LoongArch"}  # fmt: skip
_COMPILE_HINT = "BPF objects are made by `clang -O2 -g -target bpf -c`"


class Section(NamedTuple):
    """One section header.  `offset` and `size` are bytes; a SHT_NOBITS section has a size and no bytes."""

    number: int
    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    entsize: int


class Symbol(NamedTuple):
    """One symbol.  `value` is an offset into section number `section`, unless that is a reserved index
    (SHN_UNDEF, or SHN_LORESERVE and above)."""

    number: int
    name: str
    value: int
    size: int
    type: int
    bind: int
    visibility: int
    section: int


class Relocation(NamedTuple):
    """One REL entry: at byte `offset` of the section it is for, symbol number `symbol` is to be put in."""

    offset: int
    symbol: int
    type: int


class ElfFile:
    """A checked object.  Sections and symbols are checked by `parse`, relocations when they are asked for."""

    __slots__ = ("_data", "_prefix", "byteorder", "sections", "symbols")

    byteorder: ByteOrder
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]

    def __init__(self, data: bytes, byteorder: ByteOrder) -> None:
        self._data = memoryview(data)
        self.byteorder = byteorder
        self._prefix = "<" if byteorder == "little" else ">"

    @classmethod
    def parse(cls, data: bytes, byteorder: ByteOrder | None = None) -> ElfFile:
        """The object in `data`.  With `byteorder`, an object of the other one is refused.

        Raises ObjectError; its message names what is wrong, not the file, which the caller knows.
        """
        elf = cls(data, _check_identity(data, byteorder))
        elf.sections = elf._read_sections(*elf._read_header())
        elf.symbols = tuple(elf._read_symbols())
        return elf

    def section(self, name: str) -> Section | None:
        """The only section of that name, or None.  Two are an error: another reader could pick the other one."""
        found = [section for section in self.sections if section.name == name]
        if len(found) > 1:
            raise ObjectError(f"{len(found)} ELF sections are named {name!r}")
        return found[0] if found else None

    def data(self, section: Section) -> memoryview:
        """The bytes of a section in the file, none for SHT_NOBITS; nothing is copied."""
        if section.type in (SHT_NOBITS, SHT_NULL):
            return self._data[:0]
        return self._data[section.offset : section.offset + section.size]

    def relocations(self, section: Section) -> tuple[Relocation, ...]:
        """The entries of a SHT_REL section, checked against its symbols and the section it is for (`info`)."""
        return tuple(self._read_relocations(section))

    def _read_header(self) -> tuple[int, int, int]:
        """Offset and number of the section headers, and which section has their names."""
        (kind, machine, version, _, _, table, _, _, _, _, entry, count, names) = Struct(
            self._prefix + _HEADER
        ).unpack_from(self._data, 16)
        _check_kind(kind, machine, version)
        if table == 0:
            raise ObjectError("the ELF file has no sections")
        if count == 0 or names == SHN_XINDEX:
            raise ObjectError(f"the ELF file has more than {SHN_LORESERVE - 1} sections (SHN_XINDEX)")
        if count > MAX_SECTIONS:
            raise ObjectError(f"the ELF file has {count} sections, more than {MAX_SECTIONS}")
        if entry != _SECTION_SIZE:
            raise ObjectError(f"ELF section headers of {entry} bytes, expected {_SECTION_SIZE}")
        self._check_range("the table of ELF section headers", table, count * _SECTION_SIZE)
        return table, count, names

    def _read_sections(self, table: int, count: int, names: int) -> tuple[Section, ...]:
        rows = tuple(
            Struct(self._prefix + _SECTION).iter_unpack(self._data[table : table + count * _SECTION_SIZE])
        )
        self._check_contents(table, rows)
        if names >= count:
            raise ObjectError(f"the names of ELF sections are in section {names} of {count}")
        strings = self._strings(
            names, rows[names][1], rows[names][4], rows[names][5], "names of ELF sections"
        )
        return tuple(
            Section(index, strings.at(name), kind, flags, offset, size, link, info, entsize)
            for index, (name, kind, flags, _, offset, size, link, info, _, entsize) in enumerate(rows)
        )

    def _check_contents(self, table: int, rows: tuple[tuple[int, ...], ...]) -> None:
        """Every section lies in the file, and no two share a byte: that only serves to multiply work."""
        taken = [
            (0, _HEADER_SIZE, "the ELF header"),
            (table, table + len(rows) * _SECTION_SIZE, "the section headers"),
        ]
        for index, (_, kind, _, _, offset, size, *_) in enumerate(rows):
            if kind == SHT_NOBITS and size > MAX_ZEROED:
                raise ObjectError(f"ELF section {index} is {size} bytes of zeroes, more than {MAX_ZEROED}")
            if kind in (SHT_NULL, SHT_NOBITS) or size == 0:
                continue
            self._check_range(f"ELF section {index}", offset, size)
            taken.append((offset, offset + size, f"section {index}"))
        taken.sort()
        for (_, end, first), (start, _, second) in pairwise(taken):
            if start < end:
                raise ObjectError(f"{first} and {second} overlap in the ELF file, at byte {start}")

    def _check_range(self, what: str, offset: int, size: int) -> None:
        if offset + size > len(self._data):
            raise ObjectError(
                f"{what} ({size} bytes at {offset}) runs past the end of the file ({len(self._data)} bytes)",
                "the file is truncated or corrupt",
            )

    def _strings(self, index: int, kind: int, offset: int, size: int, what: str) -> StringTable:
        if kind != SHT_STRTAB:
            raise ObjectError(f"the {what} are in section {index}, which is no string table")
        return StringTable(bytes(self._data[offset : offset + size]), what)

    def _read_symbols(self) -> Iterator[Symbol]:
        tables = [section for section in self.sections if section.type == SHT_SYMTAB]
        if not tables:
            return
        if len(tables) > 1:
            raise ObjectError(f"the ELF file has {len(tables)} symbol tables, expected one")
        table = tables[0]
        self._check_entries(table, _SYMBOL_SIZE, MAX_SYMBOLS)
        if table.link >= len(self.sections):
            raise ObjectError(f"the names of ELF symbols are in section {table.link} of {len(self.sections)}")
        linked = self.sections[table.link]
        strings = self._strings(table.link, linked.type, linked.offset, linked.size, "names of ELF symbols")
        for index, (name, info, other, section, value, size) in enumerate(
            Struct(self._prefix + _SYMBOL).iter_unpack(self.data(table))
        ):
            if len(self.sections) <= section < SHN_LORESERVE or section == SHN_XINDEX:
                raise ObjectError(f"ELF symbol {index} is in section {section} of {len(self.sections)}")
            yield Symbol(index, strings.at(name), value, size, info & 0xF, info >> 4, other & 0x3, section)

    def _check_entries(self, section: Section, size: int, limit: int) -> None:
        if section.entsize != size or section.size % size:
            raise ObjectError(
                f"ELF section {section.name!r} has entries of {section.entsize} bytes in {section.size},"
                f" expected {size} each"
            )
        if section.size // size > limit:
            raise ObjectError(
                f"ELF section {section.name!r} has {section.size // size} entries, more than {limit}"
            )

    def _read_relocations(self, section: Section) -> Iterator[Relocation]:
        where = f"relocations {section.name!r}"
        if section.type != SHT_REL:
            raise ObjectError(f"{where}: an ELF section of type {section.type}, expected {SHT_REL} (REL)")
        self._check_entries(section, _RELOCATION_SIZE, MAX_SIZE)
        if not 0 < section.info < len(self.sections):
            raise ObjectError(f"{where} are for section {section.info} of {len(self.sections)}")
        target = self.sections[section.info]
        for offset, info in Struct(self._prefix + _RELOCATION).iter_unpack(self.data(section)):
            symbol, kind = info >> 32, info & 0xFFFFFFFF
            if offset >= target.size:
                raise ObjectError(
                    f"{where}: offset {offset} is beyond the {target.size} bytes of {target.name!r}"
                )
            if symbol >= len(self.symbols):
                raise ObjectError(f"{where}: symbol {symbol} of {len(self.symbols)}, at offset {offset}")
            yield Relocation(offset, symbol, kind)


def _check_identity(data: bytes, wanted: ByteOrder | None) -> ByteOrder:
    """The byte order of what must be a 64-bit ELF file of sensible size."""
    if not data:
        raise ObjectError("the file is empty, expected a BPF object", _COMPILE_HINT)
    if len(data) > MAX_SIZE:
        raise ObjectError(
            f"the file has {len(data)} bytes, more than the {MAX_SIZE} that a BPF object may have"
        )
    if data[:4] != b"\x7fELF":
        begin = bytes(data[:4]).hex(" ")
        raise ObjectError(f"not an ELF file: it begins with {begin}, expected 7f 45 4c 46", _COMPILE_HINT)
    if len(data) < _HEADER_SIZE:
        raise ObjectError(f"the ELF header is truncated: {len(data)} of {_HEADER_SIZE} bytes")
    if data[4] != 2:
        found = (
            "a 32-bit ELF file (ELFCLASS32)" if data[4] == 1 else f"an ELF file of unknown class {data[4]}"
        )
        raise ObjectError(f"{found}, expected a 64-bit one (ELFCLASS64)", _COMPILE_HINT)
    return _check_byteorder(data[5], wanted)


def _check_byteorder(encoding: int, wanted: ByteOrder | None) -> ByteOrder:
    if encoding not in (1, 2):
        raise ObjectError(f"an ELF file of unknown byte order {encoding}")
    found: ByteOrder = "little" if encoding == 1 else "big"
    if wanted is not None and found != wanted:
        raise ObjectError(
            f"expected {_DATA_NAMES[wanted]}, the object is {_DATA_NAMES[found]}",
            f"compile it with `-target {'bpfel' if wanted == 'little' else 'bpfeb'}`",
        )
    return found


def _check_kind(kind: int, machine: int, version: int) -> None:
    if machine != EM_BPF:
        name = _MACHINES.get(machine, "an unknown machine")
        raise ObjectError(f"an ELF file for {name} ({machine}), expected BPF ({EM_BPF})", _COMPILE_HINT)
    if kind != _ET_REL:
        found = _FILE_TYPES.get(kind, "a file of unknown type")
        raise ObjectError(
            f"an ELF file that is {found} ({kind}), expected a relocatable object", _COMPILE_HINT
        )
    if version != 1:
        raise ObjectError(f"an ELF file of version {version}, expected 1")
