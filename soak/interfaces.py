# SPDX-License-Identifier: Apache-2.0
"""As many interfaces as a host of many containers has, a chain on each; then their namespace goes away under them."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.cases import CASES, Here
from benchmarks.clock import seconds
from soak import ground
from soak.figure import Figure, Wrong, at_most, exactly, percentile, times, took

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bpfman import Manager
    from soak.scale import Scale

GROWTH = 3.0  # the most that the last hundred attachments may cost, against the first
XDP, TC = (next(case for case in CASES if case.kind == kind) for kind in ("xdp", "tc"))


def figures(scale: Scale, say: Callable[[str], None]) -> Iterator[Figure]:
    with ground.ground(say) as there:
        manager = there.manager()
        programs = [manager.load_file(case.path, [case.spec])[0].record.program_id for case in (XDP, TC)]
        links: list[int] = []
        with ground.interfaces(scale.interfaces) as (inside, names):
            say(f"{len(names):,} interfaces made")
            yield from _attach(manager, programs, inside.path, names, links)
            say(f"{len(links):,} chains made")
            yield exactly("chains listed", len(manager.chains()), len(names))
            yield took("list chains", seconds(manager.chains))
            yield took("list links", seconds(manager.links))
            yield took("examine", seconds(lambda: _nothing_wrong(manager)))
            yield from _detach(manager, links)
            say("half of them detached, one by one and together")
        left = len(manager.links())
        yield exactly("links when the namespace goes away", left, len(links))
        yield exactly("chains that the doctor misses then", len(manager.examine()), left)
        yield took("detach one that is gone", seconds(lambda: manager.detach([links.pop()])))
        yield took("unload the programs, with all that is gone", seconds(lambda: manager.unload(programs)))
        yield from there.nothing_left()


def _attach(
    manager: Manager, programs: Sequence[int], netns: str, names: Sequence[str], links: list[int]
) -> Iterator[Figure]:
    """XDP and TC in turns: one at each end of a pair."""
    took: dict[str, list[float]] = {"xdp": [], "tc": []}
    for number, name in enumerate(names):
        case = (XDP, TC)[number % 2]
        began = time.perf_counter()
        target = case.target(Here(netns, name, name, name))
        links.append(manager.attach(programs[number % 2], target).record.id)
        took[case.kind].append(time.perf_counter() - began)
    for kind, all_of_it in took.items():
        yield times(f"attach {kind}", all_of_it)
    first, last = took["tc"][: len(names) // 20], took["tc"][-len(names) // 20 :]
    growth = percentile(last, 50) / percentile(first, 50)
    yield at_most("the last tenth attached to TC / the first tenth", growth, GROWTH, "x")


def _detach(manager: Manager, links: list[int]) -> Iterator[Figure]:
    quarter = len(links) // 4
    alone, together = links[:quarter], links[quarter : 2 * quarter]
    yield times("detach", [seconds(partial(manager.detach, [link])) for link in alone])
    yield took(f"detach {quarter} at once", seconds(lambda: manager.detach(together)))
    del links[: 2 * quarter]


def _nothing_wrong(manager: Manager) -> None:
    if found := manager.examine():
        raise Wrong(f"the doctor finds: {found[:3]}")
