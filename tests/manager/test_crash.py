# SPDX-License-Identifier: Apache-2.0
"""Killed anywhere: what was reported done is there, what was not is gone, and no hook is without its chain."""

from __future__ import annotations

import itertools
import signal

import pytest

from bpfman import Manager
from tests.manager.operations import OPERATIONS, Operation
from tests.manager.operations_of_kinds import OF_KINDS
from tests.manager.worlds import Moments, die, in_a_child, side_by_side, world

pytestmark = [pytest.mark.kernel, pytest.mark.network]

#: What virtual machines have time for: something of each sort.
ON_OTHER_KERNELS = {
    "load a program with maps",
    "xdp: attach another member",
    "tc-ingress: detach one of several",
    "kprobe: attach",
    "fentry: detach",
}


def cases(operations):
    return [_case(each) for each in operations]


def _case(each):
    operation, marks = (each, []) if isinstance(each, Operation) else (each.values[0], each.marks)
    mark = pytest.mark.feature("recovery") if operation.name in ON_OTHER_KERNELS else pytest.mark.long
    return pytest.param(operation, id=operation.name, marks=[*marks, mark])


def killed(there, operation, number: int) -> bool:
    """Carries an operation out in a child that dies right after its so manieth system call; whether it got that far."""
    seen = 0

    def happened(what: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            die()

    def act() -> None:
        with Moments(after=happened):
            operation.act(there, Manager(there.layout))

    status = in_a_child(act)
    assert status in (0, -signal.SIGKILL)
    return status != 0


def kill(operation, veth, number, states):
    """One world in which an operation is killed, and what must hold then; whether it was."""
    with world(veth) as there:
        operation.prepare(there)
        running = there.running()
        cut_short = killed(there, operation, number)
        between = there.running()

        Manager(there.layout).detach([])  # the next change, whatever it is

        context = f"{operation.name}: killed after call {number}"
        assert there.state() in (states if cut_short else states[-1:]), context
        if not (operation.disturbed and there.state() != states[-1]):
            assert there.wrong() == {}, context
        assert there.left_alone(running, between) == [], context
        assert there.left() == {}, context
    return cut_short


def kill_everywhere(operation, veths):
    veths = veths[:1] if operation.alone else veths
    with world(veths[0]) as there:
        states = operation.states(there)
        assert len(states) > 1
        assert there.wrong() == {}
        assert there.left() == {}

    def every_nth(first, veth):
        for number in itertools.count(first + 1, len(veths)):
            if not kill(operation, veth, number, states):
                break
        assert number > 3  # there is more to each than that

    side_by_side(veths, every_nth)


@pytest.mark.parametrize("operation", cases(OPERATIONS))
def test_killed_at_any_moment_an_operation_happened_or_did_not(operation, veths):
    kill_everywhere(operation, veths)


@pytest.mark.parametrize("operation", cases(OF_KINDS))
def test_killed_at_any_moment_a_link_of_any_kind_is_there_or_not(operation, veths):
    kill_everywhere(operation, veths)
