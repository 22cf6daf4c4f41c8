# SPDX-License-Identifier: Apache-2.0
"""BPF instructions: making the few that a chain's main program needs, and finding functions in those of others.

Encodings: Documentation/bpf/standardization/instruction-set.rst of the kernel.  8 bytes each: opcode, registers
(destination in the low nibble), 16-bit offset, 32-bit immediate, in the machine's byte order.
"""

from __future__ import annotations

import struct
import sys

_INSTRUCTION = struct.Struct("=BBhi")
SIZE = _INSTRUCTION.size

R0, R1, R2, R6, R7, R10 = 0, 1, 2, 6, 7, 10

# opcodes
MOV64_REG, MOV64_IMM, MOV32_REG, MOV32_IMM = 0xBF, 0xB7, 0xBC, 0xB4
ADD64_REG, ADD64_IMM, ADD32_IMM, LSH32_REG, LSH64_IMM = 0x0F, 0x07, 0x04, 0x6C, 0x67
JEQ64_REG, JEQ64_IMM, JEQ32_IMM, JNE32_IMM, JGT32_IMM, JLE32_IMM, JSET32_IMM = (
    0x1D, 0x15, 0x16, 0x56, 0x26, 0xB6, 0x46,
)  # fmt: skip
JA, CALL, EXIT = 0x05, 0x85, 0x95
LOAD64, STORE64, STORE32_IMM = 0x79, 0x7B, 0x62
LD_IMM64 = 0x18
MAP_FD, FUNCTION = 1, 4  # source of LD_IMM64: a map's descriptor, a callback's address
LOCAL_CALL = 1  # source of CALL: a function of this program
MAP_LOOKUP_ELEM = 1  # the helper's number


def encode(opcode: int, destination: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    low, high = (destination, source) if sys.byteorder == "little" else (source, destination)
    return _INSTRUCTION.pack(opcode, low | high << 4, offset, immediate)


def decode(block: bytes) -> list[tuple[int, int, int, int, int]]:
    """(opcode, destination, source, offset, immediate) of each instruction."""
    little = sys.byteorder == "little"
    return [
        (opcode, regs & 15 if little else regs >> 4, regs >> 4 if little else regs & 15, offset, immediate)
        for opcode, regs, offset, immediate in _INSTRUCTION.iter_unpack(block)
    ]


def function_starts(block: bytes) -> tuple[int, ...]:
    """Where the functions in a block begin (instruction indices, ascending): 0, and whatever is called within it or
    has its address taken.  Both are relative to the instruction behind."""
    starts = {0}
    for index, (opcode, _, source, _, immediate) in enumerate(decode(block)):
        if (opcode, source) in ((CALL, LOCAL_CALL), (LD_IMM64, FUNCTION)):
            starts.add(index + 1 + immediate)
    return tuple(sorted(starts))


def may_return(block: bytes, constant: int) -> bool:
    """Whether an instruction puts `constant` into a register, as a program that returns it would: in r0, or in one that
    keeps the verdict until the end."""
    return any(
        opcode in (MOV64_IMM, MOV32_IMM) and immediate == constant
        for opcode, _, _, _, immediate in decode(block)
    )
