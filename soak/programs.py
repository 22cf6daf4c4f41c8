# SPDX-License-Identifier: Apache-2.0
"""As many programs as a large host has."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.cases import CASES
from benchmarks.clock import seconds
from soak.figure import Figure, Wrong, exactly, percentile, times, took
from soak.ground import ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpfman import Manager
    from soak.scale import Scale

COUNTER = next(case for case in CASES if case.kind == "tracepoint")  # has a map


def figures(scale: Scale, say: Callable[[str], None]) -> Iterator[Figure]:
    with ground(say) as there:
        manager = there.manager()
        ids: list[int] = []
        loads = [seconds(lambda: ids.append(_load(manager))) for _ in range(scale.programs)]
        say(f"{len(ids):,} programs loaded")
        yield exactly(
            "programs listed", len({each.program_id for each in manager.programs()} & set(ids)), len(ids)
        )
        yield times("load", loads)
        tenth = max(1, len(loads) // 10)
        growth = percentile(loads[-tenth:], 50) / percentile(loads[:tenth], 50)
        yield Figure("a load at the end / at the beginning", f"{growth:.2f} x")
        yield took("list", seconds(manager.programs))
        yield times("get", [seconds(partial(_get, manager, each)) for each in ids])
        began = time.monotonic()
        manager.unload(ids)
        yield took("unload all at once", time.monotonic() - began)
        yield from there.nothing_left()


def _load(manager: Manager) -> int:
    return manager.load_file(COUNTER.path, [COUNTER.spec])[0].record.program_id


def _get(manager: Manager, program_id: int) -> None:
    found = manager.program(program_id)
    if found.status.kernel is None or not found.status.prog_pin_present:
        raise Wrong(f"program {program_id} is not in the kernel: {found}")
