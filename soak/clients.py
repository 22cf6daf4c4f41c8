# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, each with every kind: load, get, attach, get, detach, get, unload, get (which fails)."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bpfman.bpf.info import link_by_id
from bpfman.bpf.link.link import Link
from bpfman.errors import ChainNotFound, ProgramNotFound
from bpfman.testing import leaks
from soak.figure import Figure, Wrong, exactly, times
from soak.ground import ground, kinds_figure, places, what_the_kernel_can
from soak.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.cases import Case, Here
    from bpfman import Manager, Program
    from soak.scale import Scale

STEPS = ("load", "get", "attach", "detach", "unload")


class Told(NamedTuple):
    """What a client did: how often it went through all of it with one program, and how long each step took."""

    rounds: int
    seconds: dict[str, list[float]]


class Client:
    def __init__(self, manager: Manager, here: Here) -> None:
        self._manager, self._here = manager, here
        self._seconds: dict[str, list[float]] = {step: [] for step in STEPS}
        self._rounds = 0

    def run(self, cases: Sequence[Case], seconds: float) -> Told:
        """Every kind at least once, and on until the time is over; what only one can have at a time, the first has."""
        cases = [case for case in cases if not case.alone or self._here.number == 0]
        end, before = time.monotonic() + seconds, leaks.of_process()
        while self._rounds < len(cases) or time.monotonic() < end:
            number = self._here.number + self._rounds  # no two clients begin with the same kind
            self._round(cases[number % len(cases)])
            self._rounds += 1
        if left := leaks.left_since(before, leaks.of_process):
            raise Wrong(f"client {self._here.number} holds what it should not: {left}")
        return Told(self._rounds, self._seconds)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._seconds[step].append(time.perf_counter() - began)

    def _round(self, case: Case) -> None:
        metadata = {"client": str(self._here.number), "round": str(self._rounds)}
        with self._timed("load"):
            [program] = self._manager.load_file(case.path, [case.spec], metadata=metadata)
        _expect(dict(self._get(program).record.metadata) == metadata, case, "its metadata is another's")
        self._attach_and_detach(case, program)
        _expect(not self._get(program).status.links, case, "it has links after it was detached")
        with self._timed("unload"):
            self._manager.unload([program.record.program_id])
        try:
            self._manager.program(program.record.program_id)
        except ProgramNotFound:
            return
        raise Wrong(f"{case.kind}: a program is found after it was unloaded")

    def _get(self, program: Program) -> Program:
        with self._timed("get"):
            found = self._manager.program(program.record.program_id)
        if found.status.kernel is None or found.record != program.record:
            raise Wrong(f"program {program.record.program_id} is not what was loaded: {found}")
        return found

    def _attach_and_detach(self, case: Case, program: Program) -> None:
        with self._timed("attach"):
            link = self._manager.attach(program.record.program_id, case.target(self._here))
        kernel_link = link.record.kernel_link_id
        [seen] = self._get(program).status.links
        _expect(seen.status.kernel_seen and seen.status.pin_present, case, f"its link is not there: {seen}")
        if kernel_link is not None:
            _expect(_pinned(link.record.pin_path or "") == kernel_link, case, "its pin is another link's")
        with self._timed("detach"):
            self._manager.detach([link.record.id])
        self._expect_gone(case, kernel_link)

    def _expect_gone(self, case: Case, kernel_link: int | None) -> None:
        if kernel_link is not None:
            gone = link_by_id(kernel_link) is None
            _expect(gone, case, f"link {kernel_link} of the kernel is there after detach returned")
        if case.kind in ("xdp", "tc"):
            interface = self._here.xdp if case.kind == "xdp" else self._here.tc
            direction = "" if case.kind == "xdp" else "ingress"
            hook = self._manager.find_hook(case.kind, interface, direction, self._here.netns)
            try:
                self._manager.chain(hook)
            except ChainNotFound:
                return
            raise Wrong(f"{case.kind}: the hook has a chain after its only member was detached")


def figures(scale: Scale, say: Callable[[str], None]) -> Iterator[Figure]:
    with ground(say) as there, places(scale.clients) as heres:
        cases, missing = what_the_kernel_can(there.manager(), heres[0])
        yield kinds_figure(cases, missing)
        clients = [partial(_client, there.manager(), here, cases, scale.client_seconds) for here in heres]
        with Workers(clients) as workers:

            def progress(since: float) -> None:
                say(f"{since:.0f} s of {scale.client_seconds:.0f} s: {there.traces.count():,} things made")

            told = workers.results(10, progress)
        rounds = sum(each.rounds for each in told)
        yield exactly("clients that ended without an error", len(told), scale.clients)
        yield Figure("rounds of all, each a program loaded, attached, detached, unloaded", f"{rounds:,}")
        for step in STEPS:
            yield times(
                f"{step}, with the others' queue", [one for each in told for one in each.seconds[step]]
            )
        yield from there.nothing_left()


def _client(manager: Manager, here: Here, cases: Sequence[Case], seconds: float) -> Told:
    return Client(manager, here).run(cases, seconds)


def _pinned(path: str) -> int:
    link = Link.pinned(path)
    if link is None:
        return 0
    with link:
        return link.info.id


def _expect(true: bool, case: Case, otherwise: str) -> None:
    if not true:
        raise Wrong(f"{case.kind}: {otherwise}")
