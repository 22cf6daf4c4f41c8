# SPDX-License-Identifier: Apache-2.0
"""Attaching and detaching each kind that this kernel has, in a process that has bpfman imported already.

In an emulated machine times mean nothing: there a row is a ratio to attaching a tracepoint in the same run.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.cases import CASES, Case, Here, empty_cgroups, marked_program, netkit_device, why_not
from benchmarks.clock import median, ms, seconds
from benchmarks.machine import emulated
from benchmarks.place import place
from benchmarks.row import Row
from bpfman.bpf.kernel import Kernel
from bpfman.bpf.link.link import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.place import Place

REFERENCE = "tracepoint"


# What of the kernel's calls changes what runs.
CHANGES = (
    "attach_xdp", "attach_tcx", "attach_target", "add_filter", "remove_filter", "ensure_clsact", "remove_clsact",
    "remove_link", "release_link",
)  # fmt: skip


class Timed(Kernel):
    """Knows how long it took to change what runs."""

    spent = 0.0

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return self._timed(found) if name in CHANGES else found

    def _timed(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                found = act(*arguments)
            finally:
                self.spent += time.perf_counter() - began
            if isinstance(found, Ending):
                found.wait = self._timed(found.wait)  # type: ignore[method-assign]
            return found

        return timed


class Times(NamedTuple):
    """Seconds, one for each time; `kernel` is what of them the kernel's calls took."""

    whole: list[float]
    kernel: list[float]


def rows(effort: int) -> Iterator[Row]:
    kernel = Timed()
    with place(kernel) as node, empty_cgroups(1) as [group], marked_program() as marked:
        interfaces = [node.interface] * 3
        here = Here(node.netns, *interfaces, group, netkit_device(node.netns), marked)
        cases = [case for case in CASES if not why_not(node.manager, case, here)]
        unit = _reference(node, kernel, here) if emulated() else 0.0
        for case in cases:
            for what, times in zip(
                ("attach", "detach"), _times(node, kernel, case, here, effort), strict=True
            ):
                yield _row(f"{what} {case.kind}", times, unit)


def _reference(node: Place, kernel: Timed, here: Here) -> float:
    case = next(case for case in CASES if case.kind == REFERENCE)
    return median(_times(node, kernel, case, here, 10)[0].whole)


def _times(node: Place, kernel: Timed, case: Case, here: Here, effort: int) -> tuple[Times, Times]:
    manager = node.manager
    [program] = manager.load_file(case.path, [case.spec])
    attach, detach = Times([], []), Times([], [])
    for _ in range(effort):
        links: list[int] = []
        kernel.spent = 0.0
        target = case.target(here)
        attach.whole.append(
            seconds(lambda links=links, target=target: links.append(_attach(node, program, target)))
        )
        attach.kernel.append(kernel.spent)
        kernel.spent = 0.0
        detach.whole.append(seconds(lambda links=links: manager.detach(links)))
        detach.kernel.append(kernel.spent)
    manager.unload([program.record.program_id])
    return attach, detach


def _attach(node: Place, program: Any, target: Any) -> int:
    return node.manager.attach(program.record.program_id, target).record.id


def _row(what: str, times: Times, reference: float) -> Row:
    middle, late, kernel = median(times.whole), _late(times.whole), median(times.kernel)
    if reference:
        how = f"p99 {late / reference:.2f} x; emulated: a tracepoint's attaching is 1"
        return Row(what, middle / reference, "x", None, how)
    how = (
        f"p99 {ms(late):.2f} ms; {ms(kernel):.2f} ms of it in the kernel's calls (p50 of {len(times.whole)})"
    )
    return Row(what, ms(middle), "ms", None, how)


def _late(times: Sequence[float]) -> float:
    """The 99th percentile."""
    return sorted(times)[min(len(times) - 1, len(times) * 99 // 100)]
