# SPDX-License-Identifier: Apache-2.0
"""A repair that is killed anywhere leaves nothing worse than it was, and the next one completes it."""

from __future__ import annotations

import itertools
import signal

import pytest

from bpfman import Manager
from tests.manager.hooks import run_tc
from tests.manager.test_doctor import DISTURBANCES, Scene
from tests.manager.worlds import Moments, die, in_a_child, side_by_side, world

pytestmark = [pytest.mark.kernel, pytest.mark.network]


def killed(there, number):
    """Repairs in a child that dies right after its so manieth system call; whether it got that far."""
    seen = 0

    def happened(what):
        nonlocal seen
        seen += 1
        if seen == number:
            die()

    def act():
        with Moments(after=happened):
            Manager(there.layout).repair()

    status = in_a_child(act)
    assert status in (0, -signal.SIGKILL)
    return status != 0


def forget(scene):
    for chain in scene.manager.chains():
        scene.manager.forget_chain(chain.record.hook)


# Whose interface is changed needs a new one each time, and has one step.
@pytest.mark.parametrize(
    "disturb", [*(each for each, _ in DISTURBANCES if "interface" not in each.__name__), forget]
)
def test_killed_at_any_moment_a_repair_can_be_made_again(disturb, veths):
    def kill(number, veth):
        with world(veth) as there:
            disturb(Scene(there.manager, there.veth))
            running = there.running()
            cut_short = killed(there, number)
            between = there.running()

            assert there.manager.repair() == []

            if there.has_clsact() and not there.manager.chains():
                # Whose it is only the records could tell, and an empty one does no harm.
                run_tc(veth.a, "qdisc", "del", "dev", veth.a.interface, "clsact")
            assert there.wrong() == {}, number
            assert there.left_alone(running, between) == [], number
            assert there.left() == {}, number
        return cut_short

    def every_nth(first, veth):
        for number in itertools.count(first + 1, len(veths)):
            if not kill(number, veth):
                break

    side_by_side(veths, every_nth)
