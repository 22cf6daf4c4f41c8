# SPDX-License-Identifier: Apache-2.0
"""Commands as whole processes, against a Python that does nothing; and the memory of a listing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import process
from benchmarks.clock import in_turns, median, ms, seconds
from benchmarks.place import COUNTER, TRACEPOINT, Place, place
from benchmarks.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = 10


def rows(effort: int) -> Iterator[Row]:
    process.compile_bpfman()
    with place() as node:
        node.load(TRACEPOINT)
        for _ in range(PROGRAMS - 1):
            node.load(COUNTER)
        listing = process.bpfman("program", "list")
        yield _against_bare(f"`program list`, {PROGRAMS} programs", lambda: _timed(listing), effort, 3)
        yield Row(f"its peak memory, {PROGRAMS} programs", process.peak_memory(listing), "MB", 30)
        yield _against_bare("`program load file`", lambda: _load(node), effort, 4)
        yield _against_bare("`link attach xdp`", lambda: _attach_xdp(node), effort, 4)
        yield _against_bare("`link attach tracepoint`", lambda: _attach_tracepoint(node), effort, 4)


def _against_bare(what: str, timed: Callable[[], float], effort: int, target: float) -> Row:
    bare, ours = (median(times) for times in in_turns(effort, lambda: _timed(process.BARE), timed))
    how = f"{ms(ours):.1f} ms, `python3 -I -S -c pass` {ms(bare):.1f} ms (medians of {effort}, in turns)"
    return Row(what, ours / bare, "x", target, how)


def _timed(command: tuple[str, ...]) -> float:
    return seconds(lambda: process.run(command))


def _load(node: Place) -> float:
    path, spec = COUNTER
    before = {entry.program_id for entry in node.manager.programs()}
    took = _timed(process.bpfman("program", "load", "file", path, "--programs", f"{spec.type}:{spec.name}"))
    node.manager.unload(
        [entry.program_id for entry in node.manager.programs() if entry.program_id not in before]
    )
    return took


def _attach_xdp(node: Place) -> float:
    """Includes the kernel's wait for all processors, see operations.py; a tracepoint has none."""
    return _attach(node, "xdp", node.interface, "--priority", "50", "--netns", node.netns)


def _attach_tracepoint(node: Place) -> float:
    return _attach(node, "tracepoint", "syscalls/sys_enter_kill")


def _attach(node: Place, verb: str, *where: str) -> float:
    program_id = next(entry.program_id for entry in node.manager.programs() if entry.record.type == verb)
    took = _timed(process.bpfman("link", "attach", verb, str(program_id), *where))
    node.manager.detach([link.id for link, _ in node.manager.links()])
    return took
