# SPDX-License-Identifier: Apache-2.0
"""What fails on the way: one step, after which all before it is undone; or everything from there on, undoing too."""

from __future__ import annotations

import errno
import itertools
import signal

import pytest

from bpfman import Manager
from bpfman.bpf.kernel import Kernel
from bpfman.errors import BpfmanError, KernelRefused
from bpfman.store.database import Store
from tests.manager.hooks import Trails, load, on
from tests.manager.operations import OPERATIONS
from tests.manager.worlds import Events, die, in_a_child, side_by_side, world

pytestmark = [pytest.mark.kernel, pytest.mark.network]

BROKEN = "the machine is out of order"


class Trouble:
    """Raises at the so manieth event, and from then on if it is `lasting`."""

    def __init__(self, number: int, *, lasting: bool) -> None:
        self._number, self._lasting = number, lasting
        self.events: list[str] = []

    def before(self, what: str) -> None:
        self.events.append(what)
        here = len(self.events) - self._number
        if here == 0 or (here > 0 and self._lasting):
            raise OSError(errno.EIO, BROKEN) if what == "rename" else KernelRefused(BROKEN, errno.EIO)

    @property
    def met(self) -> bool:
        return len(self.events) >= self._number


def carry_out(there, operation, trouble: Trouble) -> None:
    with Events(before=trouble.before).everywhere() as kernel:
        manager = Manager(there.layout, kernel=kernel, warn=lambda message: None)
        try:
            operation.act(there, manager)
        except BpfmanError:
            assert trouble.met


def unfinished(there) -> bool:
    with Store.open(there.layout) as store:
        return store.has_unfinished()


def fail_everywhere(operation, veths, fail):
    """`fail(states, veth, number)` for each event there is; it tells whether there was one of that number."""
    with world(veths[0]) as there:
        states = operation.states(there)
        there.manager.delete_programs(None)

    def every_nth(first, veth):
        for number in itertools.count(first + 1, len(veths)):
            if not fail(states, veth, number):
                break

    side_by_side(veths, every_nth)


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if not each.lenient], ids=lambda operation: operation.name
)
def test_a_step_that_fails_takes_those_before_it_back(operation, veths):
    """But for what takes something away for good: from there on, the next change completes it."""

    def fail(states, veth, number):
        trouble = Trouble(number, lasting=False)
        with world(veth) as there:
            operation.prepare(there)

            carry_out(there, operation, trouble)

            context = f"failed at event {number}, {trouble.events[-1]}"
            if unfinished(there):
                assert operation.takes_away, context
                there.manager.detach([])
            elif trouble.met and not operation.takes_away:
                assert there.state() == states[0], context
            assert there.state() in states, context
            if not (operation.disturbed and there.state() != states[-1]):
                assert there.wrong() == {}, context
            assert there.left() == {}, context
        return trouble.met

    fail_everywhere(operation, veths, fail)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_could_not_even_be_undone_is_put_right_by_the_next_change(operation, veths):
    def fail(states, veth, number):
        trouble = Trouble(number, lasting=True)
        with world(veth) as there:
            operation.prepare(there)
            carry_out(there, operation, trouble)

            there.manager.detach([])

            context = f"out of order from event {number} on, {trouble.events[-1]}"
            assert there.state() in states, context
            if not (operation.disturbed and there.state() != states[-1]):
                assert there.wrong() == {}, context
            assert there.left() == {}, context
        return trouble.met

    fail_everywhere(operation, veths, fail)


class TestRecoveryThatFails:
    """What cannot be put right now is warned of, tried again, and in nobody's way."""

    @pytest.fixture
    def cut_short(self, manager, veth):
        """The machine goes out of order between the intent to detach a member and the chain without it."""
        hooked = on("xdp", veth)
        trails = Trails(manager, hooked)
        links = [hooked.attach(manager, trails.program(number), 10 * number) for number in (1, 2)]

        def act() -> None:
            with Events(after=self.die_after_the_first).everywhere() as kernel:
                Manager(manager.layout, kernel=kernel).detach(links[1:])

        assert in_a_child(act) == -signal.SIGKILL
        assert trails.run() == [1, 2]
        return hooked, trails, links

    def die_after_the_first(self, what: str) -> None:
        if what == "commit":
            die()

    def test_is_warned_of_and_does_not_keep_others_from_their_changes(self, manager, cut_short):
        _, trails, links = cut_short
        warnings: list[str] = []

        class WithoutVerifier(Kernel):
            def load_bytecode(self, bytecode):
                raise KernelRefused(BROKEN, errno.EIO)

        careful = Manager(manager.layout, kernel=WithoutVerifier(), warn=warnings.append)
        program = load(careful, "xdp_pass", "xdp", "xdp_pass")

        [warning] = warnings
        assert warning.startswith("an earlier change was cut short and cannot be put right yet: chain at xdp")
        assert BROKEN in warning
        assert program in [entry.program_id for entry in manager.programs()]
        assert [link.id for link, _ in manager.links()] == links[:1]
        assert trails.run() == [1, 2]

    def test_is_tried_again_by_the_next_change(self, manager, cut_short):
        hooked, trails, links = cut_short

        manager.detach([])

        assert trails.run() == [1]
        assert hooked.members(manager) == links[:1]
        assert manager.examine() == []

    def test_is_found_by_the_doctor_first(self, manager, cut_short):
        assert manager.examine() != []
        assert manager.repair() == []
        assert manager.examine() == []
