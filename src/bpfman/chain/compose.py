# SPDX-License-Identifier: Apache-2.0
"""Composing a chain: one ordinary program out of the members' own instructions (chain.md).

    main:   r6 = ctx                         the context survives calls in a callee-saved register
            call member 0                    each member is a BPF-to-BPF function
            goto out unless r0 is in mask 0  masks and the order are immediates, nothing is looked up
            r1 = r6; call member 1; ...
            r0 = pass                        when the chain runs out
    out:    exit                             or with the verdict that ended it, as it is
            members' blocks                  a program that is a member twice stands here once

Main uses no stack, so members may use nearly all of it.  Pure: instructions, types and references to maps go in,
a program to load comes out; `manager/` feeds it and hands the result to `bpf/`.
"""

from __future__ import annotations

from bpfman.chain import accounting as count
from bpfman.chain import instructions as bpf
from bpfman.chain.assembler import Assembler
from bpfman.chain.types import TypeBuilder
from bpfman.errors import ChainLimit
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.model.code import MapReference, ProgramCode
    from bpfman.model.verdicts import Verdicts

MAX_FUNCTIONS = 256  # BPF_MAX_SUBPROGS
MAX_MAPS = 64  # MAX_USED_MAPS
_LONGEST_JUMP = (1 << 15) - 1  # offsets have 16 bits
NAME = "bpfman_chain"


class Part(NamedTuple):
    """One program that takes part in a chain, whatever the number of its places in it.

    `functions` are the type ids of its functions in `btf`, in order of their starts; both empty without BTF."""

    program_id: int
    name: str
    code: ProgramCode
    license: str
    gpl_compatible: bool
    frags: bool
    btf: bytes = b""
    functions: tuple[int, ...] = ()


class Place(NamedTuple):
    """One member: which part runs, after which verdicts the chain goes on, its row in the accounting map."""

    part: Part
    proceed_on: int
    slot: int = 0


class Composition(NamedTuple):
    """A program to load.  `blocks` says whose each range of instructions is: (first, behind the last, name)."""

    name: str
    instructions: bytes
    maps: tuple[MapReference, ...]
    btf: bytes
    func_info: tuple[tuple[int, int], ...]
    license: str
    without_frags: tuple[str, ...]  # the members for whose sake an XDP chain is not frags-capable
    blocks: tuple[tuple[int, int, str], ...]

    @property
    def frags(self) -> bool:
        return not self.without_frags

    def owner_of(self, instruction: int) -> str | None:
        """The name of the member that an instruction (as loaded) belongs to; None for the main program."""
        return next((name for first, end, name in self.blocks if first <= instruction < end), None)


def alone(place: Place, verdicts: Verdicts) -> bool:
    """Whether a lone member's own code, unwrapped, gives the same verdicts as a chain of it would.

    Only for XDP, where running out gives the very verdict it went on after.  The verdict that only a chain understands
    must not reach the kernel: a program that may return it gets a chain."""
    default = verdicts.mask(verdicts.codes[name] for name in verdicts.default)
    return (
        verdicts.codes[verdicts.default[0]] == verdicts.exhausted
        and place.proceed_on & ~default == 0
        and not bpf.may_return(place.part.code.instructions, verdicts.dispatcher_return)
    )


def compose(
    places: Sequence[Place], verdicts: Verdicts, *, exported: bool = True, accounting: int | None = None
) -> Composition:
    """The chain of `places`.  `exported` has the kernel verify each member once, by itself; where a program cannot be
    verified so, False verifies it in place.  `accounting` is the id of the map to count in.  Raises ChainLimit when
    the chain cannot be built."""
    parts = _distinct(places)
    asm = Assembler()
    own: list[tuple[int, str]] = []  # functions of ours: (start, name)
    if not (len(places) == 1 and accounting is None and alone(places[0], verdicts)):
        own = _main(asm, places, verdicts, accounting)
    if asm.here > _LONGEST_JUMP:
        raise ChainLimit(
            f"a chain of {len(places)} members is too long: no instruction can jump over all of them",
            "detach something from this hook first",
        )
    starts = {part.program_id: bpf.function_starts(part.code.instructions) for part in parts}
    _check(parts, starts, len(own), accounting)
    blocks = []
    for part in parts:
        first = asm.here
        asm.place(part.program_id)
        asm.block(part.code.instructions, part.code.maps)
        blocks.append((first, asm.here, part.name))
    btf, func_info = _types(asm, parts, starts, own, verdicts, exported)
    incompatible = next((part.license for part in parts if not part.gpl_compatible), None)
    return Composition(
        name=NAME if own else parts[0].name,
        instructions=asm.finish(),
        maps=tuple(asm.maps),
        btf=btf,
        func_info=func_info,
        license="GPL" if incompatible is None else incompatible,
        without_frags=tuple(part.name for part in parts if not part.frags),
        blocks=tuple(blocks),
    )


def _distinct(places: Sequence[Place]) -> list[Part]:
    """Each part once; the one whose instructions carry type ids of its own BTF first, so that they stay true."""
    parts = {place.part.program_id: place.part for place in places}
    return sorted(parts.values(), key=lambda part: not part.code.local_types)


