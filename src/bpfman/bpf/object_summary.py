# SPDX-License-Identifier: Apache-2.0
"""What an object file holds, as libbpf will see it: programs, maps, global variables, licence.

Made from bytes nobody has vouched for, before libbpf opens them: to check a request against, to label an image with,
to say what there is when a name is wrong.  What libbpf is known to refuse is refused here, in words of our own; where
two readers could see different things (two sections of one name), so is the object.  Must not open files.

Facts are those of libbpf 1.0 to 1.5 (libbpf.c: bpf_object__elf_collect, bpf_object__add_programs).
"""

from __future__ import annotations

from bpfman.bpf.btf import Btf
from bpfman.bpf.btf_check import check_types
from bpfman.bpf.btf_ext import BtfExt
from bpfman.bpf.elf import SHF_EXECINSTR, SHT_NOBITS, SHT_PROGBITS, SHT_REL, STB_LOCAL, STT_FUNC, ElfFile
from bpfman.bpf.object_maps import read_definitions
from bpfman.bpf.object_operations import read_operations
from bpfman.bpf.object_variables import read_variables
from bpfman.errors import InvalidRequest, ObjectError
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bpfman.bpf.elf import ByteOrder, Section, Symbol
    from bpfman.bpf.object_maps import MapDefinition
    from bpfman.bpf.object_operations import Operations
    from bpfman.bpf.object_variables import Variable

_INSTRUCTION = 8  # bytes, sizeof(struct bpf_insn)
_LICENSE_SIZE = 63  # what libbpf keeps of it
_SPECIAL = frozenset(("license", "version", "maps", ".maps", ".BTF", ".BTF.ext"))


class ProgramEntry(NamedTuple):
    """A program of the object: `instructions` of them, from number `offset` of its section."""

    name: str
    section: str
    offset: int
    instructions: int


class ObjectSummary:
    """The contents of one object."""

    __slots__ = ("btf", "btf_ext", "byteorder", "globals", "license", "maps", "operations", "programs")

    byteorder: ByteOrder
    license: str  # empty when there is none
    programs: tuple[ProgramEntry, ...]  # in the order of their code
    maps: tuple[MapDefinition, ...]  # those declared; global data becomes further maps at load
    operations: tuple[Operations, ...]  # struct_ops, which are loaded by their own names
    globals: tuple[Variable, ...]
    btf: Btf | None
    btf_ext: BtfExt | None

    @classmethod
    def parse(cls, data: bytes, byteorder: ByteOrder | None = None) -> ObjectSummary:
        """Read the object in `data`; ObjectError says what is wrong with it."""
        return cls.of(ElfFile.parse(data, byteorder))

    @classmethod
    def of(cls, elf: ElfFile) -> ObjectSummary:
        """The summary of an object that is read already."""
        if elf.section("maps"):
            raise ObjectError(
                "the object defines maps in a section named maps, which libbpf 1.0 no longer reads",
                'define them in SEC(".maps") with __uint and __type of bpf_helpers.h',
            )
        if not elf.symbols:
            raise ObjectError(
                "the object has no symbols", "strip objects with `llvm-strip -g`, which keeps symbols"
            )
        summary = cls()
        summary.byteorder = elf.byteorder
        summary.license = _read_license(elf)
        summary.programs = tuple(_read_programs(elf))
        _check_relocations(elf)
        summary.btf, summary.btf_ext = _read_types(elf)
        summary.maps = _read_maps(elf, summary.btf)
        summary.operations = tuple(read_operations(elf, summary.btf))
        summary.globals = read_variables(elf, summary.btf)
        _check_names(summary)
        return summary

    @property
    def has_local_type_ids(self) -> bool:
        """Whether any instruction carries an id of the object's own types (bpf_core_type_id_local)."""
        return self.btf_ext is not None and any(
            map(self.btf_ext.has_local_type_ids, self.btf_ext.core_relocations)
        )

    def select(self, names: Iterable[str]) -> tuple[ProgramEntry, ...]:
        """The programs of those names, in their order; InvalidRequest lists what is missing and what there is.
        Operations are chosen by their name, and stand for all their functions."""
        by_name = {program.name: program for program in self.programs}
        by_name |= {each.name: ProgramEntry(each.name, "struct_ops", 0, 0) for each in self.operations}
        names = tuple(names)
        if missing := [name for name in names if name not in by_name]:
            raise InvalidRequest(
                f"program(s) not found in object file: [{', '.join(missing)}];"
                f" available programs: [{', '.join(by_name)}]"
            )
        return tuple(by_name[name] for name in names)

    def operations_of(self, name: str) -> Operations:
        """The operations of that name; InvalidRequest for one of their functions, which is not loaded alone."""
        found = next((each for each in self.operations if each.name == name), None)
        if found is not None:
            return found
        owner = next((each for each in self.operations if name in each.functions.values()), None)
        raise InvalidRequest(
            f'"{name}" is a function of struct_ops, and not loaded alone',
            f"load all of them: --programs struct_ops:{owner.name}"
            if owner
            else "the object has no struct_ops that it belongs to",
        )

    def variable(self, name: str) -> Variable:
        """The global variable of that name; InvalidRequest lists what there is, static ones of functions aside."""
        found = [variable for variable in self.globals if variable.name == name]
        if not found:
            names = [
                variable.name for variable in self.globals if not (variable.local and "." in variable.name)
            ]
            raise InvalidRequest(
                f'global variable "{name}" not found in program; available: [{", ".join(names)}]'
            )
        if len(found) > 1:
            sections = ", ".join(variable.section for variable in found)
            raise InvalidRequest(f'global variable "{name}" is ambiguous: there is one in each of {sections}')
        return found[0]


