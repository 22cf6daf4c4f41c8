# SPDX-License-Identifier: Apache-2.0
"""Reads BTF, the types of programs and maps: from object files we do not trust, from the kernel, from vmlinux.

Parsing walks over the types once and keeps where each begins; a type becomes a value when it is asked for, so the
100,000 of vmlinux cost as many integers.  Whatever is wrong is an ObjectError.  Used for map definitions and global
variables of objects, to decode map entries, and to find functions to attach to.  Must not open files.

The format is that of Documentation/bpf/btf.rst in Linux 6.12; limits are the kernel's (kernel/bpf/btf.c).
"""

from __future__ import annotations

import sys
from struct import Struct

from bpfman.bpf import btf_types as types
from bpfman.bpf.btf_read import LENGTHS, read_type
from bpfman.bpf.string_table import StringTable
from bpfman.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.elf import ByteOrder

MAX_SIZE = 64 << 20  # vmlinux has some 6 MiB; objects are limited to 16 MiB before they come here
MAX_TYPES = 0xFFFFF  # BTF_MAX_TYPE
MAX_DEPTH = 32  # MAX_RESOLVE_DEPTH

_HEADER = "HBBIIIII"
_HEADER_SIZE = 24
_RESERVED = 0x60FF0000  # what BTF_INFO_MASK leaves of a type's info word
_POINTER_SIZE = 8


