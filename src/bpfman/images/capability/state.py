# SPDX-License-Identifier: Apache-2.0
"""What a register may hold: the values over which `flow` interprets a program.

A value is a set of kinds of things, and more about it where that is known.  Joining two values gives one that covers
both; each join only ever grows a value, and values have few sizes, so growing comes to an end.
"""

from __future__ import annotations

from bpfman.model.value import NamedTuple

# Kinds of things, as bits.
SCALAR, STACK, CONTEXT, PACKET, MEMORY, HANDED = 1, 2, 4, 8, 16, 32  # HANDED: what the context points to
POINTERS = STACK | CONTEXT | PACKET | MEMORY | HANDED
_PLACED = (STACK, CONTEXT)  # pointers of which the exact place may be known
_MOST_CONSTANTS = 8
_U32, _U64 = (1 << 32) - 1, (1 << 64) - 1


class Value(NamedTuple):
    """`constants` are all numbers that it can be (unsigned, 64 bits), None for any; `offset` is the place in the own
    frame's stack or in the context, None for any."""

    kinds: int
    constants: frozenset[int] | None = None
    offset: int | None = None


State = tuple[Value, ...]  # r0 to r10

NUMBER = Value(SCALAR)
ANYTHING = Value(SCALAR | POINTERS)
OBJECT = Value(SCALAR | MEMORY)  # what helpers give: a number, or a pointer to something that is no packet
HANDED_OBJECT = Value(SCALAR | MEMORY | HANDED)
FRAME = Value(STACK, None, 0)


def constant(number: int) -> Value:
    return Value(SCALAR, frozenset((number & _U64,)))


def join(one: Value, other: Value) -> Value:
    """A value that covers both."""
    if one == other:
        return one
    kinds = one.kinds | other.kinds
    constants = None
    if kinds == SCALAR and one.constants is not None and other.constants is not None:
        both = one.constants | other.constants
        constants = both if len(both) <= _MOST_CONSTANTS else None
    return Value(kinds, constants, one.offset if kinds in _PLACED and one.offset == other.offset else None)


def join_states(one: State, other: State) -> State:
    return one if one == other else tuple(map(join, one, other))


def moved(value: Value, wide: bool) -> Value:
    """A copy of 64 bits, or of the lower 32, in which no pointer survives."""
    return value if wide else narrowed(value)


def narrowed(value: Value) -> Value:
    if value.constants is None or value.kinds != SCALAR:
        return NUMBER
    return Value(SCALAR, frozenset(number & _U32 for number in value.constants))


_FOLDS = {
    0x00: lambda a, b, bits: a + b,
    0x10: lambda a, b, bits: a - b,
    0x20: lambda a, b, bits: a * b,
    0x40: lambda a, b, bits: a | b,
    0x50: lambda a, b, bits: a & b,
    0x60: lambda a, b, bits: a << (b % bits),
    0x70: lambda a, b, bits: a >> (b % bits),
    0xA0: lambda a, b, bits: a ^ b,
}  # fmt: skip
_ADD, _SUB, _AND = 0x00, 0x10, 0x50


def computed(operation: int, left: Value, right: Value, wide: bool) -> Value:
    """The result of an ALU operation (the upper four bits of its opcode)."""
    if not wide:
        left, right = narrowed(left), narrowed(right)
    pointers = (left.kinds | right.kinds) & POINTERS
    if pointers and operation in (_ADD, _SUB):
        return _displaced(operation, left, right, pointers)
    return _folded(operation, left, right, 64 if wide else 32)


def _displaced(operation: int, left: Value, right: Value, pointers: int) -> Value:
    """A pointer and a number, whichever comes first; two pointers, too, for their difference is harmless."""
    offset = None
    if left.kinds in _PLACED and left.offset is not None and right.constants and len(right.constants) == 1:
        (number,) = right.constants
        signed = number - (1 << 64) if number >> 63 else number
        offset = left.offset + (signed if operation == _ADD else -signed)
    exact = left.kinds & SCALAR == 0 or right.kinds & SCALAR == 0
    return Value(pointers if exact else pointers | SCALAR, None, offset)


def _folded(operation: int, left: Value, right: Value, bits: int) -> Value:
    fold, mask = _FOLDS.get(operation), (1 << bits) - 1
    if fold is None or right.constants is None or right.kinds != SCALAR:
        return NUMBER
    if left.constants is None or left.kinds != SCALAR:
        return _masked(right.constants) if operation == _AND else NUMBER
    found = frozenset(fold(a & mask, b & mask, bits) & mask for a in left.constants for b in right.constants)
    return Value(SCALAR, found) if len(found) <= _MOST_CONSTANTS else NUMBER


def _masked(masks: frozenset[int]) -> Value:
    """What any number can be after AND with a mask of few bits, as in `return condition & 1`."""
    if len(masks) != 1:
        return NUMBER
    (mask,) = masks
    bits = [1 << bit for bit in range(64) if mask >> bit & 1]
    if 1 << len(bits) > _MOST_CONSTANTS:
        return NUMBER
    found = {0}
    for bit in bits:
        found |= {number | bit for number in found}
    return Value(SCALAR, frozenset(found))