def _read_license(elf: ElfFile) -> str:
    """The text up to NUL, cut as libbpf cuts it."""
    section = elf.section("license")
    if section is None:
        return ""
    if section.type == SHT_NOBITS:
        raise ObjectError("section license has no contents")
    text = bytes(elf.data(section)[:_LICENSE_SIZE]).split(b"\0", 1)[0].decode("utf-8", "replace")
    if not text.isprintable():
        raise ObjectError("section license is not printable text")
    return text


def _read_programs(elf: ElfFile) -> Iterator[ProgramEntry]:
    """Every function of a program section.  Functions in .text are subprograms, which others call."""
    functions: dict[int, list[Symbol]] = {}
    for symbol in elf.symbols:
        if symbol.type == STT_FUNC:
            functions.setdefault(symbol.section, []).append(symbol)
    for section in elf.sections:
        if _is_code(section):
            for symbol in sorted(functions.get(section.number, ()), key=lambda symbol: symbol.value):
                entry = _program(section, symbol)
                if section.name != ".text":
                    yield entry


def _is_code(section: Section) -> bool:
    return (
        section.type == SHT_PROGBITS
        and section.size > 0
        and bool(section.flags & SHF_EXECINSTR)
        and section.name not in _SPECIAL
        and not section.name.startswith(".debug_")
    )


def _program(section: Section, symbol: Symbol) -> ProgramEntry:
    what = f'program "{symbol.name}" in section {section.name}'
    if not symbol.name:
        raise ObjectError(f"section {section.name}: a function without a name at byte {symbol.value}")
    if symbol.value + symbol.size > section.size:
        raise ObjectError(
            f"{what} ({symbol.size} bytes at {symbol.value}) crosses its end ({section.size} bytes)"
        )
    if symbol.size == 0 or symbol.size % _INSTRUCTION or symbol.value % _INSTRUCTION:
        raise ObjectError(f"{what} ({symbol.size} bytes at {symbol.value}) is not made of whole instructions")
    if symbol.bind == STB_LOCAL and section.name != ".text":
        raise ObjectError(f"{what} is static, which libbpf does not load", "make the function global")
    return ProgramEntry(symbol.name, section.name, symbol.value // _INSTRUCTION, symbol.size // _INSTRUCTION)


def _check_relocations(elf: ElfFile) -> None:
    """Those of code: libbpf follows no others but a few of data sections, and checks them."""
    for section in elf.sections:
        if (
            section.type == SHT_REL
            and 0 < section.info < len(elf.sections)
            and _is_code(elf.sections[section.info])
        ):
            elf.relocations(section)


def _read_types(elf: ElfFile) -> tuple[Btf | None, BtfExt | None]:
    section, extra = elf.section(".BTF"), elf.section(".BTF.ext")
    if section is None:
        return None, None
    btf = Btf.parse(_contents(elf, section))
    if btf.byteorder != elf.byteorder:
        raise ObjectError(f"section .BTF is {btf.byteorder}-endian, the object {elf.byteorder}-endian")
    check_types(btf)
    return btf, BtfExt.parse(_contents(elf, extra), btf) if extra else None


def _contents(elf: ElfFile, section: Section) -> memoryview:
    if section.type != SHT_PROGBITS:
        raise ObjectError(
            f"section {section.name} is of type {section.type}, expected {SHT_PROGBITS} (PROGBITS)"
        )
    return elf.data(section)


def _read_maps(elf: ElfFile, btf: Btf | None) -> tuple[MapDefinition, ...]:
    if elf.section(".maps") is None:
        return ()
    if btf is None:
        raise ObjectError(
            "the object defines maps and has no BTF to describe them", "compile it with `clang -g`"
        )
    return tuple(read_definitions(btf))


def _check_names(summary: ObjectSummary) -> None:
    """Programs and maps are asked for by name, so a name means one."""
    _check_unique("program", [program.name for program in summary.programs])
    _check_unique("map", [definition.name for definition in summary.maps])


def _check_unique(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ObjectError(f'the object has more than one {what} named "{name}"')
        seen.add(name)
