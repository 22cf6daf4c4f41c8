# SPDX-License-Identifier: Apache-2.0
"""That the members of the soak's chains would tell of a packet that is missed or misrouted."""

from __future__ import annotations

import pytest

from bpfman.testing.network import VethPair
from soak.course import FIRST, PORT, WRONGS, Course
from soak.sender import ON_THE_WAY, Sender
from soak.workers import Workers
from tests.manager.hooks import Hooked, no_arp

pytestmark = [pytest.mark.kernel, pytest.mark.network]

NEVER_LEFT, NEVER_CAME, OUT_OF_ORDER, _ = WRONGS
MEMBERS = 5


@pytest.fixture(params=["xdp", "tc-ingress"])
def course(request, manager, veth):
    made = Course(manager, Hooked(request.param, veth.b), MEMBERS)
    made.watch()
    yield made
    made.clear()


@pytest.fixture
def send(veth: VethPair):
    """Sends some packets; how many."""
    no_arp(veth)
    sender = Sender(veth.a, veth.b, PORT)

    def send() -> int:
        with Workers([sender.run]) as workers:
            while sender.sent < 10 * ON_THE_WAY:
                workers.expect_no_failure()
            sender.stop()
            workers.results(1, lambda _: None)
        return sender.sent

    yield send
    sender.close()


def wrong(course: Course, sent: int) -> set[str]:
    """What the course tells is not as it must be, without the hook's name."""
    return {figure.what.partition(": ")[2] for figure in course.figures(sent) if not figure.right}


def link_of(course: Course, priority: int) -> int:
    found: int = next(member.link_id for member in course.members() if member.priority == priority)
    return found


def test_nothing_is_wrong_with_a_chain_that_runs_all_its_members(course, send):
    assert wrong(course, send()) == set()


def test_a_packet_that_was_not_sent_is_missed(course, send):
    found = wrong(course, send() + 1)
    assert found == {"counts of packets that differ from those sent", "packets that left the chain"}


def test_members_out_of_order_are_told(course, send):
    with course.map("priorities") as priorities:
        for priority, number in course.taken.items():
            priorities[number] = (1 << 31) - priority
    assert wrong(course, send()) == {OUT_OF_ORDER}


def test_a_member_that_is_missing_is_told(course, manager, send):
    number = course.stays[0]
    priority = next(priority for priority, other in course.taken.items() if other == number)
    manager.detach([link_of(course, priority)])
    found = wrong(course, send())
    assert found == {
        "counts of packets that differ from those sent",
        "packets that met as many members as no chain had",
    }


def test_a_chain_without_its_beginning_is_told(course, manager, send):
    manager.detach([link_of(course, FIRST)])
    assert NEVER_CAME in wrong(course, send())


def test_a_chain_without_its_end_is_told(course, manager, send):
    manager.detach([course.members()[-1].link_id])
    assert NEVER_LEFT in wrong(course, send())
