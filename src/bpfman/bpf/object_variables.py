# SPDX-License-Identifier: Apache-2.0
"""Finds the global variables of an object, so that they can be set by name before it is loaded.

They lie in .data, .rodata, .bss and sections of such a name with a dot and more.  BTF says which variables there are
and of what type; where they are, only symbols say, since the compiler leaves offsets in BTF at 0 (libbpf.c,
btf_fixup_datasec).  Sections that BTF says nothing of are read from symbols alone.  Called by `object_summary`; must
not open files.
"""

from __future__ import annotations

from bpfman.bpf import btf_types as types
from bpfman.bpf.elf import SHF_EXECINSTR, SHT_NOBITS, SHT_PROGBITS, STB_LOCAL, STT_OBJECT
from bpfman.errors import ObjectError
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.btf import Btf
    from bpfman.bpf.elf import ElfFile, Section, Symbol


MAX_VARIABLES = 65536


class Variable(NamedTuple):
    """A global variable: `size` bytes at byte `offset` of its section.  `type_id` is its type in the object's BTF,
    0 when that does not know it.

    `local` ones are static; a compiler names those of a function `function.name`."""

    name: str
    section: str
    offset: int
    size: int
    type_id: int
    local: bool


def read_variables(elf: ElfFile, btf: Btf | None) -> tuple[Variable, ...]:
    """The variables of all data sections, in the order of sections."""
    symbols: dict[int, dict[str, Symbol]] = {}
    for symbol in elf.symbols:
        if symbol.type == STT_OBJECT and symbol.name:
            symbols.setdefault(symbol.section, {})[symbol.name] = symbol
    described = _datasecs(btf) if btf else {}
    found: list[Variable] = []
    for section in filter(_is_data, elf.sections):
        there, section_id = symbols.get(section.number, {}), described.get(section.name)
        if btf and section_id:
            found += _of_btf(section, there, btf, section_id)
        else:
            found += _of_symbols(section, there)
        if len(found) > MAX_VARIABLES:
            raise ObjectError(f"the object has more than {MAX_VARIABLES} global variables")
    return tuple(found)


def _datasecs(btf: Btf) -> dict[str, int]:
    """Ids of the sections that BTF describes; the first of a name counts."""
    found: dict[str, int] = {}
    for type_id in btf.ids(types.KIND_DATASEC):
        found.setdefault(btf.name(type_id), type_id)
    return found


def _is_data(section: Section) -> bool:
    if section.type == SHT_PROGBITS and not section.flags & SHF_EXECINSTR:
        return section.size > 0 and (_named(section, ".data") or _named(section, ".rodata"))
    return section.type == SHT_NOBITS and section.size > 0 and _named(section, ".bss")


def _named(section: Section, name: str) -> bool:
    return section.name == name or section.name.startswith(name + ".")


def _of_symbols(section: Section, symbols: dict[str, Symbol]) -> Iterator[Variable]:
    for symbol in symbols.values():
        local = symbol.bind == STB_LOCAL
        yield _checked(Variable(symbol.name, section.name, symbol.value, symbol.size, 0, local), section)


def _of_btf(section: Section, symbols: dict[str, Symbol], btf: Btf, section_id: int) -> Iterator[Variable]:
    datasec = btf.type(section_id)
    assert isinstance(datasec, types.Datasec)
    for entry in datasec.variables:
        var = btf.type(entry.type)
        if not isinstance(var, types.Var):
            raise ObjectError(f"section {section.name}: type {entry.type} is no variable")
        if var.linkage == types.LINKAGE_EXTERN:
            continue
        symbol = symbols.get(var.name)
        offset, size = (symbol.value, symbol.size) if symbol else (entry.offset, entry.size)
        local = var.linkage == types.LINKAGE_STATIC
        yield _checked(Variable(var.name, section.name, offset, size, var.type, local), section)


def _checked(variable: Variable, section: Section) -> Variable:
    if variable.offset + variable.size > section.size:
        raise ObjectError(
            f'global variable "{variable.name}" ({variable.size} bytes at {variable.offset}) lies outside of section'
            f" {section.name} ({section.size} bytes)"
        )
    return variable
