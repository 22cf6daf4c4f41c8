# SPDX-License-Identifier: Apache-2.0
"""Hooks with many members, changed over and over while packets pass all of them: none is missed, lost or misrouted.

A packet passes TC egress where it leaves, XDP and TC ingress where it arrives.  The counters on both sides, those of
the first and the last member and of every member that stays must all be the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bpfman.testing.network import namespace, veth_pair
from soak.course import PORT, Course
from soak.figure import Figure, Wrong, none_of, times
from soak.ground import ground
from soak.sender import Sender
from soak.workers import Workers
from tests.manager.hooks import Hooked, no_arp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bpfman import Manager
    from bpfman.testing.network import VethPair
    from soak.scale import Scale


def figures(scale: Scale, say: Callable[[str], None]) -> Iterator[Figure]:
    with ground(say) as there, namespace() as a, namespace() as b, veth_pair(a, b) as pair:
        no_arp(pair)
        manager, sender = there.manager(), Sender(pair.a, pair.b, PORT)
        try:
            yield from _pass(manager, sender, pair, scale, say)
        finally:
            sender.close()
        yield from there.nothing_left()


def _pass(
    manager: Manager, sender: Sender, pair: VethPair, scale: Scale, say: Callable[[str], None]
) -> Iterator[Figure]:
    courses = []
    for kind, end in (("tc-egress", pair.a), ("xdp", pair.b), ("tc-ingress", pair.b)):
        courses.append(Course(manager, Hooked(kind, end), scale.members))
        say(f"{kind} has {scale.members} members")
    with Workers([sender.run]) as workers:
        began = time.monotonic()
        took: list[float] = []
        while len(took) * 2 < scale.changes:
            took += _change_all(courses, sender)
            workers.expect_no_failure()
            if len(took) % 60 == 0:
                say(f"{len(took) * 2:,} of {scale.changes:,} changes, {sender.sent:,} packets")
        sender.stop()
        [sent] = workers.results(10, lambda _: None)
    yield Figure("packets sent and arrived", f"{sent:,} ({sent / (time.monotonic() - began):,.0f} a second)")
    yield times(f"a change of a hook with {scale.members} members", took)
    for course in courses:
        yield from course.figures(sent)
        course.clear()
    yield none_of("findings of the doctor", [str(each) for each in manager.examine()])


def _change_all(courses: Sequence[Course], sender: Sender) -> list[float]:
    """Two changes of each hook; seconds of each."""
    took = []
    for course in courses:
        before, began = sender.sent, time.monotonic()
        course.change(sender)
        took.append((time.monotonic() - began) / 2)
        if sender.sent == before:
            raise Wrong(f"no packet passed while {course.name} was changed")
    return took
