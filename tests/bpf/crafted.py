# SPDX-License-Identifier: Apache-2.0
"""Objects and BTF that no compiler writes: real ones with fields changed, and BTF put together word by word."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpfman.bpf.elf import ElfFile

if TYPE_CHECKING:
    from collections.abc import Callable

OBJECTS = Path(__file__).parent.parent / "objects"
NAMES = sorted(path.name for path in OBJECTS.glob("*.o"))
WITH_BTF = [name for name in NAMES if name != "no_btf.o"]
VMLINUX = Path("/sys/kernel/btf/vmlinux")

HEADER = {"e_type": (16, "H"), "e_machine": (18, "H"), "e_version": (20, "I"), "e_shoff": (40, "Q"),
          "e_shentsize": (58, "H"), "e_shnum": (60, "H"), "e_shstrndx": (62, "H")}  # fmt: skip
SECTION = {"sh_name": (0, "I"), "sh_type": (4, "I"), "sh_flags": (8, "Q"), "sh_offset": (24, "Q"),
           "sh_size": (32, "Q"), "sh_link": (40, "I"), "sh_info": (44, "I"), "sh_entsize": (56, "Q")}  # fmt: skip
SYMBOL = {
    "st_name": (0, "I"),
    "st_info": (4, "B"),
    "st_shndx": (6, "H"),
    "st_value": (8, "Q"),
    "st_size": (16, "Q"),
}


def read_object(name: str) -> bytes:
    return (OBJECTS / name).read_bytes()


def patched(data: bytes, place: int, fields: dict[str, tuple[int, str]], values: dict[str, int]) -> bytes:
    """The bytes with some fields of a little-endian structure at `place` changed."""
    out = bytearray(data)
    for field, value in values.items():
        offset, code = fields[field]
        struct.pack_into("<" + code, out, place + offset, value)
    return bytes(out)


def with_header(data: bytes, **values: int) -> bytes:
    return patched(data, 0, HEADER, values)


def with_section(data: bytes, name: str, **values: int) -> bytes:
    table = struct.unpack_from("<Q", data, 40)[0]
    section = ElfFile.parse(data).section(name)
    assert section is not None
    return patched(data, table + 64 * section.number, SECTION, values)


def with_symbol(data: bytes, name: str, **values: int) -> bytes:
    elf = ElfFile.parse(data)
    table = elf.section(".symtab")
    assert table is not None
    symbol = next(symbol for symbol in elf.symbols if symbol.name == name)
    return patched(data, table.offset + 24 * symbol.number, SYMBOL, values)


def name_offset(data: bytes, name: str) -> int:
    """Where in the object's names one is to be found."""
    elf = ElfFile.parse(data)
    names = elf.section(".strtab")
    assert names is not None
    return bytes(elf.data(names)).index(name.encode() + b"\0")


def with_contents(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The object with a section's contents replaced, at the end of the file when they have become longer."""
    elf = ElfFile.parse(data)
    section = elf.section(name)
    assert section is not None
    contents = change(bytes(elf.data(section)))
    if len(contents) <= section.size:
        out = data[: section.offset] + contents + data[section.offset + len(contents) :]
        return with_section(out, name, sh_size=len(contents))
    at = (len(data) + 7) // 8 * 8
    return with_section(data, name, sh_offset=at, sh_size=len(contents)).ljust(at, b"\0") + contents


class Types:
    """BTF under construction.  `add` gives the new type's id, `blob` the bytes."""

    def __init__(self, byteorder: str = "little", first: int = 1, first_string: int = 0) -> None:
        self.prefix = "<" if byteorder == "little" else ">"
        self.next = first
        self.first_string = first_string
        self.strings = b"" if first_string else b"\0"
        self.words: list[int] = []

    def string(self, text: str) -> int:
        """The offset of a new string."""
        if not text:
            return 0
        offset = self.first_string + len(self.strings)
        self.strings += text.encode() + b"\0"
        return offset

    def add(
        self, kind: int, name: str | int = "", third: int = 0, *more: int, vlen: int = 0, flag: int = 0
    ) -> int:
        """`third` is the size or the type; a name may be the offset of a string."""
        offset = name if isinstance(name, int) else self.string(name)
        self.words += [offset, flag << 31 | kind << 24 | vlen, third, *more]
        self.next += 1
        return self.next - 1

    def integer(self, name: str = "int", size: int = 4, encoding: int = 0) -> int:
        return self.add(1, name, size, encoding << 24 | 8 * size)

    def compound(self, kind: int, name: str, size: int, *members: tuple[str, int, int], flag: int = 0) -> int:
        """Members are (name, type, offset word)."""
        words = [word for name, type_id, offset in members for word in (self.string(name), type_id, offset)]
        return self.add(kind, name, size, *words, vlen=len(members), flag=flag)

    def blob(self, **header: int) -> bytes:
        """The bytes; `header` overrides fields of the header."""
        types = struct.pack(f"{self.prefix}{len(self.words)}I", *(word & 0xFFFFFFFF for word in self.words))
        fields: dict[str, Any] = {
            "magic": 0xEB9F, "version": 1, "flags": 0, "hdr_len": 24, "type_off": 0, "type_len": len(types),
            "str_off": len(types), "str_len": len(self.strings),
        } | header  # fmt: skip
        return struct.pack(f"{self.prefix}HBBIIIII", *fields.values()) + types + self.strings
