# SPDX-License-Identifier: Apache-2.0
"""Reads what probes need of programs and libraries: their sections, build ids, notes, library paths, places of code.

Called by those who look for a place to attach to, with files of anybody's.  They are read in pieces, never mapped:
whoever owns a mapped file could end this process by truncating it.  Every offset and size is checked; whatever is
wrong is an ObjectError.  Only ELF64 is read; the format is that of the System V ABI (gABI 4.1, chapters 4 and 5).
Symbols are in `symbols`.
"""

from __future__ import annotations

import os
import sys
from struct import Struct, error

from bpfman.bpf.descriptor import Descriptor
from bpfman.errors import ObjectError, Unsupported
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER, _SEGMENT, _SECTION, _DYNAMIC = (
    Struct(layout) for layout in ("=16sHHIQQQIHHHHHH", "=IIQQQQQQ", "=IIQQQQIIQQ", "=QQ")
)
_SHT_SYMTAB, _SHT_DYNAMIC, _SHT_NOTE, _SHT_NOBITS = 2, 6, 7, 8
_PT_LOAD, _PF_X = 1, 1
_NT_GNU_BUILD_ID = 3
_DT_RPATH, _DT_RUNPATH = 15, 29
_MOST = 1 << 28  # bytes of a section: the names of the largest browsers' symbols fit
_MOST_NOTES = 1 << 24  # bytes of all notes
_MOST_DYNAMIC = (
    1 << 16
)  # bytes of what the dynamic linker is told: the largest programs have some hundred entries


class Section(NamedTuple):
    """A row of the section header table; `name` is an offset into the names, `link` another section's number."""

    name: int
    type: int
    address: int
    offset: int
    size: int
    link: int
    entry: int


class Executable(Descriptor):
    """A program, library or debug file, held open while it is used in `with`."""

    def __init__(self, fd: int) -> None:
        super().__init__(os.dup(fd))
        try:
            self._size = os.fstat(fd).st_size
            self._read_header()
        except BaseException:
            self.close()
            raise

    def _read_header(self) -> None:
        if self._size < _HEADER.size:
            raise ObjectError("not an ELF file: too short")
        head = _HEADER.unpack(self.part(0, _HEADER.size))
        _check_identity(head[0])
        (_, _, _, _, _, segments, sections, _, _, segment_size, segment_count, section_size, count, names) = (
            head
        )
        if (segment_count and segment_size != _SEGMENT.size) or (count and section_size != _SECTION.size):
            raise ObjectError("an ELF file with headers of unknown sizes")
        self._segments = tuple(_SEGMENT.iter_unpack(self.part(segments, segment_count * _SEGMENT.size)))
        rows = _SECTION.iter_unpack(self.part(sections, count * _SECTION.size))
        self._names = names
        self.sections = tuple(
            Section(name, kind, address, at, size, link, entry)
            for name, kind, _, address, at, size, link, _, _, entry in rows
        )

    def part(self, offset: int, size: int) -> bytes:
        """Some bytes of the file; ObjectError where it does not have them."""
        if offset + size > self._size:
            raise ObjectError(f"the ELF file is truncated: {size} bytes at {offset} run past its end")
        if size > _MOST:
            raise ObjectError(f"the ELF file has a part of {size} bytes: more than is looked at")
        try:
            data = os.pread(self.fd, size, offset)
        except OSError as problem:
            raise ObjectError(f"the ELF file cannot be read: {problem.strerror}") from problem
        if len(data) != size:
            raise ObjectError("the ELF file was truncated while it was read")
        return data

    # sections

    def contents(self, section: Section) -> bytes:
        return b"" if section.type == _SHT_NOBITS else self.part(section.offset, section.size)

    def linked(self, section: Section) -> bytes:
        """The contents of the section that this one names: its strings."""
        if section.link >= len(self.sections):
            raise ObjectError("the names of ELF symbols are in a section that does not exist")
        return self.contents(self.sections[section.link])

    def named(self, name: bytes) -> Section | None:
        """The section of that name."""
        if self._names >= len(self.sections):
            return None
        names, wanted = self.contents(self.sections[self._names]), name + b"\0"
        return next(
            (each for each in self.sections if names[each.name : each.name + len(wanted)] == wanted), None
        )

    def address_of_section(self, name: str) -> int:
        """Where the section of that name is mapped; 0 when there is none."""
        section = self.named(name.encode())
        return section.address if section else 0

    def has_symbols(self) -> bool:
        """Whether it has more than what dynamic linking needs."""
        return any(section.type == _SHT_SYMTAB and section.size for section in self.sections)

    # places

    def offset_of(self, address: int) -> int:
        """The file offset of a virtual address in code; ObjectError where it is in none."""
        return self._offset(address, _PF_X, "code")

    def offset_of_data(self, address: int) -> int:
        """The file offset of a virtual address in data; ObjectError where it is in none."""
        return self._offset(address, 0, "data")

    def _offset(self, address: int, execute: int, what: str) -> int:
        for kind, flags, offset, start, _, size, _, _ in self._segments:
            if kind == _PT_LOAD and flags & _PF_X == execute and start <= address < start + size:
                return int(address - start + offset)
        raise ObjectError(f"address {address:#x} is in no {what} of the file")

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
        left = _MOST_NOTES
        for section in self.sections:
            if section.type == _SHT_NOTE:
                left -= section.size
                if left < 0:
                    raise ObjectError("the ELF file has more notes than are looked at")
                yield from _notes(memoryview(self.contents(section)))

    def run_paths(self) -> list[str]:
        """Where its libraries are looked for before anywhere else, from DT_RUNPATH or DT_RPATH; `$ORIGIN` as it is."""
        for section in self.sections:
            if section.type == _SHT_DYNAMIC:
                data = self.contents(section)[:_MOST_DYNAMIC]
                tags = dict(_DYNAMIC.iter_unpack(data[: len(data) // _DYNAMIC.size * _DYNAMIC.size]))
                at = tags.get(_DT_RUNPATH, tags.get(_DT_RPATH))
                if at is not None:
                    text = self.linked(section)[at : at + 4096].partition(b"\0")[0]
                    return [each for each in os.fsdecode(text).split(":") if each]
        return []


def read(fd: int) -> Executable:
    """The file behind a descriptor, which stays the caller's; ObjectError or Unsupported say why it is of no use."""
    try:
        return Executable(fd)
    except (error, ValueError, OSError) as problem:
        raise ObjectError(f"not a readable ELF file: {problem}") from None


def _check_identity(identity: bytes) -> None:
    if identity[:4] != b"\x7fELF":
        raise ObjectError("not an ELF file")
    if identity[4] != 2:
        raise Unsupported(
            "a 32-bit ELF file: symbols are looked up in 64-bit ones only",
            "give the file offset with --offset",
        )
    if identity[5] != (1 if sys.byteorder == "little" else 2):
        raise ObjectError("an ELF file of the other byte order")


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
