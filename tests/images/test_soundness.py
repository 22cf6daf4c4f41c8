# SPDX-License-Identifier: Apache-2.0
"""Programs made at random, run by the kernel: whatever they do was foreseen by who followed their instructions."""

from __future__ import annotations

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.bpf.descriptor import Descriptor
from bpfman.images.bytecode import Function, Instruction
from bpfman.images.capability.flow import Budget, follow
from bpfman.model.kinds import KINDS
from bpfman.syscalls import bpf

pytestmark = pytest.mark.kernel

PACKET = bytes(range(64))
CONTEXT, DATA = (
    6,
    7,
)  # registers that keep what they hold; r0 and r2 to r5 are numbers, r8 is a spilled pointer
NUMBERS = (0, 2, 3, 4, 5)
ROOM = 14  # bytes of the packet that may be touched

I = Instruction  # noqa: E741 - a table of instructions reads better so
register = st.sampled_from(NUMBERS)
small = st.one_of(st.integers(-9, 9), st.integers(-(2**31), 2**31 - 1))
slots = st.integers(1, 3).map(lambda number: -8 * number)

ARITHMETIC = (0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xA0, 0xB0, 0xC0)
SHIFTS = (0x60, 0x70, 0xC0)


@st.composite
def arithmetic(draw):
    operation, wide = draw(st.sampled_from(ARITHMETIC)), draw(st.booleans())
    opcode = operation | (7 if wide else 4)
    if operation not in SHIFTS and draw(st.booleans()):
        return [I(opcode | 8, draw(register), draw(register), 0, 0)]
    number = draw(st.integers(0, 31)) if operation in SHIFTS else draw(small)
    if operation in (0x30, 0x90):
        number = number or 1  # the verifier refuses to divide by a constant zero
    return [I(opcode, draw(register), 0, 0, number)]


@st.composite
def negation(draw):
    return [I(0x80 | draw(st.sampled_from((4, 7))), draw(register), 0, 0, 0)]


@st.composite
def swap(draw):
    return [I(draw(st.sampled_from((0xD4, 0xDC))), draw(register), 0, 0, draw(st.sampled_from((16, 32, 64))))]


@st.composite
def call(draw):
    """A helper that gives a number, after which the registers are set again."""
    number = draw(st.sampled_from((5, 7, 8)))
    return [I(0x85, 0, 0, 0, number), *(I(0xB7, each, 0, 0, draw(small)) for each in NUMBERS[1:])]


@st.composite
def spill(draw):
    slot, wide = draw(slots), draw(st.booleans())
    size = 0x18 if wide else 0x00
    source, target = draw(register), draw(register)
    return [I(0x7B, 10, source, slot, 0), I(0x61 | size, target, 10, slot, 0)]


@st.composite
def write(draw):
    """Into the packet: directly, by a copy of the pointer, by one that was on the stack, or atomically."""
    way, at, source = draw(st.integers(0, 4)), draw(st.integers(0, ROOM - 8)), draw(register)
    if way == 0:
        return [I(0x72, DATA, 0, at, draw(st.integers(0, 127)))]
    if way == 1:
        return [I(0x73, DATA, source, at, 0)]
    if way == 2:
        return [I(0xBF, 8, DATA, 0, 0), I(0x07, 8, 0, 0, at), I(0x6B, 8, source, 0, 0)]
    if way == 3:
        return [I(0x7B, 10, DATA, -32, 0), I(0x79, 8, 10, -32, 0), I(0x63, 8, source, at, 0)]
    return [I(0x07, CONTEXT, 0, 0, 0), I(0x71, source, DATA, at, 0)]  # only reads


LOCAL_CALL = I(0x85, 0, 1, 0, -1)  # of the other function, which is put behind the program


@st.composite
def local_call(draw):
    """The other function gets a pointer into the packet, or one to the stack, and gives a number."""
    passed = draw(st.sampled_from(([I(0xBF, 1, DATA, 0, 0)], [I(0xBF, 1, 10, 0, 0), I(0x07, 1, 0, 0, -24)])))
    return [*passed, LOCAL_CALL, *(I(0xB7, each, 0, 0, draw(small)) for each in NUMBERS[1:])]


