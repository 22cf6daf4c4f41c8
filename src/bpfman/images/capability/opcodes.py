# SPDX-License-Identifier: Apache-2.0
"""The instructions as far as `flow` must tell them apart, and where each of them may lead.

Called by `flow` alone.  Names and numbers are those of Documentation/bpf/standardization/instruction-set.rst of the
kernel.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.images.bytecode import Instruction

# Classes of opcodes (their lower three bits) and modes of loads and stores (their upper three).
LD, LDX, ST, STX, ALU, JMP, JMP32, ALU64 = range(8)
MEM, ATOMIC = 0x60, 0xC0
DOUBLE_WORD = 0x18
LD_IMM64, CALL, CALLX, EXIT = 0x18, 0x85, 0x8D, 0x95
_JA, _JA_LONG, _JA_INDIRECT = 0x05, 0x06, 0x0D
MOV, NEG, SWAP = 0xB0, 0x80, 0xD0
HELPER = 0  # what a call is to, in its source register
PSEUDO_FUNC = 4  # the same of a 16-byte load: the address of a function
FETCH, COMPARE_EXCHANGE, LOAD_ACQUIRE = 0x01, 0xF1, 0x100


class Lost(Exception):
    """Code that cannot be followed."""


def following(instruction: Instruction, at: int) -> Iterator[int]:
    """The indexes of what may run behind the instruction at `at`.  (`may_goto` is a jump like others.)"""
    opcode = instruction.opcode
    if opcode == EXIT:
        return
    if opcode == _JA_INDIRECT:
        raise Lost
    if opcode == LD_IMM64:
        yield at + 2
    elif opcode == _JA:
        yield at + 1 + instruction.offset
    elif opcode == _JA_LONG:
        yield at + 1 + instruction.immediate
    else:
        yield at + 1
        if opcode & 7 in (JMP, JMP32) and opcode != CALL:
            yield at + 1 + instruction.offset
