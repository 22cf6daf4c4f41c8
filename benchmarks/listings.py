# SPDX-License-Identifier: Apache-2.0
"""Looking, on hosts with few and with many programs, and while somebody writes.

In process; `programs()` is what `program list` calls, `program(id)` is what `program get` calls.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks import process
from benchmarks.clock import median, ms, seconds
from benchmarks.place import EMPTY, Place, place
from benchmarks.row import Row
from bpfman.store.database import Store
from bpfman.store.lock import WriterLock

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS = (1, 100, 1000)  # managed programs
FEW_HOSTS = (1, 10, 50)  # to see that it runs
QUICK = 3  # rounds
GROWTH = 1.25  # the most that `get` may cost on the largest host, against the smallest


def rows(effort: int) -> Iterator[Row]:
    process.compile_bpfman()
    gets: dict[int, float] = {}
    hosts = HOSTS if effort > QUICK else FEW_HOSTS
    with place() as node:
        ids: list[int] = []
        for programs in hosts:
            ids += [node.load(EMPTY) for _ in range(programs - len(ids))]
            listing, gets[programs] = _look(node, ids[len(ids) // 2], effort)
            host = f"{programs:,} program{'s' if programs > 1 else ''}"
            yield Row(f"list, {host}", ms(listing), "ms", None, _whole("list"))
            yield Row(f"get, {host}", ms(gets[programs]), "ms", None, _whole("get", str(ids[0])))
        first, last = gets[hosts[0]], gets[hosts[-1]]
        yield Row(f"get, {hosts[-1]:,} programs / {hosts[0]} program", last / first, "x", GROWTH)
        with _writer(node):
            listing, get = _look(node, ids[len(ids) // 2], effort)
        what = f", {hosts[-1]:,} programs, while another holds the lock and writes"
        yield Row("list" + what, ms(listing), "ms")
        yield Row("get" + what, ms(get), "ms")
        yield Row("get, while another writes / while nobody does", get / last, "x", GROWTH)


def _look(node: Place, program_id: int, effort: int) -> tuple[float, float]:
    """Seconds for a listing and for a get.  Not in turns: behind a long listing a get finds cold caches."""
    listings = [seconds(node.manager.programs) for _ in range(effort)]
    gets = [seconds(lambda: node.manager.program(program_id)) for _ in range(effort)]
    return median(listings), median(gets)


def _whole(*words: str) -> str:
    took = median([seconds(lambda: process.run(process.bpfman("program", *words))) for _ in range(5)])
    return f"as a command {ms(took):.0f} ms"


@contextmanager
def _writer(node: Place) -> Iterator[None]:
    """Somebody in the middle of a change: with the lock, and a transaction open."""
    layout = node.manager.layout
    with WriterLock(layout.lock) as lock, Store.open(layout, write=True) as store, store.writing(lock):
        yield
