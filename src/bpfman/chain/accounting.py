# SPDX-License-Identifier: Apache-2.0
"""Counting, per member, how its runs ended: the instructions for it and the layout of what they count in.

One per-CPU array with a single value of SLOTS rows by VERDICTS 64-bit counters.  A packet looks it up once; each
member adds one to its row.  Rows belong to links, so the counts survive recomposition.  The lookup sits in a function
of its own: that way the main program keeps using no stack.
"""

from __future__ import annotations

import struct

from bpfman.chain import instructions as bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bpfman.chain.assembler import Assembler
    from bpfman.model.verdicts import Verdicts

SLOTS, VERDICTS = 256, 16  # 32 KiB a CPU, the most that a per-CPU array's value may have (PCPU_MIN_UNIT_SIZE)
ROW = VERDICTS * 8
VALUE_SIZE = SLOTS * ROW
KEY = b"\0\0\0\0"
_RETURN, _OTHER = 14, 15  # columns of dispatcher_return and of verdicts outside the known range
_LOOKUP = "accounting"


def column(verdicts: Verdicts, code: int) -> int:
    """Where a row counts a verdict."""
    return _RETURN if code == verdicts.dispatcher_return else code + verdicts.shift


def columns(verdicts: Verdicts) -> dict[str, int]:
    """Verdict name -> column, with "other" last."""
    return {**{name: column(verdicts, code) for name, code in verdicts.codes.items()}, "other": _OTHER}


def emit_lookup(asm: Assembler) -> None:
    """r7 = this CPU's rows.  The kernel never gives NULL for an array's only element, but the verifier wants to see
    it checked; that path ends the chain as if it ran out."""
    asm.call(_LOOKUP)
    asm.emit(bpf.MOV64_REG, bpf.R7, bpf.R0)
    asm.jump(bpf.JEQ64_IMM, "exhausted", bpf.R7)


def emit_count(asm: Assembler, slot: int, verdicts: Verdicts) -> None:
    """rows[slot][column of r0] += 1, keeping r0."""
    known = (
        max(code for code in verdicts.codes.values() if code != verdicts.dispatcher_return) + verdicts.shift
    )
    add, other = object(), object()
    asm.emit(bpf.MOV32_REG, bpf.R1, bpf.R0)
    if verdicts.shift:
        asm.emit(bpf.ADD32_IMM, bpf.R1, immediate=verdicts.shift)
    asm.jump(bpf.JLE32_IMM, add, bpf.R1, known)
    asm.jump(bpf.JNE32_IMM, other, bpf.R1, verdicts.dispatcher_return + verdicts.shift)
    asm.emit(bpf.MOV32_IMM, bpf.R1, immediate=_RETURN)
    asm.jump(bpf.JA, add)
    asm.place(other)
    asm.emit(bpf.MOV32_IMM, bpf.R1, immediate=_OTHER)
    asm.place(add)
    asm.emit(bpf.LSH64_IMM, bpf.R1, immediate=3)
    asm.emit(bpf.ADD64_REG, bpf.R1, bpf.R7)
    asm.emit(bpf.LOAD64, bpf.R2, bpf.R1, slot * ROW)
    asm.emit(bpf.ADD64_IMM, bpf.R2, immediate=1)
    asm.emit(bpf.STORE64, bpf.R1, bpf.R2, slot * ROW)


def emit_lookup_function(asm: Assembler, map_id: int) -> int:
    """The function that `emit_lookup` calls; gives where it begins."""
    asm.place(_LOOKUP)
    start = asm.here
    asm.emit(bpf.STORE32_IMM, bpf.R10, offset=-4)
    asm.emit(bpf.MOV64_REG, bpf.R2, bpf.R10)
    asm.emit(bpf.ADD64_IMM, bpf.R2, immediate=-4)
    asm.load_map(bpf.R1, map_id)
    asm.emit(bpf.CALL, immediate=bpf.MAP_LOOKUP_ELEM)
    asm.emit(bpf.EXIT)
    return start


def counts(values: Sequence[bytes], slot: int, verdicts: Verdicts) -> dict[str, int]:
    """Verdict name -> count of one row, over all CPUs' values."""
    rows = [struct.unpack_from(f"={VERDICTS}Q", value, slot * ROW) for value in values]
    return {name: sum(row[column] for row in rows) for name, column in columns(verdicts).items()}


def without(values: Sequence[bytes], slots: Iterable[int]) -> list[bytes]:
    """The values with some rows set to zero, for slots that get a new owner."""
    cleared = [bytearray(value) for value in values]
    for slot in slots:
        for value in cleared:
            value[slot * ROW : (slot + 1) * ROW] = bytes(ROW)
    return [bytes(value) for value in cleared]
