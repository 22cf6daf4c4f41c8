# SPDX-License-Identifier: Apache-2.0
"""Members for chains: made of a few instructions, or of programs loaded from the test objects."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from bpfman.bpf import object as bpf_object
from bpfman.bpf.object_summary import ObjectSummary
from bpfman.bpf.program import Bytecode, Program
from bpfman.chain import instructions as bpf
from bpfman.chain.compose import Part
from bpfman.model.code import ProgramCode
from bpfman.model.kinds import KINDS
from bpfman.model.program import ProgramSpec
from tests.bpf.crafted import read_object

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpfman.chain.compose import Composition
    from bpfman.model.verdicts import Verdicts

_XDP_HAS_FRAGS = 1 << 5
_ids = count(1 << 40)  # no program of the kernel has them

# Verdicts that are none, or none that a mask can hold, whatever the family.
STRANGE = (*range(5, 35), 63, 64, 255, 1 << 30, 1 << 31, (1 << 31) + 2, 2**32 - 2)

EXITING = bpf.encode(bpf.MOV32_IMM, bpf.R0, immediate=2) + bpf.encode(bpf.EXIT)  # XDP_PASS


def unsigned(verdict: int) -> int:
    """A verdict as a test run gives it."""
    return verdict & 0xFFFFFFFF


def part(instructions: bytes, name: str = "crafted", **changes) -> Part:
    """A member of these instructions, without BTF."""
    made = Part(next(_ids), name, ProgramCode(instructions, ()), "GPL", gpl_compatible=True, frags=False)
    return made._replace(**changes)


def returning(verdict: int, name: str = "", **changes) -> Part:
    """A member that returns a constant."""
    signed = verdict - (1 << 32) if verdict >> 31 > 0 else verdict
    code = bpf.encode(bpf.MOV32_IMM, bpf.R0, immediate=signed) + bpf.encode(bpf.EXIT)
    return part(code, name or f"returns_{verdict}".replace("-", "minus_"), **changes)


def reading(family: str, offset: int = 0) -> Part:
    """A member whose verdict is 32 bits of the packet, `offset` bytes from its start."""
    data, end = {"xdp": (0, 4), "tc": (76, 80)}[family]  # struct xdp_md, struct __sk_buff
    load32, jgt64, r2, r3, r4 = 0x61, 0x2D, 2, 3, 4
    return part(
        bpf.encode(bpf.MOV32_IMM, bpf.R0, immediate=-7)
        + bpf.encode(load32, r2, bpf.R1, data)
        + bpf.encode(load32, r3, bpf.R1, end)
        + bpf.encode(bpf.MOV64_REG, r4, r2)
        + bpf.encode(bpf.ADD64_IMM, r4, immediate=offset + 4)
        + bpf.encode(jgt64, r4, r3, 1)
        + bpf.encode(load32, bpf.R0, r2, offset)
        + bpf.encode(bpf.EXIT),
        f"reads_{offset}",
    )


def load(composition: Composition, family: str = "xdp") -> Program:
    """The composed program in the kernel, as the manager loads it."""
    kind = KINDS[family]
    return Program.load(
        Bytecode(
            name=composition.name,
            program_type=kind.kernel_type,
            expected_attach=kind.expected_attach,
            instructions=composition.instructions,
            maps=composition.maps,
            license=composition.license,
            btf=composition.btf,
            func_info=composition.func_info,
            flags=_XDP_HAS_FRAGS if composition.frags and family == "xdp" else 0,
        )
    )


class Loaded(NamedTuple):
    """Programs of one object in the kernel, as members."""

    object: bpf_object.LoadedObject
    parts: tuple[Part, ...]

    def map_id(self, name: str) -> int:
        return next(each.kernel.id for each in self.object.maps if each.name == name)

    def program_fd(self, name: str) -> int:
        return next(each.fd for each in self.object.programs if each.spec.name == name)


def load_object(name: str, *programs: str, kind: str = "xdp", **options) -> Loaded:
    """`programs` of `tests/objects/NAME.o`; the one called NAME when none is named.  The caller closes `object`."""
    data = read_object(f"{name}.o")
    summary = ObjectSummary.parse(data)
    specs = [ProgramSpec(kind, program) for program in programs or (name,)]
    loaded = bpf_object.load(data, summary, specs, name=name, **options)
    return Loaded(loaded, tuple(_parts(loaded, summary)))


def _parts(loaded: bpf_object.LoadedObject, summary: ObjectSummary) -> Iterable[Part]:
    for program in loaded.programs:
        types = Program(program.fd).types()  # not closed here: the descriptor is the object's
        yield Part(
            program.kernel.id, program.spec.name, program.code, summary.license, program.kernel.gpl_compatible,
            program.frags, types.btf if types else b"", types.functions if types else (),
        )  # fmt: skip


def goes_on(verdict: int, mask: int, verdicts: Verdicts) -> bool:
    """What contract 6.3 says, in the plainest words: a known verdict whose bit is in the mask."""
    return verdict in verdicts.codes.values() and bool(mask >> (verdict + verdicts.shift) & 1)
