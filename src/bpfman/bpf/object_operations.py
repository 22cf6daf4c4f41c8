# SPDX-License-Identifier: Apache-2.0
"""Reads the struct_ops of an object: variables in `.struct_ops` or `.struct_ops.link`, whose members are functions.

Such a variable is what a user loads and attaches: its name stands for all the functions.  Called by `object_summary`;
must not open files.
"""

from __future__ import annotations

from bpfman.bpf import btf_types as types
from bpfman.bpf.elf import SHT_PROGBITS, SHT_REL, SHT_STRTAB, STT_FUNC, STT_OBJECT
from bpfman.errors import ObjectError
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpfman.bpf.btf import Btf
    from bpfman.bpf.elf import ElfFile, Section, Symbol

SECTION, LINKED = ".struct_ops", ".struct_ops.link"
MAX_OPERATIONS = 256


class Operations(NamedTuple):
    """One variable: `type` is the name of its struct, which is the kernel's, `type_id` the object's own idea of it.
    `functions` maps members to programs; `data` has the other members' values."""

    name: str
    section: str
    type: str
    type_id: int
    data: bytes
    functions: Mapping[str, str]


def read_operations(elf: ElfFile, btf: Btf | None) -> Iterator[Operations]:
    """All of the object's, in the order of its symbols.  ObjectError says what is wrong with one."""
    for name in (SECTION, LINKED):
        section = elf.section(name)
        if section is None:
            continue
        if section.type != SHT_PROGBITS or btf is None:
            raise ObjectError(f"section {name} has no contents, or the object no BTF to describe them")
        symbols = [each for each in elf.symbols if _is_variable(each, section)]
        if len(symbols) > MAX_OPERATIONS:
            raise ObjectError(f"section {name} has more than {MAX_OPERATIONS} variables")
        if sorted(each.name for each in symbols) != sorted(_described(btf, name)):
            raise ObjectError(f"section {name} has other variables than the object's BTF says")
        functions = _functions(elf, section)
        for symbol in symbols:
            yield _operations(elf, btf, section, symbol, functions)


def _described(btf: Btf, section: str) -> list[str]:
    """The variables that BTF, and so libbpf, takes a section to have."""
    section_id = btf.find(section, types.KIND_DATASEC)
    found = btf.type(section_id) if section_id else None
    return [btf.name(each.type) for each in found.variables] if isinstance(found, types.Datasec) else []


def _is_variable(symbol: Symbol, section: Section) -> bool:
    return symbol.section == section.number and symbol.type == STT_OBJECT and bool(symbol.name)


def _functions(elf: ElfFile, section: Section) -> dict[int, str]:
    """The programs that the section points to, by the place of the pointer."""
    found: dict[int, str] = {}
    for table in elf.sections:
        if table.type == SHT_REL and table.info == section.number:
            for each in elf.relocations(table):
                symbol = elf.symbols[each.symbol]
                if symbol.type != STT_FUNC or not symbol.name:
                    raise ObjectError(f"section {section.name} points to something that is no function")
                found[each.offset] = symbol.name
    return found


def _operations(
    elf: ElfFile, btf: Btf, section: Section, symbol: Symbol, functions: Mapping[int, str]
) -> Operations:
    what = f'struct_ops "{symbol.name}"'
    if not symbol.size or symbol.value + symbol.size > section.size:
        raise ObjectError(f"{what} ({symbol.size} bytes at {symbol.value}) lies outside of {section.name}")
    type_id = _type_of(btf, what, symbol)
    struct = btf.type(type_id)
    assert isinstance(struct, types.Struct)
    members = {member.offset // 8: member.name for member in struct.members}
    inside = {
        at - symbol.value: program
        for at, program in sorted(functions.items())
        if symbol.value <= at < symbol.value + symbol.size
    }
    if wrong := [program for at, program in inside.items() if at not in members]:
        raise ObjectError(f"{what}: function {wrong[0]} is at no member of struct {struct.name}")
    data = bytes(elf.data(section)[symbol.value : symbol.value + symbol.size])
    named = {members[at]: program for at, program in inside.items()}
    return Operations(symbol.name, section.name, struct.name, type_id, data, named)


def _type_of(btf: Btf, what: str, symbol: Symbol) -> int:
    """The struct that the variable is declared to be."""
    variable_id = btf.find(symbol.name, types.KIND_VAR)
    variable = btf.type(variable_id) if variable_id else None
    if not isinstance(variable, types.Var):
        raise ObjectError(f"{what} is not described by the object's BTF")
    type_id = btf.resolve(variable.type)
    struct = btf.type(type_id)
    if not isinstance(struct, types.Struct) or not struct.name or struct.size != symbol.size:
        raise ObjectError(f"{what} is not a struct of {symbol.size} bytes")
    return type_id


def for_libbpf(data: bytes, elf: ElfFile, *, wanted: bool) -> bytes:
    """The object with its sections under names that suit any libbpf.

    Where struct_ops are to be loaded, `.struct_ops.link` is called as libbpf called it before 1.2 (what the longer name
    stands for, that a link attaches them, is said to libbpf anyway); an object with both sections is left to newer
    versions.  Where none are, libbpf is to see none: 1.1 crashes on those whose functions it is not to load."""
    if not wanted:
        return _renamed(data, elf, SECTION, ".other_data")
    if elf.section(LINKED) is None or elf.section(SECTION) is not None:
        return data
    return _renamed(data, elf, LINKED, f"{SECTION}\0link")


def _renamed(data: bytes, elf: ElfFile, old: str, new: str) -> bytes:
    """With the beginnings of names replaced, in the tables of names and in BTF; sizes stay."""
    changed = bytearray(data)
    for section in elf.sections:
        if section.type == SHT_STRTAB or section.name == ".BTF":
            end = section.offset + section.size
            changed[section.offset : end] = changed[section.offset : end].replace(old.encode(), new.encode())
    return bytes(changed)
