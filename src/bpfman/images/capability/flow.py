# SPDX-License-Identifier: Apache-2.0
"""Follows a program through its instructions: what it calls, what it returns, whether it writes into packets.

An abstract interpretation: each path is walked with what registers may hold (`state`), until nothing new is learned.
It relies on the verifier's rules, without which the kernel runs nothing: a pointer to a packet comes from the context,
from another register or from where the program itself put one on its stack.  What is filled in only at load may be
anything.  It does not decide conditions, so it
may see paths that are never taken, and never misses one.  Code that it cannot follow, or that takes too long, may do
anything.

Called by `effects` for each program.  Instructions: Documentation/bpf/standardization/instruction-set.rst of the
kernel.
"""

from __future__ import annotations

from heapq import heappop, heappush

from bpfman.images.capability import opcodes as op
from bpfman.images.capability.helpers import TAIL_CALL
from bpfman.images.capability.kernel_functions import PACKET_SLICES
from bpfman.images.capability.state import (
    ANYTHING,
    CONTEXT,
    FRAME,
    HANDED,
    HANDED_OBJECT,
    MEMORY,
    NUMBER,
    OBJECT,
    PACKET,
    SCALAR,
    STACK,
    State,
    Value,
    computed,
    constant,
    join,
    join_states,
    moved,
)
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.images.bytecode import Function, Instruction

# Instructions looked at: for one program, and for all of an object.  Some seconds; real programs take thousands.
_MOST_STEPS, _MOST_STEPS_IN_ALL = 200_000, 500_000


class Behaviour(NamedTuple):
    """What a program may do.  `returns` are all numbers that it can return (32 bits), None for any."""

    helpers: frozenset[int]
    kernel_functions: frozenset[str]
    returns: frozenset[int] | None
    writes_packets: bool
    writes_context: bool  # or what it points to
    reads_kernel: bool
    understood: bool  # False: it may do anything


class Budget:
    """What is left to spend on the programs of one object."""

    def __init__(self, steps: int = _MOST_STEPS_IN_ALL) -> None:
        self.steps = steps


def follow(
    functions: Sequence[Function], start: int, packet_fields: frozenset[int] | None, budget: Budget
) -> Behaviour:
    """What the program that begins at function number `start` may do; `packet_fields` are the offsets of fields of its
    context that point into the packet, None for any."""
    walk = _Walk(functions, start, packet_fields, budget)
    try:
        walk.run()
    except op.Lost:
        return Behaviour(
            frozenset(walk.helpers), frozenset(walk.kernel_functions), None, True, True, True, False
        )
    end = walk.returns.get(start, NUMBER)
    known = end.constants if end.kinds == SCALAR and TAIL_CALL not in walk.helpers else None
    return Behaviour(
        frozenset(walk.helpers),
        frozenset(walk.kernel_functions),
        None if known is None else frozenset(number & 0xFFFFFFFF for number in known),
        walk.writes_packets,
        walk.writes_context,
        walk.reads_kernel,
        True,
    )