def _check(
    parts: Sequence[Part], starts: dict[int, tuple[int, ...]], own: int, accounting: int | None
) -> None:
    for part in parts:
        if part.code.modules:
            raise ChainLimit(
                f'program "{part.name}" uses functions or variables of a kernel module and cannot be part of a chain',
                "attach it as tcx, which runs each program as it was loaded",
            )
    local = [part for part in parts if part.code.local_types]
    other = next((part for part in local if part.btf != local[0].btf), None)
    if other is not None:
        raise ChainLimit(
            f'programs "{local[0].name}" and "{other.name}" both carry ids of their own types (bpf_obj_new and the '
            "like): only programs of one object may do so in a chain",
            "attach one of them to another hook",
        )
    _check_maps(parts, accounting)
    total = own
    for part in parts:
        total += len(starts[part.program_id])
        if total > MAX_FUNCTIONS:
            raise ChainLimit(
                f'the chain has no room for program "{part.name}": the kernel allows {MAX_FUNCTIONS} functions in one '
                f"program, and with it there would be {total} or more",
                "detach something from this hook first, or build the program with fewer functions",
            )


def _check_maps(parts: Sequence[Part], accounting: int | None) -> None:
    used = set() if accounting is None else {accounting}
    for part in parts:
        used |= {reference.map_id for reference in part.code.maps}
        if len(used) > MAX_MAPS:
            raise ChainLimit(
                f'the chain has no room for the maps of program "{part.name}": the kernel allows {MAX_MAPS} maps in '
                f"one program, and with it there would be {len(used)} or more",
                "have programs share maps (--map-owner-id), load as tcx, or detach something from this hook first",
            )


def _main(
    asm: Assembler, places: Sequence[Place], verdicts: Verdicts, accounting: int | None
) -> list[tuple[int, str]]:
    """The main program, with the accounting's lookup function behind it."""
    asm.emit(bpf.MOV64_REG, bpf.R6, bpf.R1)
    if accounting is not None:
        count.emit_lookup(asm)
    for place in places:
        following = object()
        asm.emit(bpf.MOV64_REG, bpf.R1, bpf.R6)
        asm.call(place.part.program_id)
        if accounting is not None:
            count.emit_count(asm, place.slot, verdicts)
        _gate(asm, place.proceed_on, verdicts, following)
        asm.place(following)
    asm.place("exhausted")
    asm.emit(bpf.MOV64_IMM, bpf.R0, immediate=verdicts.exhausted)
    asm.place("out")
    asm.emit(bpf.EXIT)
    functions = [(0, NAME)]
    if accounting is not None:
        functions.append((count.emit_lookup_function(asm, accounting), "bpfman_accounting"))
    return functions


def _gate(asm: Assembler, mask: int, verdicts: Verdicts, following: object) -> None:
    """Leave with r0 as it is unless its bit is in the mask.  Few verdicts are compared one by one, which costs less
    than a shift; either way what is outside the known range leaves."""
    codes = verdicts.codes_of(mask)
    if not codes:  # always leave, without saying so: the verifier refuses instructions that nothing leads to
        asm.jump(bpf.JEQ64_REG, "out", bpf.R6, source=bpf.R6)
    elif len(codes) <= 3:
        for code in codes[:-1]:
            asm.jump(bpf.JEQ32_IMM, following, bpf.R0, code)
        asm.jump(bpf.JNE32_IMM, "out", bpf.R0, codes[-1])
    else:
        asm.emit(bpf.MOV32_REG, bpf.R1, bpf.R0)
        asm.emit(bpf.ADD32_IMM, bpf.R1, immediate=verdicts.shift)
        asm.jump(bpf.JGT32_IMM, "out", bpf.R1, 31)
        asm.emit(bpf.MOV32_IMM, bpf.R2, immediate=1)
        asm.emit(bpf.LSH32_REG, bpf.R2, bpf.R1)
        signed = mask - (1 << 32) if mask >> 31 else mask
        asm.jump(bpf.JSET32_IMM, following, bpf.R2, signed)
        asm.jump(bpf.JA, "out")


def _types(
    asm: Assembler,
    parts: Sequence[Part],
    starts: dict[int, tuple[int, ...]],
    own: Sequence[tuple[int, str]],
    verdicts: Verdicts,
    exported: bool,
) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """The merged BTF, and (instruction, type id) of each function in order."""
    with TypeBuilder() as types:
        moved: dict[bytes, int] = {}
        for part in parts:
            if part.btf and part.btf not in moved:
                moved[part.btf] = _merge(types, part)
        prototype = types.canonical(verdicts.family)
        func_info = [
            (
                start,
                types.function(
                    name, prototype.with_context if start == 0 else prototype.without, exported=False
                ),
            )
            for start, name in own
        ]
        for part in parts:
            base, functions = asm.address(part.program_id), starts[part.program_id]
            func_info.append((base, types.function(part.name, prototype.with_context, exported=exported)))
            # The verifier drops functions that cannot be reached, and their types with them: then which type is whose
            # is not known any more, and plain ones do.
            known = len(part.functions) == len(functions)
            for index, start in enumerate(functions[1:], 1):
                kind = (
                    part.functions[index] + moved[part.btf]
                    if known
                    else types.function(f"{part.name}_{index}", prototype.without, exported=False)
                )
                func_info.append((base + start, kind))
        return types.data(), tuple(func_info)


def _merge(types: TypeBuilder, part: Part) -> int:
    try:
        return types.add(part.btf)
    except OSError as error:
        raise ChainLimit(
            f'the types of program "{part.name}" cannot be merged into a chain: {error.strerror}',
            "load the program again, built with a current clang; a newer libbpf may know types that this one does not",
        ) from error