class Btf:
    """The types of one blob.  With a base (a module over vmlinux), ids and strings go on where the base's end."""

    __slots__ = (
        "_base",
        "_by_name",
        "_first",
        "_first_string",
        "_read",
        "_starts",
        "_strings",
        "_words",
        "byteorder",
    )

    byteorder: ByteOrder
    _strings: StringTable
    _first_string: int

    def __init__(
        self, words: memoryview[int], strings: StringTable, byteorder: ByteOrder, base: Btf | None
    ) -> None:
        self.byteorder = byteorder
        self._base = base
        self._first = len(base) if base else 1
        self._first_string = base._first_string + len(base._strings) if base else 0
        self._words = words
        self._strings = strings
        self._starts = _find_starts(words, self._first)
        self._read: dict[int, types.Type] = {}
        self._by_name: dict[int, list[int]] | None = None

    @classmethod
    def parse(cls, data: bytes | memoryview, base: Btf | None = None) -> Btf:
        """The BTF in `data`: a `.BTF` section, /sys/kernel/btf/vmlinux, or what the kernel returns for a BTF id.

        `base` is what split BTF builds upon: vmlinux for a kernel module.
        """
        view = memoryview(data)
        byteorder, at, size, strings_at, strings_size = _read_header(view)
        if base is not None and base.byteorder != byteorder:
            raise ObjectError(f"BTF: {byteorder}-endian types over a {base.byteorder}-endian base")
        strings = bytes(view[strings_at : strings_at + strings_size])
        _check_strings(strings, base is not None)
        words = _words(view[at : at + size], byteorder)
        return cls(words, StringTable(strings, "BTF strings"), byteorder, base)

    def __len__(self) -> int:
        """Every id below this exists, 0 (void) and those of the base included."""
        return self._first + len(self._starts)

    def type(self, type_id: int) -> types.Type:
        """The type with that id, a value of `btf_types`.  Ids in it need not exist: they are checked when followed."""
        found = self._read.get(type_id)
        if found is None:
            found = self._read[type_id] = self._make(type_id)
        return found

    def name(self, type_id: int) -> str:
        """The type's name, without reading the rest of it; empty for what has none."""
        if self._base and type_id < self._first:
            return self._base.name(type_id)
        return self.string(self._words[self._start(type_id)]) if type_id else ""

    def string(self, offset: int) -> str:
        """The string at an offset, as `.BTF.ext` refers to them."""
        if offset < self._first_string and self._base:
            return self._base.string(offset)
        return self._strings.at(offset - self._first_string)

    def find(self, name: str, kind: int | None = None) -> int | None:
        """The lowest id of that name, and KIND_... if given; None when there is none, and for the empty name."""
        if not name or "\0" in name:
            return None
        found = self._base.find(name, kind) if self._base else None
        return found if found is not None else self._find_own(name, kind)

    def ids(self, kind: int) -> Iterator[int]:
        """The ids of all types of one kind, those of the base first."""
        if self._base:
            yield from self._base.ids(kind)
        words = self._words
        for type_id, start in enumerate(self._starts, self._first):
            if words[start + 1] >> 24 & 0x1F == kind:
                yield type_id

    def resolve(self, type_id: int) -> int:
        """The id behind typedefs, const, volatile, restrict and type tags."""
        for _ in range(MAX_DEPTH):
            found = self.type(type_id)
            if not isinstance(found, types.Modifier):
                return type_id
            type_id = found.type
        raise ObjectError(f"BTF: type {type_id} is behind more than {MAX_DEPTH} typedefs and qualifiers")

    def underlying(self, type_id: int) -> types.Type:
        """The type behind typedefs, const, volatile, restrict and type tags."""
        return self.type(self.resolve(type_id))

    def size_of(self, type_id: int) -> int:
        """Bytes that a value of this type takes; of a variable, its type's.  ObjectError for what has no size."""
        count = 1
        for _ in range(MAX_DEPTH):
            found = self.underlying(type_id)
            if isinstance(found, types.Array):
                count *= found.length
            elif not isinstance(found, types.Var):
                return _checked_size(type_id, count * self._own_size(type_id, found))
            type_id = found.type
        raise ObjectError(f"BTF: type {type_id} is an array of more than {MAX_DEPTH} dimensions")

    def _own_size(self, type_id: int, found: types.Type) -> int:
        if isinstance(found, types.Ptr):
            return _POINTER_SIZE
        sized = types.Int, types.Struct, types.Union, types.Enum, types.Enum64, types.Float, types.Datasec
        if isinstance(found, sized):
            return found.size
        raise ObjectError(f"BTF: type {type_id} ({type(found).__name__}) has no size")

    def _make(self, type_id: int) -> types.Type:
        if type_id == 0:
            return types.Void()
        if 0 < type_id < self._first and self._base:
            return self._base.type(type_id)
        return read_type(self._words, self._start(type_id), self.string)

    def _start(self, type_id: int) -> int:
        if not self._first <= type_id < len(self):
            raise ObjectError(f"BTF: type {type_id} does not exist, the last one is {len(self) - 1}")
        return self._starts[type_id - self._first]

    def _find_own(self, name: str, kind: int | None) -> int | None:
        by_name = self._index()
        matching = [
            type_id
            for offset in self._offsets_of(name)
            for type_id in by_name.get(offset, ())
            if kind is None or self._kind(type_id) == kind
        ]
        return min(matching, default=None)

    def _index(self) -> dict[int, list[int]]:
        """Ids by the offset of their name.  Names stay undecoded: that would take several times as long."""
        if self._by_name is None:
            self._by_name = {}
            words = self._words
            for type_id, start in enumerate(self._starts, self._first):
                offset = words[start]
                if offset:
                    self._by_name.setdefault(offset, []).append(type_id)
        return self._by_name

    def _offsets_of(self, name: str) -> Iterator[int]:
        """Where types of this blob can refer to `name`: the strings of the base are theirs too."""
        if self._base:
            yield from self._base._offsets_of(name)
        for offset in self._strings.offsets_of(name):
            yield offset + self._first_string

    def _kind(self, type_id: int) -> int:
        return self._words[self._start(type_id) + 1] >> 24 & 0x1F