class _Walk:
    """Everything learned so far; it only grows, and the walk is over when it no longer does."""

    def __init__(
        self, functions: Sequence[Function], start: int, packet_fields: frozenset[int] | None, budget: Budget
    ) -> None:
        self.helpers: set[int] = set()
        self.kernel_functions: set[str] = set()
        self.writes_packets = False
        self.writes_context = False
        self.reads_kernel = False
        self.returns: dict[int, Value] = {}
        self._functions = functions
        self._packet_fields = packet_fields
        entry = [NUMBER] * 11
        entry[1], entry[10] = Value(CONTEXT, None, 0), FRAME
        self._entries: dict[int, State] = {start: tuple(entry)}
        self._slots: dict[tuple[int, int], Value] = {}  # what is on the stack: (function, offset)
        self._somewhere: Value | None = None  # what was put on a stack at a place that is not known
        self._grew = False
        self._steps = 0
        self._budget = budget
        self._number = start

    def run(self) -> None:
        while True:
            self._grew = False
            for number in list(self._entries):
                self._walk(number)
            if not self._grew:
                return

    def _walk(self, number: int) -> None:
        """All paths through one function, with what is known of the others by now."""
        self._number = number
        function = self._functions[number]
        states: dict[int, State] = {0: self._entries[number]}
        todo = [0]  # the first instruction first: where ways meet, all of them are known before it goes on
        waiting = {0}
        while todo:
            at = heappop(todo)
            waiting.discard(at)
            self._spend()
            if not 0 <= at < len(function.instructions):
                raise op.Lost
            state = self._after(function, at, states[at])
            if state is None:
                continue
            for following in op.following(function.instructions[at], at):
                known = states.get(following)
                joined = state if known is None else join_states(known, state)
                if joined != known:
                    states[following] = joined
                    if following not in waiting:
                        waiting.add(following)
                        heappush(todo, following)

    def _spend(self) -> None:
        self._steps += 1
        self._budget.steps -= 1
        if self._steps > _MOST_STEPS or self._budget.steps < 0:
            raise op.Lost

    # one instruction

    def _after(self, function: Function, at: int, state: State) -> State | None:
        """What registers hold behind an instruction; None where it does not come to that, as far as is known."""
        instruction, patched = function.instructions[at], at in function.patched
        if max(instruction.destination, instruction.source) > 10:
            raise op.Lost
        match instruction.opcode & 7:
            case op.LD:
                return self._load_constant(function, at, state)
            case op.LDX:
                found = self._loaded(instruction, state[instruction.source], patched)
                return _with(state, instruction.destination, found)
            case op.ST:
                self._store(instruction, _base(state, instruction.destination, patched), NUMBER)
                return state
            case op.STX:
                return self._store_register(instruction, state, patched)
            case op.ALU | op.ALU64:
                return _with(state, instruction.destination, _alu(instruction, state, patched))
            case _:
                return self._jump(function, at, state)

    def _load_constant(self, function: Function, at: int, state: State) -> State:
        instruction = function.instructions[at]
        if instruction.opcode != op.LD_IMM64:  # the old way to load from a packet, into r0
            self._returns(constant(0))  # the program ends there if the packet is too short
            return _after_call(state, NUMBER)
        if at + 1 >= len(function.instructions):
            raise op.Lost
        if at in function.patched:
            return _with(state, instruction.destination, NUMBER)
        if at not in function.addresses and instruction.source == 0:
            low, high = instruction.immediate & 0xFFFFFFFF, function.instructions[at + 1].immediate
            return _with(state, instruction.destination, constant(high << 32 | low))
        target = function.addresses.get(at)
        if isinstance(target, int):
            # A callback.  Helpers pass numbers, values of maps, and what it was given: a pointer to the stack.
            passed = Value(SCALAR | STACK | MEMORY)
            self._enter(target, (NUMBER, *([passed] * 5), *([NUMBER] * 4), FRAME))
        elif instruction.source == op.PSEUDO_FUNC:
            raise op.Lost
        self.reads_kernel |= isinstance(target, str)
        return _with(state, instruction.destination, OBJECT)

    def _loaded(self, instruction: Instruction, base: Value, patched: bool) -> Value:
        """What is at an address."""
        found = NUMBER
        if base.kinds & CONTEXT:
            found = join(found, self._in_context(instruction, base, patched))
        if base.kinds & (PACKET | MEMORY):
            found = join(found, HANDED_OBJECT if base.kinds & HANDED else OBJECT)
        if base.kinds & STACK:
            whole = (
                instruction.opcode & op.DOUBLE_WORD == op.DOUBLE_WORD and instruction.opcode & 0xE0 == op.MEM
            )
            place = base._replace(offset=None) if patched else base
            found = join(found, self._on_stack(place, instruction.offset)) if whole or patched else found
            if base.kinds == STACK and whole and place.offset is not None and self._somewhere is None:
                return self._slots.get((self._number, place.offset + instruction.offset), NUMBER)
        return found

    def _in_context(self, instruction: Instruction, base: Value, patched: bool) -> Value:
        """What a field of the context leads to: the packet, or what the hook is about."""
        if patched or base.offset is None or self._packet_fields is None:
            return join(Value(PACKET), HANDED_OBJECT)
        return Value(PACKET) if base.offset + instruction.offset in self._packet_fields else HANDED_OBJECT

    def _on_stack(self, base: Value, offset: int) -> Value:
        """At a known place of the own frame, or anywhere on any."""
        found = self._somewhere or NUMBER
        if base.offset is not None:
            return join(found, self._slots.get((self._number, base.offset + offset), NUMBER))
        for value in self._slots.values():
            found = join(found, value)
        return found

    def _store_register(self, instruction: Instruction, state: State, patched: bool) -> State:
        value = state[instruction.source]
        if instruction.opcode & 0xE0 != op.ATOMIC:
            self._store(instruction, _base(state, instruction.destination, patched), value)
            return state
        if instruction.immediate == op.LOAD_ACQUIRE:
            return _with(state, instruction.destination, ANYTHING)
        self._store(instruction, state[instruction.destination], value)
        if not instruction.immediate & op.FETCH:
            return state
        # The old value goes into the source register, or into r0 for a compare-and-exchange.
        old = ANYTHING if state[instruction.destination].kinds & STACK else NUMBER
        return _with(state, 0 if instruction.immediate == op.COMPARE_EXCHANGE else instruction.source, old)

    def _store(self, instruction: Instruction, base: Value, value: Value) -> None:
        self.writes_packets |= bool(base.kinds & PACKET)
        self.writes_context |= bool(base.kinds & (CONTEXT | HANDED))
        if not base.kinds & STACK:
            return
        # Parts of it may be overwritten by other stores and by helpers, which changes a number, but makes no pointer.
        kept = value._replace(constants=None)
        if base.kinds == STACK and base.offset is not None:
            place = (self._number, base.offset + instruction.offset)
            known = self._slots.get(place)
            self._slots[place] = joined = kept if known is None else join(known, kept)
        else:
            known = self._somewhere
            self._somewhere = joined = kept if known is None else join(known, kept)
        self._grew |= joined != known

    def _jump(self, function: Function, at: int, state: State) -> State | None:
        instruction = function.instructions[at]
        if instruction.opcode == op.CALL:
            return self._call(function, at, state)
        if instruction.opcode == op.CALLX:
            raise op.Lost
        if instruction.opcode == op.EXIT:
            self._returns(state[0])
        return state

    def _returns(self, value: Value) -> None:
        known = self.returns.get(self._number)
        joined = value if known is None else join(known, value)
        self._grew |= joined != known
        self.returns[self._number] = joined

    def _call(self, function: Function, at: int, state: State) -> State | None:
        instruction = function.instructions[at]
        target = function.calls.get(at)
        if isinstance(target, int):
            arguments = tuple(map(_passed, state[1:6]))
            self._enter(target, (NUMBER, *arguments, *([NUMBER] * 4), FRAME))
            result = self.returns.get(target)
            return None if result is None else _after_call(state, result)
        if isinstance(target, str):
            self.kernel_functions.add(target)
            # It may write through a pointer that it is given.
            self.writes_packets |= any(value.kinds & PACKET for value in state[1:6])
            return _after_call(state, Value(PACKET | MEMORY) if target in PACKET_SLICES else OBJECT)
        if instruction.source != op.HELPER:
            raise op.Lost
        self.helpers.add(instruction.immediate)
        return _after_call(state, OBJECT)

    def _enter(self, number: int, entry: State) -> None:
        if not 0 <= number < len(self._functions):
            raise op.Lost
        known = self._entries.get(number)
        joined = entry if known is None else join_states(known, entry)
        if joined != known:
            self._entries[number] = joined
            self._grew = True


