# SPDX-License-Identifier: Apache-2.0
"""Takes out of an object file what images need to know of it: labels, code, maps.

Joins `bpf`, which reads ELF, with `images`, which must not; called for every object that is pulled, built or inspected,
before anything else believes it.  Calls and addresses are resolved as libbpf does it (libbpf.c,
bpf_object__reloc_code), so that what is analysed is what would run.
"""

from __future__ import annotations

from struct import Struct

from bpfman.bpf.elf import SHF_EXECINSTR, SHN_UNDEF, SHT_REL, STT_FUNC, ElfFile
from bpfman.bpf.object_maps import PIN_BY_NAME
from bpfman.bpf.object_summary import ObjectSummary
from bpfman.errors import ObjectError
from bpfman.images.bytecode import Bytecode, Function, Instruction, Map, Program
from bpfman.model.kinds import kind_of_section

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.btf_ext import BtfExt
    from bpfman.bpf.elf import ByteOrder, Relocation, Section, Symbol

_SIZE = 8  # bytes of an instruction
_CALL, _LD_IMM64 = 0x85, 0x18
_LOCAL, _FUNCTION = 1, 4  # BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC
_SOCKET_MAPS = (15, 18)  # BPF_MAP_TYPE_SOCKMAP, _SOCKHASH
_CONFIGURATION = ("CONFIG_", "LINUX_")  # variables that libbpf itself fills in


def read_bytecode(data: bytes, byteorder: ByteOrder | None = None) -> Bytecode:
    """The object in `data`; ObjectError says what is wrong with it, also when it is of another byte order."""
    elf = ElfFile.parse(data, byteorder)
    summary = ObjectSummary.of(elf)
    code = _Code(elf, summary.btf_ext)
    return Bytecode(
        elf.byteorder,
        summary.license,
        tuple(
            Program(name, kind_of_section(section) or "", section, code.number_at(section, offset))
            for name, section, offset, _ in summary.programs
        ),
        tuple(
            Map(each.name, each.type, each.key_size, each.value_size, each.max_entries, each.pinning == PIN_BY_NAME)
            for each in summary.maps
        ),
        tuple(code.functions()),
        any(each.type in _SOCKET_MAPS or (each.inner and each.inner.type in _SOCKET_MAPS) for each in summary.maps),
    )  # fmt: skip


class _Code:
    """The functions of an object, numbered, and where each begins."""

    def __init__(self, elf: ElfFile, btf_ext: BtfExt | None) -> None:
        self._elf = elf
        self._patches = btf_ext.core_relocations if btf_ext else {}
        self._symbols = sorted(
            (each for each in elf.symbols if each.type == STT_FUNC and _is_code(elf, each.section)),
            key=lambda each: (each.section, each.value),
        )
        self._starts = {(each.section, each.value // _SIZE): n for n, each in enumerate(self._symbols)}
        self._relocations: dict[tuple[int, int], Relocation] = {}
        for section in elf.sections:
            if section.type == SHT_REL and _is_code(elf, section.info):
                self._relocate(section)
        self._instruction = Struct(("<" if elf.byteorder == "little" else ">") + "BBhi")

    def _relocate(self, section: Section) -> None:
        """Two relocations of one instruction could be understood in two ways: ours, and libbpf's."""
        for each in self._elf.relocations(section):
            place = (section.info, each.offset // _SIZE)
            if place in self._relocations:
                raise ObjectError(
                    f"section {section.name} relocates the instruction at byte {each.offset} a second time"
                )
            self._relocations[place] = each

    def number_at(self, section: str, offset: int) -> int:
        """The function that begins at instruction `offset` of a section."""
        number = next(
            each.number for each in self._elf.sections if each.name == section and each.flags & SHF_EXECINSTR
        )
        return self._at(number, offset)

    def functions(self) -> Iterator[Function]:
        for symbol in self._symbols:
            yield self._function(symbol, self._elf.sections[symbol.section])

    def _function(self, symbol: Symbol, section: Section) -> Function:
        start = symbol.value // _SIZE
        block = self._elf.data(section)[symbol.value : symbol.value + symbol.size]
        instructions = tuple(
            map(self._decoded, self._instruction.iter_unpack(block[: len(block) // _SIZE * _SIZE]))
        )
        calls: dict[int, int | str] = {}
        addresses: dict[int, int | str | None] = {}
        for index, each in enumerate(instructions):
            relocation = self._relocations.get((section.number, start + index))
            if each.opcode == _CALL and (each.source == _LOCAL or relocation):
                calls[index] = self._called(section.number, start + index, each, relocation)
            elif each.opcode == _LD_IMM64 and relocation:
                addresses[index] = self._address(each, relocation)
            elif each.opcode == _LD_IMM64 and each.source == _FUNCTION:
                addresses[index] = self._at(section.number, start + index + 1 + each.immediate)
        patched = {each.offset // _SIZE - start for each in self._patches.get(section.name, ())}
        return Function(
            symbol.name, instructions, calls, addresses, frozenset(patched & set(range(len(instructions))))
        )

    def _decoded(self, fields: tuple[int, int, int, int]) -> Instruction:
        opcode, registers, offset, immediate = fields
        low, high = registers & 15, registers >> 4
        if self._elf.byteorder == "little":
            return Instruction(opcode, low, high, offset, immediate)
        return Instruction(opcode, high, low, offset, immediate)

    def _called(self, section: int, at: int, call: Instruction, relocation: Relocation | None) -> int | str:
        """What a call is to; without a relocation it is relative to where it stands."""
        if relocation is None:
            return self._at(section, at + 1 + call.immediate)
        symbol = self._elf.symbols[relocation.symbol]
        if symbol.section == SHN_UNDEF:
            return symbol.name
        return self._at(symbol.section, symbol.value // _SIZE + call.immediate + 1)

    def _address(self, load: Instruction, relocation: Relocation) -> int | str | None:
        """The function or kernel symbol whose address is taken; None for that of a map or a variable."""
        symbol = self._elf.symbols[relocation.symbol]
        if symbol.section == SHN_UNDEF and not symbol.name.startswith(_CONFIGURATION):
            return symbol.name
        if not _is_code(self._elf, symbol.section):
            return None
        return self._at(symbol.section, (symbol.value + load.immediate) // _SIZE)

    def _at(self, section: int, offset: int) -> int:
        if (section, offset) not in self._starts:
            raise ObjectError(
                f"no function begins at instruction {offset} of section {section}, which is called"
            )
        return self._starts[section, offset]


def _is_code(elf: ElfFile, section: int) -> bool:
    return 0 < section < len(elf.sections) and bool(elf.sections[section].flags & SHF_EXECINSTR)