def _read_header(view: memoryview) -> tuple[ByteOrder, int, int, int, int]:
    """Byte order, and where in the blob its types and strings are (offset and size of each)."""
    if len(view) > MAX_SIZE:
        raise ObjectError(f"BTF of {len(view)} bytes, more than {MAX_SIZE}")
    if len(view) < _HEADER_SIZE:
        raise ObjectError(f"BTF: the header is truncated: {len(view)} of {_HEADER_SIZE} bytes")
    byteorder = _byteorder(bytes(view[:2]))
    _, version, _, length, types_at, types_size, strings_at, strings_size = Struct(
        ("<" if byteorder == "little" else ">") + _HEADER
    ).unpack_from(view)
    if version != 1:
        raise ObjectError(f"BTF of version {version}, expected 1")
    if not _HEADER_SIZE <= length <= len(view):
        raise ObjectError(f"BTF: a header of {length} bytes in {len(view)}, expected {_HEADER_SIZE} or more")
    if types_at % 4 or types_size % 4:
        raise ObjectError(f"BTF: its types are {types_size} bytes at {types_at}, expected multiples of 4")
    if types_at + types_size > strings_at:
        raise ObjectError("BTF: its types overlap its strings")
    if length + strings_at + strings_size > len(view):
        raise ObjectError(
            f"BTF: its strings ({strings_size} bytes at {length + strings_at}) run past its end ({len(view)} bytes)"
        )
    return byteorder, length + types_at, types_size, length + strings_at, strings_size


def _byteorder(magic: bytes) -> ByteOrder:
    if magic == b"\x9f\xeb":
        return "little"
    if magic == b"\xeb\x9f":
        return "big"
    raise ObjectError(f"not BTF: it begins with {magic.hex(' ')}, expected 9f eb or eb 9f")


def _check_strings(strings: bytes, split: bool) -> None:
    if split and not strings:
        return
    if not strings or strings[-1]:
        raise ObjectError("BTF: its strings do not end with NUL")
    if strings[0] and not split:
        raise ObjectError("BTF: its first string is not empty")


def _words(data: memoryview, byteorder: ByteOrder) -> memoryview[int]:
    """The types as 32-bit words."""
    if byteorder == sys.byteorder:
        return data.cast("I")
    swapped = bytearray(len(data))
    for byte in range(4):
        swapped[byte::4] = data[3 - byte :: 4]
    return memoryview(swapped).cast("I")


def _find_starts(words: memoryview[int], first: int) -> list[int]:
    """The word at which each type begins; they follow one another without gaps."""
    starts: list[int] = []
    at, end, infos = 0, len(words), 0
    add, lengths = starts.append, LENGTHS
    try:
        while at < end:
            add(at)
            info = words[at + 1]
            infos |= info
            length, each = lengths[info >> 24 & 0x1F]
            at += length + each * (info & 0xFFFF) if each else length
    except IndexError:
        at = -1
    if at != end or infos & _RESERVED or first + len(starts) > MAX_TYPES + 1:
        _explain(words, starts, first)
    return starts


def _explain(words: memoryview[int], starts: list[int], first: int) -> None:
    """Says which of the walk's types is wrong."""
    if first + len(starts) > MAX_TYPES + 1:
        raise ObjectError(f"BTF: more than {MAX_TYPES} types")
    for type_id, start in enumerate(starts[:-1], first):
        if words[start + 1] & _RESERVED:
            raise ObjectError(f"BTF: type {type_id} has reserved bits set: info {words[start + 1]:#x}")
    last = first + len(starts) - 1
    kind = words[starts[-1] + 1] >> 24 & 0x1F if starts[-1] + 1 < len(words) else 0
    if kind in range(1, len(types.KIND_NAMES)):
        raise ObjectError(
            f"BTF: type {last} ({types.KIND_NAMES[kind]}) is truncated or has reserved bits set"
        )
    raise ObjectError(f"BTF: type {last} is of unknown kind {kind}")


def _checked_size(type_id: int, size: int) -> int:
    if size > 0xFFFFFFFF:
        raise ObjectError(f"BTF: type {type_id} has {size} bytes, more than the kernel can count")
    return size