@st.composite
def condition(draw):
    """A way around what comes next, taken or not."""
    inner = [each for part in draw(st.lists(simple, max_size=2)) for each in part]
    opcode = draw(st.sampled_from((0x15, 0x25, 0x35, 0x45, 0x55, 0x65, 0x75, 0xA5, 0xB5, 0xC5, 0xD5)))
    opcode |= draw(st.sampled_from((0, 1)))  # of 64 bits, or of 32
    return [I(opcode, draw(register), 0, len(inner), draw(small)), *inner]


@st.composite
def leave(draw):
    """An end in the middle, which something may lead around."""
    return [
        I(0x55, draw(register), 0, 2, draw(small)),
        I(0xB7, 0, 0, 0, draw(st.integers(-1, 40))),
        I(0x95, 0, 0, 0, 0),
    ]


@st.composite
def mask(draw):
    return [I(0x57, 0, 0, 0, draw(st.integers(0, 7)))]


simple = st.one_of(arithmetic(), negation(), swap(), spill(), write(), call(), mask())


def flat(parts: list[list[Instruction]]) -> list[Instruction]:
    return [each for part in parts for each in part]


bodies = st.lists(st.one_of(simple, condition(), leave(), local_call()), max_size=12).map(flat)


@st.composite
def others(draw):
    """A function that writes where its argument points to, or does not."""
    head = [I(0xB7, each, 0, 0, draw(small)) for each in NUMBERS]
    body = flat(draw(st.lists(st.one_of(arithmetic(), mask()), max_size=4)))
    write = draw(st.sampled_from(([], [I(0x72, 1, 0, 3, 77)], [I(0x73, 1, 2, 5, 0)])))
    return (*head, *body, *write, I(0x95, 0, 0, 0, 0))


def program(
    data_at: int, end_at: int, body: list[Instruction], numbers: list[int]
) -> tuple[Instruction, ...]:
    head = [
        I(0xBF, CONTEXT, 1, 0, 0),
        I(0x61, DATA, 1, data_at, 0),
        I(0x61, 8, 1, end_at, 0),
        I(0xBF, 9, DATA, 0, 0),
        I(0x07, 9, 0, 0, ROOM),
        I(0xBD, 9, 8, 2, 0),  # if r9 <= r8
        I(0xB7, 0, 0, 0, 2),
        I(0x95, 0, 0, 0, 0),
        *(I(0xB7, each, 0, 0, number) for each, number in zip(NUMBERS, numbers, strict=True)),
        *(I(0x7A, 10, 0, slot, 5) for slot in (-8, -16, -24)),
    ]
    return (*head, *body, I(0x95, 0, 0, 0, 0))


def joined(main: tuple[Instruction, ...], other: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """Both functions as the kernel takes them: calls are relative, and what nobody calls is not there."""
    calls = [at for at, each in enumerate(main) if each == LOCAL_CALL]
    linked = [
        each._replace(immediate=len(main) - at - 1) if at in calls else each for at, each in enumerate(main)
    ]
    return (*linked, *(other if calls else ()))


def encoded(instructions: tuple[Instruction, ...]) -> bytes:
    little = sys.byteorder == "little"
    return b"".join(
        struct.pack(
            "=BBhi",
            each.opcode,
            each.destination | each.source << 4 if little else each.destination << 4 | each.source,
            each.offset,
            each.immediate,
        )
        for each in instructions
    )


def ran(kind: str, instructions: tuple[Instruction, ...]) -> tuple[int, bytes]:
    """The verdict and the packet."""
    descriptor = bpf.prog_load(KINDS[kind].kernel_type, encoded(instructions), "GPL")
    with Descriptor(descriptor):
        verdict, _, packet = bpf.prog_test_run(descriptor, PACKET, out_size=256)
    return verdict, packet


@pytest.mark.parametrize(("kind", "data_at", "end_at"), [("xdp", 0, 4), ("tc", 76, 80)])
@given(body=bodies, numbers=st.lists(small, min_size=5, max_size=5), other=others())
def test_what_a_program_does_was_foreseen(kind, data_at, end_at, body, numbers, other):
    main = program(data_at, end_at, body, numbers)
    calls = {at: 1 for at, each in enumerate(main) if each == LOCAL_CALL}
    functions = [Function("main", main, calls), Function("other", other)]
    found = follow(functions, 0, frozenset((data_at,)), Budget())
    assert found.understood
    verdict, packet = ran(kind, joined(main, other))
    assert found.returns is None or verdict in found.returns
    assert found.writes_packets or packet == PACKET
