# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at any moment: a change happened or did not, and nothing is left half done."""

from __future__ import annotations

import os
import random
import signal

import pytest

from bpfman import Manager
from bpfman.errors import Interrupted
from bpfman.store.database import Store
from bpfman.store.lock import WriterLock
from tests.manager.operations import OPERATIONS
from tests.manager.worlds import Events, in_a_child, world

pytestmark = [pytest.mark.kernel, pytest.mark.network]

SOME = {
    "load two programs that share a map",
    "unload a program that is a member twice",
    "xdp: attach the first member",
    "xdp: detach one of several",
    "tc-ingress: attach a member while counting",
    "tc-ingress: detach the last",
    "tcx: attach",
    "tracepoint: unload",
}


@pytest.fixture
def interrupt(request):
    """Sends us a signal that raises Interrupted, as a command's handler does."""
    asked = getattr(request, "param", signal.SIGINT)

    def raise_it(number: int, frame: object) -> None:
        raise Interrupted("interrupted")

    before = signal.signal(asked, raise_it)
    yield lambda: signal.raise_signal(asked)  # to this thread, whatever threads other tests left
    signal.signal(asked, before)


def unfinished(there) -> bool:
    with Store.open(there.layout) as store:
        return store.has_unfinished()


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.name in SOME], ids=lambda operation: operation.name
)
def test_at_any_event_an_operation_is_done_or_undone_at_once(operation, veth, interrupt):
    with world(veth) as there:
        states = operation.states(there)
        there.manager.delete_programs(None)
    number = seen = 0
    while number <= seen:
        number, seen = number + 1, 0

        def after(what: str) -> None:
            nonlocal seen
            seen += what != "load_object"  # it is on its way to its owner; the test must not come between
            if seen == number and what != "load_object":  # noqa: B023 - it is called in this round only
                interrupt()

        with world(veth) as there:
            operation.prepare(there)
            with Events(after=after).everywhere() as kernel:
                try:
                    operation.act(there, Manager(there.layout, kernel=kernel))
                except Interrupted:
                    assert number <= seen

            context = f"interrupted after event {number}"
            assert there.state() in states, context
            assert not unfinished(there), context
            assert there.wrong() == {}, context
            assert there.left() == {}, context
    assert number > 4


@pytest.mark.parametrize("name", ["load two programs that share a map", "xdp: detach one of several"])
def test_from_outside_at_any_time_it_is_the_same(name, veth):
    """A child takes its time, and the signal comes at some moment of it."""
    [operation] = [each for each in OPERATIONS if each.name == name]
    with world(veth) as there:
        states = operation.states(there)
        there.manager.delete_programs(None)
    for _ in range(12):
        with world(veth) as there:
            operation.prepare(there)
            delay = random.uniform(0.0005, 0.02)

            def act() -> None:
                def raise_it(number: int, frame: object) -> None:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    raise Interrupted("interrupted")

                signal.signal(signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))
                signal.signal(signal.SIGINT, raise_it)
                signal.setitimer(signal.ITIMER_REAL, delay)  # noqa: B023 - it is called in this round only
                try:
                    operation.act(there, Manager(there.layout))
                except Interrupted:
                    pass
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)

            assert in_a_child(act) == 0

            context = f"interrupted after {delay} s"
            assert there.state() in states, context
            assert not unfinished(there), context
            assert there.wrong() == {}, context


both = pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM], indirect=True)


@both
def test_while_another_holds_the_lock_nothing_is_waited_for(manager, interrupt):
    manager.detach([])  # makes the directory
    with WriterLock(manager.layout.lock):
        before = signal.signal(signal.SIGALRM, lambda number, frame: interrupt())
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            with pytest.raises(Interrupted):
                manager.detach([])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    manager.detach([])


@both
def test_several_requests_are_not_gone_on_with(manager, veth, interrupt):
    """What was detached stays detached, the rest is not tried."""
    with world(veth) as there:
        there.members("tc-ingress", "a", "b")
        there.members("xdp", "c", "d")
        there.members("tc-egress", "e", "f")

        def after(what: str) -> None:
            if what == "update_link":  # of the XDP chain
                interrupt()

        with Events(after=after).everywhere() as kernel, pytest.raises(Interrupted):
            Manager(there.layout, kernel=kernel).detach([there.ids[label] for label in "ace"])

        left = {link.id for link, _ in there.manager.links()}
        assert left == {there.ids[label] for label in "bcdef"}
        assert there.wrong() == {}
        assert there.left() == {}
