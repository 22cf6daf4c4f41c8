# SPDX-License-Identifier: Apache-2.0
"""Killed anywhere: what was reported done is there, what was not is gone, and no hook is without its chain."""

from __future__ import annotations

import signal

import pytest

from bpfman import Manager
from tests.manager.operations import OPERATIONS, Events, die, in_a_child, world

pytestmark = [pytest.mark.kernel, pytest.mark.network]


def killed(there, operation, number: int) -> bool:
    """Carries an operation out in a child that dies right after its so manieth event; whether it got that far."""
    seen = 0

    def happened(what: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            die()

    def act() -> None:
        with Events(after=happened).everywhere() as kernel:
            operation.act(there, Manager(there.layout, kernel=kernel))

    status = in_a_child(act)
    assert status in (0, -signal.SIGKILL)
    return status != 0


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_killed_at_any_moment_an_operation_happened_or_did_not(operation, veth):
    with world(veth) as there:
        states = operation.states(there)
        assert len(states) > 1
        assert there.wrong() == {}
        assert there.left() == {}
    number, cut_short = 0, True
    while cut_short:
        number += 1
        with world(veth) as there:
            operation.prepare(there)
            running = there.running()
            cut_short = killed(there, operation, number)
            between = there.running()

            Manager(there.layout).detach([])  # the next change, whatever it is

            context = f"killed after event {number}"
            assert there.state() in (states if cut_short else states[-1:]), context
            if not (operation.disturbed and there.state() == states[0]):
                assert there.wrong() == {}, context
            for kind, program in there.running().items():
                assert running[kind] is None or program is None or between[kind] is not None, context
            assert there.left() == {}, context
    assert number > 4
