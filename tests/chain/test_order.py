# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bpfman.chain.order import in_order
from bpfman.model.chain import Member


def member(link_id: int, priority: int, name: str = "drop", position: int = 0) -> Member:
    return Member(link_id, 1, name, priority, position, 4, 0, None)


def ids(members) -> list[int]:
    return [each.link_id for each in members]


NEW = 0
changes = st.lists(
    st.one_of(
        st.tuples(st.just("attach"), st.integers(0, 3), st.sampled_from(["allow", "drop", "meter"])),
        st.tuples(st.just("detach"), st.integers(0, 30), st.none()),
    ),
    max_size=25,
)


@given(changes)
def test_members_run_by_priority_and_the_newest_first(requests):
    """Against a list sorted by hand: each attachment has a number, and a higher one runs earlier."""
    chain: tuple[Member, ...] = ()
    model: list[tuple[int, int, int]] = []  # (priority, minus the number of the attachment, link id)
    for number, (what, value, name) in enumerate(requests, 1):
        if what == "attach":
            chain = in_order(chain, member(number, value, name))
            model.append((value, -number, number))
        elif chain:
            gone = chain[value % len(chain)].link_id
            chain = in_order(each for each in chain if each.link_id != gone)
            model = [entry for entry in model if entry[2] != gone]
        assert ids(chain) == [link_id for _, _, link_id in sorted(model)]
        assert [each.position for each in chain] == list(range(len(chain)))


def test_the_member_being_attached_runs_before_those_of_its_priority():
    there = in_order([member(1, 10, position=0), member(2, 50, position=1), member(3, 50, position=2)])
    assert ids(in_order(there, member(NEW, 50))) == [1, NEW, 2, 3]


def test_the_same_program_at_the_same_priority_takes_position_0():
    there = in_order([member(1, 50)])
    added = in_order(there, member(NEW, 50))
    assert [(each.link_id, each.position) for each in added] == [(NEW, 0), (1, 1)]


def test_priority_0_runs_first_and_has_no_upper_bound():
    there = in_order([member(1, 10**12)])
    assert ids(in_order(in_order(there, member(2, 0)), member(3, 7))) == [2, 3, 1]


def test_nothing_but_positions_changes():
    one = Member(7, 8, "meter", 50, 4, 0x80000004, 3, {"team": "edge"})
    assert in_order([one]) == (one._replace(position=0),)
    assert in_order([]) == ()
