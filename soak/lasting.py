# SPDX-License-Identifier: Apache-2.0
"""A process that lives long, as a daemon does: after thousands of operations it holds nothing and has not grown."""

from __future__ import annotations

import gc
import os
import sys
import time
from array import array
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from bpfman.testing import leaks
from soak.clients import Client
from soak.figure import Figure, at_most, none_of
from soak.ground import ground, places, what_the_kernel_can
from soak.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.cases import Case, Here
    from bpfman import Manager
    from soak.scale import Scale

MOST_MEMORY = 1.0  # KiB in a hundred operations: an object of 10 bytes that is forgotten in each
MOST_OBJECTS = 2.0  # that Python allocated and did not free, in a hundred operations
OPERATIONS = 8  # in a round: load, three gets, attach, detach, unload, and a get that fails
SAMPLES = 20  # fewer say nothing of growth
PARTS = 3  # of the second half: what grows steadily grows in all, a table that is made larger once in one


class Life(NamedTuple):
    rounds: array[int]
    memory: array[int]  # bytes resident, after so many rounds
    objects: array[int]  # that Python has allocated then
    left: list[str]


def figures(scale: Scale, say: Callable[[str], None]) -> Iterator[Figure]:
    with ground(say) as there, places(1) as [here]:
        cases, _ = what_the_kernel_can(there.manager(), here)
        with Workers([partial(_live, there.manager(), here, cases, scale.lived_seconds)]) as workers:
            [life] = workers.results(10, lambda since: say(f"{since:.0f} s of {scale.lived_seconds:.0f} s"))
        yield Figure("operations in one process", f"{life.rounds[-1] * OPERATIONS:,}")
        yield none_of("descriptors and processes left in it", life.left)
        yield Figure("its memory at the end", f"{life.memory[-1] / 1e6:.1f} MB")
        if len(life.rounds) >= SAMPLES:
            memory = _growth(life.rounds, life.memory) / 1024
            yield at_most("its growth in 100 operations", memory, MOST_MEMORY, "KiB")
            objects = _growth(life.rounds, life.objects)
            yield at_most("Python's objects that stay, in 100 operations", objects, MOST_OBJECTS, "objects")
        yield from there.nothing_left()


def _live(manager: Manager, here: Here, cases: Sequence[Case], seconds: float) -> Life:
    before, end = leaks.of_process(), time.monotonic() + seconds
    rounds, memory, objects = array("q", [0]), array("q", [0]), array("q", [0])
    while time.monotonic() < end:
        rounds.append(rounds[-1] + Client(manager, here).run(cases, 0).rounds)
        gc.collect()
        memory.append(_resident())
        objects.append(sys.getallocatedblocks())
    return Life(rounds, memory, objects, leaks.left_since(before, leaks.of_process))


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _growth(rounds: Sequence[int], values: Sequence[int]) -> float:
    """In a hundred operations, in the second half, as the first fills caches; the middle one of its parts."""
    half, last = len(rounds) // 2, len(rounds) - 1
    ends = [half + (last - half) * part // PARTS for part in range(PARTS + 1)]
    parts = [(values[b] - values[a]) / (rounds[b] - rounds[a]) for a, b in pairwise(ends)]
    return sorted(parts)[PARTS // 2] * 100 / OPERATIONS
