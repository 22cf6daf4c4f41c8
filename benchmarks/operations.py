# SPDX-License-Identifier: Apache-2.0
"""Loading and attaching in a process that has bpfman imported already: what the daemon and the library pay."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.clock import median, ms, seconds
from benchmarks.place import COUNTER, Place, place
from benchmarks.row import Row
from bpfman.bpf.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.link.link import Link

MEMBERS = {1: 5, 2: 5, 10: 10, 100: 60}  # as which member -> the most it should take, ms


class TimedKernel(Kernel):
    """Knows how long the kernel took for each switch of an XDP link: it waits until no processor runs what was there
    (synchronize_rcu in kernel/bpf/dispatcher.c, on x86-64 since 6.2), which is two or three ticks."""

    def __init__(self) -> None:
        self.switches: list[float] = []

    def attach_xdp(self, program_fd: int, ifindex: int, netns: str, mode: str) -> Link:
        began = time.perf_counter()
        link = super().attach_xdp(program_fd, ifindex, netns, mode)
        self.switches.append(time.perf_counter() - began)
        return link

    def update_link(self, path: str, new_fd: int, old_fd: int) -> None:
        self.switches.append(seconds(lambda: super(TimedKernel, self).update_link(path, new_fd, old_fd)))


def rows(effort: int) -> Iterator[Row]:
    kernel = TimedKernel()
    with place(kernel) as node:
        times = [_load(node) for _ in range(effort)]
        yield Row(
            "load a small program",
            ms(median(times)),
            "ms",
            5,
            f"median of {effort}; kernel and disk included",
        )
        owner = node.load(COUNTER)
        for member, target in MEMBERS.items():
            _fill(node, owner, member - 1)
            yield _attaching(node, kernel, owner, member, target, max(3, effort // 2))


def _attaching(
    node: Place, kernel: TimedKernel, program_id: int, member: int, target: float, effort: int
) -> Row:
    whole, own = [], []
    for _ in range(effort):
        kernel.switches.clear()
        links: list[int] = []
        whole.append(seconds(lambda links=links: links.append(node.attach(program_id))))
        own.append(whole[-1] - sum(kernel.switches))
        node.manager.detach(links)
    how = f"{ms(median(own)):.2f} ms without the kernel's switch of the link (medians of {effort})"
    return Row(f"attach a small program as member {member}", ms(median(whole)), "ms", target, how)


def _load(node: Place) -> float:
    loaded = []
    took = seconds(lambda: loaded.append(node.load(COUNTER)))
    node.manager.unload(loaded)
    return took


def _fill(node: Place, owner: int, members: int) -> None:
    """Have so many members on the hook, each a program of its own.  They share their map: the kernel allows 64 maps in
    one program, which a chain is."""
    for _ in range(len(node.manager.links()), members):
        node.attach(node.load(COUNTER, owner))
