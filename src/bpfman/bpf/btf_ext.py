# SPDX-License-Identifier: Apache-2.0
"""Reads `.BTF.ext`, what an object's BTF says of its instructions: functions, lines, and CO-RE relocations.

A relocation of kind TYPE_ID_LOCAL leaves a type id of the object's own BTF in an instruction; such code cannot be put
into a program that carries other BTF, so whoever composes programs asks here first.  Must not open files.

The format is that of Documentation/bpf/btf.rst in Linux 6.12, section 4.2.
"""

from __future__ import annotations

from struct import Struct

from bpfman.errors import ObjectError
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.btf import Btf

# enum bpf_core_relo_kind
CORE_TYPE_ID_LOCAL = 6

_HEADER_SIZE, _OLD_HEADER_SIZE = 32, 24  # before 5.4 there were no CO-RE relocations
_NAMES = ("func_info", "line_info", "core_relo")


class FuncInfo(NamedTuple):
    """A function begins at byte `offset` of its section; `type_id` is its Func."""

    offset: int
    type_id: int


class CoreRelocation(NamedTuple):
    """The instruction at byte `offset` of its section is patched at load, with what `kind` (enum bpf_core_relo_kind)
    says of `type_id`, or of the member that `access` (`0:1:3`) leads to."""

    offset: int
    type_id: int
    access: str
    kind: int


class BtfExt:
    """The records of `.BTF.ext`, by the name of the ELF section they are about."""

    __slots__ = ("core_relocations", "functions", "lines")

    functions: dict[str, tuple[FuncInfo, ...]]
    lines: dict[str, int]  # only how many: nobody here needs the text
    core_relocations: dict[str, tuple[CoreRelocation, ...]]

    @classmethod
    def parse(cls, data: bytes | memoryview, btf: Btf) -> BtfExt:
        """The records in `data`; `btf` is the `.BTF` beside it, where their strings are."""
        functions, lines, relocations = _read_tables(memoryview(data), btf)
        found: dict[str, list[FuncInfo]] = {}
        for section, rows in functions.sections():
            found.setdefault(section, []).extend(FuncInfo(*row) for row in functions.records(rows))
        patched: dict[str, list[CoreRelocation]] = {}
        for section, rows in relocations.sections():
            patched.setdefault(section, []).extend(
                CoreRelocation(offset, type_id, btf.string(access), kind)
                for offset, type_id, access, kind in relocations.records(rows)
            )
        ext = cls()
        ext.functions = {section: tuple(records) for section, records in found.items()}
        ext.core_relocations = {section: tuple(records) for section, records in patched.items()}
        ext.lines = {}
        for section, rows in lines.sections():
            ext.lines[section] = ext.lines.get(section, 0) + len(rows)
        return ext

    def has_local_type_ids(self, section: str, offset: int = 0, size: int | None = None) -> bool:
        """Whether instructions in `size` bytes from `offset` of that section carry ids of the object's own types."""
        end = float("inf") if size is None else offset + size
        return any(
            relocation.kind == CORE_TYPE_ID_LOCAL and offset <= relocation.offset < end
            for relocation in self.core_relocations.get(section, ())
        )


class _Table:
    """One of the tables.  Its records may be longer than we know; what is new about them comes last."""

    def __init__(self, data: memoryview, record: str, btf: Btf, what: str) -> None:
        prefix = "<" if btf.byteorder == "little" else ">"
        self._data = data
        self._btf = btf
        self._what = what
        self._record = Struct(prefix + record)
        self._head = Struct(prefix + "II")
        self._step = self._record.size
        if data:
            self._step = self._record_size(Struct(prefix + "I"))

    def sections(self) -> Iterator[tuple[str, range]]:
        """Each section's name and the places of its records."""
        at, end = 4, len(self._data)
        while at < end:
            if at + self._head.size > end:
                raise ObjectError(f"{self._what} is truncated at byte {at}")
            name, count = self._head.unpack_from(self._data, at)
            at += self._head.size
            if count == 0 or at + count * self._step > end:
                raise ObjectError(f"{self._what}: {count} records at byte {at} of {end}")
            yield self._btf.string(name), range(at, at + count * self._step, self._step)
            at += count * self._step

    def records(self, rows: range) -> Iterator[tuple[int, ...]]:
        return (self._record.unpack_from(self._data, row) for row in rows)

    def _record_size(self, word: Struct) -> int:
        if len(self._data) < word.size:
            raise ObjectError(f"{self._what} is truncated: {len(self._data)} bytes")
        size: int = word.unpack_from(self._data)[0]
        if size < self._record.size or size % 4:
            raise ObjectError(
                f"{self._what} has records of {size} bytes, expected {self._record.size} or more"
            )
        return size


def _read_tables(view: memoryview, btf: Btf) -> Iterator[_Table]:
    """func_info, line_info and core_relo, in that order."""
    header, length = _read_header(view, "<" if btf.byteorder == "little" else ">")
    for number, record in enumerate(("II", "IIII", "IIII")):
        what = f".BTF.ext {_NAMES[number]}"
        offset, size = header[2 * number : 2 * number + 2]
        if length + offset + size > len(view):
            raise ObjectError(
                f"{what} ({size} bytes at {length + offset}) runs past the end ({len(view)} bytes)"
            )
        yield _Table(view[length + offset : length + offset + size], record, btf, what)


def _read_header(view: memoryview, prefix: str) -> tuple[tuple[int, ...], int]:
    """Offset and size of each table, 0 for those that an older header does not have, and the header's size."""
    if len(view) < _OLD_HEADER_SIZE:
        raise ObjectError(f".BTF.ext: the header is truncated: {len(view)} of {_OLD_HEADER_SIZE} bytes")
    magic, version, _, length = Struct(prefix + "HBBI").unpack_from(view)
    if magic != 0xEB9F:
        raise ObjectError(f".BTF.ext begins with {bytes(view[:2]).hex(' ')}, not as the .BTF beside it")
    if version != 1:
        raise ObjectError(f".BTF.ext of version {version}, expected 1")
    if not _OLD_HEADER_SIZE <= length <= len(view):
        raise ObjectError(
            f".BTF.ext: a header of {length} bytes in {len(view)}, expected {_OLD_HEADER_SIZE} or more"
        )
    tables = 6 if length >= _HEADER_SIZE else 4
    header = Struct(f"{prefix}{tables}I").unpack_from(view, 8)
    return (*header, 0, 0)[:6], length
