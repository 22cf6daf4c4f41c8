# SPDX-License-Identifier: Apache-2.0
"""Chains and their members come back as they were, in the order that was decided."""

from __future__ import annotations

import pytest

from bpfman.errors import ChainNotFound
from bpfman.model.chain import Member
from tests.store.values import (
    PLAIN,
    TC_CHAIN,
    TC_HOOK,
    XDP_CHAIN,
    XDP_HOOK,
    program,
    tc_link,
    tracepoint_link,
    xdp_link,
)


@pytest.fixture(autouse=True)
def programs(store, lock):
    with store.writing(lock) as tx:
        for record in (PLAIN, program(2)):
            tx.add_program(record, ())
            tx.finish_program(record.program_id)


def test_a_chain_comes_back_as_it_was(store, lock):
    with store.writing(lock) as tx:
        tx.put_chain(XDP_CHAIN)
        tx.put_chain(TC_CHAIN, clsact_created=True)
    assert store.chain(XDP_HOOK) == XDP_CHAIN
    assert store.chain(TC_HOOK) == TC_CHAIN
    assert store.chains() == [TC_CHAIN, XDP_CHAIN]
    assert store.clsact_created(TC_HOOK)
    assert not store.clsact_created(XDP_HOOK)


def test_a_hook_has_one_chain(store, lock):
    with store.writing(lock) as tx:
        tx.put_chain(XDP_CHAIN)
        tx.put_chain(XDP_CHAIN._replace(revision=4, program_id=79, accounting=False))
    assert store.chains() == [XDP_CHAIN._replace(revision=4, program_id=79, accounting=False)]


def test_a_hook_without_a_chain(store, lock):
    assert store.chain(XDP_HOOK) is None
    assert store.members(XDP_HOOK) == ()
    assert not store.clsact_created(XDP_HOOK)
    with pytest.raises(ChainNotFound, match="xdp nsid=4026531840 ifindex=7"), store.writing(lock) as tx:
        tx.remove_chain(XDP_HOOK)


def test_members_come_in_position_order(store, lock):
    with store.writing(lock) as tx:
        for record, slot in (
            (xdp_link(1, position=2), 5),
            (xdp_link(2, program_id=2, position=0, metadata={"a": "b"}), 0),
            (xdp_link(3, position=1, metadata={}), 6),
            (tc_link(4), 1),
            (tracepoint_link(5), 0),
        ):
            tx.add_link(record, slot)
            tx.finish_link(record.id, None)
    mask = 1 << 31 | 4
    assert store.members(XDP_HOOK) == (
        Member(2, 2, "program_2", 50, 0, mask, 0, {"a": "b"}),
        Member(3, 1, "count_packets", 50, 1, mask, 6, {}),
        Member(1, 1, "count_packets", 50, 2, mask, 5, None),
    )
    assert [member.link_id for member in store.members(TC_HOOK)] == [4]
    with store.writing(lock) as tx:
        tx.set_positions({1: 0, 2: 1, 3: 2})
    assert [member.link_id for member in store.members(XDP_HOOK)] == [1, 2, 3]
    assert [link.details.position for link in store.links()[:3]] == [0, 1, 2]


def test_only_attached_links_are_members(store, lock):
    with store.writing(lock) as tx:
        for number in (1, 2, 3):
            tx.add_link(xdp_link(number, position=number))
        tx.finish_link(1, None)
        tx.finish_link(2, None)
        tx.mark_detaching(2)
        assert [member.link_id for member in store.members(XDP_HOOK)] == [1]