def _base(state: State, register: int, patched: bool) -> Value:
    """What an instruction stores through; an offset that is filled in at load may be any."""
    return state[register]._replace(offset=None) if patched else state[register]


def _passed(value: Value) -> Value:
    """A value as a function sees it, in whose frame a place of the caller's means another."""
    return value._replace(offset=None) if value.kinds & STACK else value


def _with(state: State, register: int, value: Value) -> State:
    return (*state[:register], value, *state[register + 1 :])


def _after_call(state: State, result: Value) -> State:
    """r0 is the result, r1 to r5 are gone."""
    return (result, *([NUMBER] * 5), *state[6:])


def _alu(instruction: Instruction, state: State, patched: bool) -> Value:
    opcode = instruction.opcode
    wide, operation = opcode & 7 == op.ALU64, opcode & 0xF0
    by_register = bool(opcode & 0x08)
    right = state[instruction.source] if by_register else constant(instruction.immediate)
    if patched:
        right = NUMBER
    if operation == op.MOV:
        if by_register and instruction.offset:  # sign-extending, or between address spaces
            return OBJECT if instruction.offset == 1 else NUMBER
        return moved(right, wide)
    if operation in (op.NEG, op.SWAP):
        return NUMBER
    return computed(operation, state[instruction.destination], right, wide)
