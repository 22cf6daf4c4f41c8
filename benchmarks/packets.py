# SPDX-License-Identifier: Apache-2.0
"""What a packet pays: the programs that bpfman puts on a hook, run by BPF_PROG_TEST_RUN on a packet of 64 bytes.

The members only return, so what is measured is the chain.  Each is a program of its own, but for the chain's size:
there it is one program many times, so that only what the chain adds is counted.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.clock import cpu_seconds, in_turns
from benchmarks.place import EMPTY, Place, place
from benchmarks.row import Row
from bpfman.bpf.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKET = bytes(64)
# In one system call.  The kernel's own figure is in whole nanoseconds, so the processor's time is taken from outside;
# it leaves out what the call waits for the other processors.
RUNS = 1_000_000
MEMBERS = 101
MOST = 0.3  # of an empty program's cost, for a member that only returns: 3 ns where that costs 10


def rows(effort: int) -> Iterator[Row]:
    with ExitStack() as opened, place() as node:
        empty_id = node.load(EMPTY)
        empty = opened.enter_context(Program.by_id(empty_id))
        node.attach(empty_id)
        lone = opened.enter_context(_running(node))
        sizes = list(_sizes(node, empty_id))
        for _ in range(MEMBERS - 1):
            node.attach(node.load(EMPTY))
        chain = opened.enter_context(_running(node))
        node.manager.set_accounting(node.hook(), True)
        counted = opened.enter_context(_running(node))
        yield from _costs(effort, empty, lone, chain, counted)
        yield from sizes


def _costs(effort: int, *programs: Program) -> Iterator[Row]:
    rounds = in_turns(effort, *(lambda program=program: _run(program) for program in programs))
    empty, lone, chain, counted = (min(times) for times in rounds)
    each, each_counted = (chain - lone) / (MEMBERS - 1), (counted - lone) / (MEMBERS - 1)
    best = f"best of {effort} x {RUNS:,} runs"
    members = f"(a chain of {MEMBERS} - a lone member) / {MEMBERS - 1}"
    yield Row("an empty XDP program", empty, "ns", None, best)
    yield Row("a lone member / the program alone", lone / empty, "x", 1.05, f"{lone:.2f} ns / {empty:.2f} ns")
    yield Row("each further member", each, "ns", None, members)
    yield Row("each further member / an empty program", each / empty, "x", MOST, "3 ns where that costs 10")
    yield Row("each further member, with accounting", each_counted, "ns", None, members)


def _run(program: Program) -> float:
    """ns a run."""
    return cpu_seconds(lambda: program.test_run(PACKET, repeat=RUNS)) * 1e9 / RUNS


def _sizes(node: Place, program_id: int) -> Iterator[Row]:
    """Of chains with 2 and with 12 members; leaves the one there was."""
    links = [node.attach(program_id)]
    for accounting in (False, True):
        node.manager.set_accounting(node.hook(), accounting)
        before = _size(node)
        links += [node.attach(program_id) for _ in range(10)]
        machine, bpf = ((now - then) / 10 for now, then in zip(_size(node), before, strict=True))
        node.manager.detach(links[1:])
        del links[1:]
        what = "machine code of a chain for each member" + (", with accounting" if accounting else "")
        yield Row(what, machine, "bytes", None, f"{bpf / 8:.0f} BPF instructions")
    node.manager.set_accounting(node.hook(), False)
    node.manager.detach(links)


def _size(node: Place) -> tuple[int, int]:
    with _running(node) as program:
        return program.info.jited_size, program.info.xlated_size


def _running(node: Place) -> Program:
    """What is on the hook."""
    return Program.by_id(node.manager.chain(node.hook()).record.program_id)
