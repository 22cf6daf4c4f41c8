# SPDX-License-Identifier: Apache-2.0
"""Reads what probes need of programs and libraries: where a symbol is in the file, build ids, notes, library paths.

Called by `bpf/link/uprobe.py` with files of anybody's.  Files are mapped, not read: they may have hundreds of
megabytes
and a million symbols, of which one is looked for.  Every offset is checked; whatever is wrong is an ObjectError.
Only ELF64 is read; the format is that of the System V ABI (gABI 4.1, chapters 4 and 5).
"""

from __future__ import annotations

import mmap
import os
import sys
from struct import Struct, error

from bpfman.errors import ObjectError, Unsupported
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

_HEADER, _SEGMENT, _SECTION, _SYMBOL = (
    Struct(layout) for layout in ("=16sHHIQQQIHHHHHH", "=IIQQQQQQ", "=IIQQQQIIQQ", "=IBBHQQ")
)
_SHT_SYMTAB, _SHT_DYNAMIC, _SHT_NOTE, _SHT_NOBITS, _SHT_DYNSYM = 2, 6, 7, 8, 11
_PT_LOAD, _PF_X = 1, 1
_STT_FUNC, _STT_IFUNC = 2, 10
_NT_GNU_BUILD_ID = 3
_DT_NULL, _DT_RPATH, _DT_RUNPATH = 0, 15, 29
_MAX_SECTIONS, _MAX_SEGMENTS, _MAX_SYMBOLS = 1 << 16, 1 << 12, 1 << 24


class Symbol(NamedTuple):
    """`address` is virtual, `size` 0 where the symbol has none."""

    name: str
    address: int
    size: int


class _Section(NamedTuple):
    name: int
    type: int
    address: int
    offset: int
    size: int
    link: int
    entry: int


