# SPDX-License-Identifier: Apache-2.0
"""Links of every kind come back as they were; ids are never given away twice."""

from __future__ import annotations

import pytest

from bpfman.errors import LinkNotFound, StoreError
from bpfman.model.kinds import KINDS
from bpfman.model.link import TcxDetails
from bpfman.store.details import FAMILIES
from tests.store.values import (
    PLAIN,
    TC_CHAIN,
    TCX_HOOK,
    XDP_CHAIN,
    XDP_HOOK,
    program,
    tc_link,
    tcx_link,
    tracepoint_link,
    xdp_link,
)


@pytest.fixture(autouse=True)
def programs(store, lock):
    with store.writing(lock) as tx:
        for record in (PLAIN, program(2)):
            tx.add_program(record, ())
            tx.finish_program(record.program_id)


def attach(store, lock, *records, slot=0):
    with store.writing(lock) as tx:
        for record in records:
            tx.add_link(record, slot)
            tx.finish_link(record.id, record.kernel_link_id)


def test_every_kind_has_a_place_for_its_details():
    kinds = [kind for family in FAMILIES for kind in family.kinds]
    assert sorted(kinds) == sorted(KINDS)


@pytest.mark.parametrize("metadata", [None, {}, {"ring": "canary", "": "ü\n\0"}])
@pytest.mark.parametrize(
    "record",
    [
        xdp_link(1, position=4, kernel_link_id=58),
        tc_link(1, position=2, pin_path=None),
        tcx_link(1, priority=-5)._replace(kernel_link_id=4_294_967_295),
        tracepoint_link(1),
    ],
    ids=lambda record: record.kind,
)
def test_a_record_comes_back_as_it_was(store, lock, record, metadata):
    record = record._replace(metadata=metadata)
    attach(store, lock, record)
    assert store.link(1) == record
    assert store.find_link(1) == record
    assert store.links() == [record]
    assert store.links(record.program_id) == [record]
    assert store.links(2) == []


def test_links_are_listed_by_id_each_with_its_own_metadata(store, lock):
    records = [
        tracepoint_link(5, metadata={"a": "5"}),
        tc_link(2, program_id=2, metadata={}),
        xdp_link(9),
        tcx_link(7, priority=1),
    ]
    attach(store, lock, *records)
    assert store.links() == sorted(records)
    assert store.links(2) == [records[1]]


def test_a_link_is_shown_from_finish_to_detaching(store, lock):
    record = tracepoint_link(1)
    with store.writing(lock) as tx:
        tx.add_link(record)
    assert store.links() == []
    assert store.find_link(1) is None
    assert store.unfinished().attaching == (record,)
    assert store.has_unfinished()
    with store.writing(lock) as tx:
        tx.finish_link(1, 77)
    assert store.links() == [record._replace(kernel_link_id=77)]
    assert not store.has_unfinished()
    with store.writing(lock) as tx:
        tx.mark_detaching(1)
    assert store.links() == []
    assert store.unfinished().detaching == (record._replace(kernel_link_id=77),)
    with store.writing(lock) as tx:
        tx.remove_link(1)
    assert not store.has_unfinished()


def test_finish_may_change_the_pin(store, lock):
    with store.writing(lock) as tx:
        tx.add_link(tc_link(1))
        tx.finish_link(1, None, pin_path="/elsewhere")
    assert store.link(1).pin_path == "/elsewhere"


@pytest.mark.parametrize("link_id", [5, 0, -1, 2**64])
def test_an_unknown_link_is_not_found(store, link_id):
    assert store.find_link(link_id) is None
    with pytest.raises(LinkNotFound, match=f"link {link_id} does not exist"):
        store.link(link_id)


@pytest.mark.parametrize(
    "change", [lambda tx: tx.finish_link(5, 1), lambda tx: tx.mark_detaching(5), lambda tx: tx.remove_link(5)]
)
def test_changing_an_unknown_link_is_an_error(store, lock, change):
    with pytest.raises(LinkNotFound), store.writing(lock) as tx:
        change(tx)


def test_a_link_needs_its_program(store, lock):
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        attach(store, lock, xdp_link(1, program_id=404))


def test_ids_begin_at_one_and_are_never_given_away_twice(store, lock):
    with store.writing(lock) as tx:
        first = tx.new_link_id()
        tx.add_link(xdp_link(first))
        second = tx.new_link_id()
    with store.writing(lock) as tx:
        tx.remove_link(first)
    with store.writing(lock) as tx:
        third = tx.new_link_id()
    assert (first, second, third) == (1, 2, 3)


def test_members_show_their_chain_once_it_runs(store, lock):
    attach(store, lock, xdp_link(1), tc_link(2))
    assert store.link(1).details.chain_program_id == 0
    with store.writing(lock) as tx:
        tx.put_chain(XDP_CHAIN)
        tx.put_chain(TC_CHAIN)
    seen = [(link.details.chain_program_id, link.details.revision) for link in store.links()]
    assert seen == [(77, 3), (78, 1)]
    with store.writing(lock) as tx:
        tx.remove_chain(XDP_HOOK)
    assert store.link(1).details.revision == 0


def test_tcx_positions_are_ranks_by_priority_and_age(store, lock):
    attach(
        store, lock, *(tcx_link(number, priority) for number, priority in ((1, 50), (2, 10), (3, 50), (4, 0)))
    )
    assert [(link.id, link.details.position) for link in store.tcx_links(TCX_HOOK)] == [
        (4, 0),
        (2, 1),
        (1, 2),
        (3, 3),
    ]
    assert [link.details.position for link in store.links()] == [2, 1, 3, 0]
    assert store.link(3).details.position == 3
    with store.writing(lock) as tx:
        tx.mark_detaching(2)
    assert [link.details.position for link in store.links()] == [1, 2, 0]


def test_tcx_positions_are_counted_within_their_hook(store, lock):
    other = TCX_HOOK._replace(ifindex=8)
    attach(store, lock, tcx_link(1, 10))
    second = tcx_link(2, 20)
    assert isinstance(second.details, TcxDetails)
    elsewhere = second.details.interface._replace(ifindex=8)
    attach(store, lock, second._replace(details=second.details._replace(interface=elsewhere)))
    assert [link.id for link in store.tcx_links(other)] == [2]
    assert store.link(2).details.position == 0


def test_the_kernel_link_of_members_is_set_together(store, lock):
    attach(store, lock, xdp_link(1), xdp_link(2), tracepoint_link(3))
    with store.writing(lock) as tx:
        tx.set_kernel_link([1, 2], 99)
    assert [link.kernel_link_id for link in store.links()] == [99, 99, None]