class Executable:
    """A program, library or debug file, mapped while it is used in `with`."""

    def __init__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        if size < _HEADER.size:
            raise ObjectError("not an ELF file: too short")
        self._map = mmap.mmap(fd, size, prot=mmap.PROT_READ)
        self._data = memoryview(self._map)
        try:
            self._read_header()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        try:
            self._data.release()
            self._map.close()
        except BufferError:  # an error on its way holds a piece of it; the mapping goes when that does
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_header(self) -> None:
        head = _HEADER.unpack_from(self._data)
        identity = head[0]
        if identity[:4] != b"\x7fELF":
            raise ObjectError("not an ELF file")
        if identity[4] != 2:
            raise Unsupported(
                "a 32-bit ELF file: symbols are looked up in 64-bit ones only",
                "give the file offset with --offset",
            )
        if identity[5] != (1 if sys.byteorder == "little" else 2):
            raise ObjectError("an ELF file of the other byte order")
        (_, _, _, _, _, segments, sections, _, _, segment_size, segment_count, section_size, count, names) = (
            head
        )
        if (segment_count and segment_size != _SEGMENT.size) or (count and section_size != _SECTION.size):
            raise ObjectError("an ELF file with headers of unknown sizes")
        self._segments = tuple(_SEGMENT.iter_unpack(self._part(segments, segment_count * _SEGMENT.size)))
        rows = _SECTION.iter_unpack(self._part(sections, count * _SECTION.size))
        self._sections = tuple(
            _Section(name, kind, address, at, size, link, entry)
            for name, kind, _, address, at, size, link, _, _, entry in rows
        )
        self._names = names

    def _part(self, offset: int, size: int) -> memoryview:
        if offset + size > len(self._data):
            raise ObjectError(f"the ELF file is truncated: {size} bytes at {offset} run past its end")
        return self._data[offset : offset + size]

    def _contents(self, section: _Section) -> memoryview:
        return self._data[:0] if section.type == _SHT_NOBITS else self._part(section.offset, section.size)

    # symbols

    def symbol(self, name: str) -> Symbol | None:
        """The defined symbol of that name, functions before others; None when there is none."""
        wanted = name.encode(errors="surrogateescape")
        found = [each for section in self._symbol_tables() for each in self._find(section, wanted)]
        functions = [each for kind, each in found if kind in (_STT_FUNC, _STT_IFUNC)]
        return next(iter(functions or [each for _, each in found]), None)

    def symbol_names(self) -> Iterator[str]:
        """The names of all symbols, for those who look for a near one."""
        for section in self._symbol_tables():
            yield from {
                text for text in bytes(self._strings(section)).decode(errors="replace").split("\0") if text
            }

    def functions(self) -> dict[str, int]:
        """The addresses of all functions, by name."""
        found: dict[str, int] = {}
        for section in self._symbol_tables():
            names, table = bytes(self._strings(section)), self._contents(section)
            whole = table[: len(table) // _SYMBOL.size * _SYMBOL.size]
            for name, info, _, defined, address, _ in _SYMBOL.iter_unpack(whole):
                if info & 0xF == _STT_FUNC and defined and address and name < len(names):
                    found.setdefault(names[name : names.find(b"\0", name)].decode(errors="replace"), address)
        return found

    def has_symbols(self) -> bool:
        """Whether it has more than what dynamic linking needs."""
        return any(section.type == _SHT_SYMTAB and section.size for section in self._sections)

    def _symbol_tables(self) -> Iterator[_Section]:
        for kind in (_SHT_SYMTAB, _SHT_DYNSYM):
            for section in self._sections:
                if section.type == kind and section.entry == _SYMBOL.size:
                    if section.size // _SYMBOL.size > _MAX_SYMBOLS:
                        raise ObjectError("the ELF file has too many symbols")
                    yield section

    def _strings(self, section: _Section) -> memoryview:
        if section.link >= len(self._sections):
            raise ObjectError("the names of ELF symbols are in a section that does not exist")
        return self._contents(self._sections[section.link])

    def _find(self, section: _Section, wanted: bytes) -> Iterator[tuple[int, Symbol]]:
        """Names may share their ends, so the text is searched first, and then who begins there."""
        places = set(_places(bytes(self._strings(section)), wanted))
        if not places:
            return
        table = self._contents(section)
        words = (
            table[: len(table) // _SYMBOL.size * _SYMBOL.size]
            .cast("B")
            .cast("I")[:: _SYMBOL.size // 4]
            .tolist()
        )
        for index, at in enumerate(words):
            if at in places:
                _, info, _, defined, address, size = _SYMBOL.unpack_from(table, index * _SYMBOL.size)
                if defined and address:
                    yield info & 0xF, Symbol(wanted.decode(errors="replace"), address, size)

    # places

    def offset_of(self, address: int) -> int:
        """The file offset of a virtual address in code; ObjectError where it is in none."""
        for kind, flags, offset, start, _, size, _, _ in self._segments:
            if kind == _PT_LOAD and flags & _PF_X and start <= address < start + size:
                return int(address - start + offset)
        raise ObjectError(f"address {address:#x} is in no code of the file")

    def offset_of_data(self, address: int) -> int:
        """The file offset of a virtual address in data; ObjectError where it is in none."""
        for kind, flags, offset, start, _, size, _, _ in self._segments:
            if kind == _PT_LOAD and not flags & _PF_X and start <= address < start + size:
                return int(address - start + offset)
        raise ObjectError(f"address {address:#x} is in no data of the file")

    def address_of_section(self, name: str) -> int:
        """Where the section of that name is mapped; 0 when there is none."""
        if self._names >= len(self._sections):
            return 0
        names, wanted = self._contents(self._sections[self._names]), name.encode() + b"\0"
        for section in self._sections:
            if names[section.name : section.name + len(wanted)] == wanted:
                return section.address
        return 0

    def is_code(self, offset: int) -> bool:
        """Whether a file offset lies in what is mapped for execution."""
        return any(
            kind == _PT_LOAD and flags & _PF_X and at <= offset < at + size
            for kind, flags, at, _, _, size, _, _ in self._segments
        )

    # notes and library paths

    def build_id(self) -> str:
        """In hexadecimal; empty when there is none."""
        for owner, kind, content in self.notes():
            if owner == b"GNU" and kind == _NT_GNU_BUILD_ID:
                return bytes(content).hex()
        return ""

    def notes(self) -> Iterator[tuple[bytes, int, memoryview]]:
        """(owner, type, content) of every note."""
        for section in self._sections:
            if section.type == _SHT_NOTE:
                yield from _notes(self._contents(section))

    def run_paths(self) -> list[str]:
        """Where its libraries are looked for before anywhere else, from DT_RUNPATH or DT_RPATH; `$ORIGIN` as it is."""
        for section in self._sections:
            if section.type == _SHT_DYNAMIC:
                tags = dict(Struct("=QQ").iter_unpack(self._contents(section)[: section.size // 16 * 16]))
                at = tags.get(_DT_RUNPATH, tags.get(_DT_RPATH))
                if at is not None:
                    text = bytes(self._strings(section)[at : at + 4096]).partition(b"\0")[0]
                    return [each for each in os.fsdecode(text).split(":") if each]
        return []


def read(fd: int) -> Executable:
    """The file behind a descriptor; ObjectError or Unsupported say why it is of no use."""
    try:
        return Executable(fd)
    except (error, ValueError, OSError) as problem:
        raise ObjectError(f"not a readable ELF file: {problem}") from None


def _places(strings: bytes, wanted: bytes) -> Iterator[int]:
    """Where a name begins that is, or ends in, the wanted one; also with a version (name@@GLIBC_2.2.5)."""
    for end in (b"\0", b"@"):
        at = strings.find(wanted + end)
        while at >= 0:
            yield at
            at = strings.find(wanted + end, at + 1)


def _notes(data: memoryview) -> Iterator[tuple[bytes, int, memoryview]]:
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = Struct("=III").unpack_from(data, at)
        name = at + 12
        content = name + (name_size + 3 & ~3)
        if content + size > len(data):
            raise ObjectError("a note of the ELF file runs past its section")
        yield bytes(data[name : name + name_size]).rstrip(b"\0"), kind, data[content : content + size]
        at = content + (size + 3 & ~3)
