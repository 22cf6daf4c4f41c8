# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import json
import socket
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2 import IPRoute

from bpfman.errors import InvalidRequest, KernelRefused
from bpfman.syscalls import filters as module
from bpfman.syscalls.attributes import Message, attribute, messages, number_attribute, text_attribute
from bpfman.syscalls.filters import (
    ETH_P_ALL,
    PARENTS,
    RTM_NEWTFILTER,
    Filter,
    add_bpf_filter,
    delete_bpf_filter,
    filters,
    replace_bpf_filter,
)
from bpfman.syscalls.namespaces import entered
from bpfman.syscalls.qdiscs import TCA_KIND, TrafficControl, add_clsact, delete_clsact
from bpfman.testing.network import ping
from tests.syscalls.conftest import XDP

PRIORITY = 50
RTNLGRP_TC = 4
U32 = "u32 match u32 0 0"
CLASSIC_BPF = "bpf bytecode 1,6\\ 0\\ 0\\ 0,"  # one instruction: return 0


@pytest.fixture
def hooked(inside):
    """`inside`, with clsact."""
    add_clsact(inside.ifindex)
    return inside


@pytest.fixture
def peer(hooked):
    """pyroute2 in the namespace: somebody else, who manages filters too."""
    with IPRoute(netns=hooked.namespace.name) as route:
        yield route


def add_foreign(peer, end, program, direction="ingress", handle=0, priority=PRIORITY):
    peer.tc(
        "add-filter", "bpf", end.ifindex, handle, fd=program.fd, name="foreign", parent=PARENTS[direction],
        prio=priority, protocol=ETH_P_ALL, classid=1, direct_action=True,
    )  # fmt: skip
    return next(entry for entry in filters(end.ifindex, direction) if entry.name == "foreign")


def add_foreign_by_tc(end, place, classifier):
    command = f"tc filter add dev {end.interface} ingress {place} {classifier}"
    end.namespace.run("sh", "-c", command)


def shown_by_tc(end, direction):
    """What `tc` lists, without the line that precedes each priority's filters."""
    shown = json.loads(end.namespace.run("tc", "-j", "filter", "show", "dev", end.interface, direction))
    return [entry for entry in shown if "options" in entry]


@pytest.mark.network
@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_a_filter_is_what_tc_shows(hooked, passing, direction):
    handle = add_bpf_filter(hooked.ifindex, direction, passing.fd, "hello", PRIORITY)
    (shown,) = shown_by_tc(hooked, direction)
    assert (shown["protocol"], shown["pref"], shown["kind"], shown["chain"]) == ("all", PRIORITY, "bpf", 0)
    options = shown["options"]
    assert int(options["handle"], 16) == handle
    assert options["bpf_name"] == "hello"
    assert options["direct-action"]
    assert options["prog"]["id"] == passing.id

    (ours,) = filters(hooked.ifindex, direction)
    assert ours == Filter(PRIORITY, ETH_P_ALL, handle, "bpf", 0, passing.id, "hello", passing.tag, True)


@pytest.mark.network
def test_the_directions_are_two_hooks(hooked, passing, dropping):
    add_bpf_filter(hooked.ifindex, "ingress", passing.fd, "in", PRIORITY)
    add_bpf_filter(hooked.ifindex, "egress", dropping.fd, "out", PRIORITY)
    assert [entry.name for entry in filters(hooked.ifindex, "ingress")] == ["in"]
    assert [entry.name for entry in filters(hooked.ifindex, "egress")] == ["out"]


@pytest.mark.network
def test_the_program_sees_the_packets(veth, hooked, passing, dropping):
    handle = add_bpf_filter(hooked.ifindex, "egress", passing.fd, "it", PRIORITY)
    assert ping(hooked.namespace, veth.b.address) == 1
    replace_bpf_filter(hooked.ifindex, "egress", dropping.fd, "it", PRIORITY, handle)
    assert ping(hooked.namespace, veth.b.address, timeout=0.2) == 0
    assert delete_bpf_filter(hooked.ifindex, "egress", PRIORITY, handle)
    assert ping(hooked.namespace, veth.b.address) == 1


@pytest.mark.network
def test_filters_of_every_kind_and_chain_are_listed_in_the_order_they_run(hooked, passing):
    add_foreign_by_tc(hooked, "chain 3 prio 10 protocol ip", CLASSIC_BPF)
    add_foreign_by_tc(hooked, "prio 60 protocol ipv6", U32)
    add_bpf_filter(hooked.ifindex, "ingress", passing.fd, "first", PRIORITY)
    add_bpf_filter(hooked.ifindex, "ingress", passing.fd, "second", PRIORITY)
    found = sorted(filters(hooked.ifindex, "ingress"), key=lambda entry: entry.chain)
    assert [(entry.chain, entry.priority, entry.kind, entry.name, entry.program_id) for entry in found] == [
        (0, PRIORITY, "bpf", "second", passing.id),
        (0, PRIORITY, "bpf", "first", passing.id),
        (0, 60, "u32", "", 0),  # the table that u32 makes for itself
        (0, 60, "u32", "", 0),
        (3, 10, "bpf", "", 0),
    ]
    assert [entry.protocol for entry in found] == [ETH_P_ALL, ETH_P_ALL, 0x86DD, 0x86DD, 0x0800]


# one filter, never two


@pytest.mark.network
def test_replacing_is_one_step_under_the_same_handle(hooked, passing, dropping):
    """Each dump of another thread finds exactly one filter, and the kernel announces nothing but its new content."""
    handle = add_bpf_filter(hooked.ifindex, "ingress", passing.fd, "it", PRIORITY, 0x2A)
    assert handle == 0x2A
    seen, replaced = [], threading.Event()

    def watch():
        with entered(hooked.namespace.path):
            while not replaced.is_set():
                seen.append(filters(hooked.ifindex, "ingress"))

    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as listener:
        listener.bind((0, 1 << (RTNLGRP_TC - 1)))
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            for program in (dropping, passing) * 50:
                replace_bpf_filter(hooked.ifindex, "ingress", program.fd, "it", PRIORITY, handle)
                (now,) = filters(hooked.ifindex, "ingress")
                assert (now.handle, now.program_id) == (handle, program.id)
        finally:
            replaced.set()
            watcher.join()
        announced = [entry for _ in range(100) for entry in messages(listener.recv(65536))]
        with pytest.raises(BlockingIOError):
            listener.recv(65536, socket.MSG_DONTWAIT)

    assert seen
    assert {(len(dump), dump[0].handle, dump[0].priority) for dump in seen} == {(1, handle, PRIORITY)}
    assert {dump[0].program_id for dump in seen} <= {passing.id, dropping.id}
    assert [entry.type for entry in announced] == [RTM_NEWTFILTER] * 100


@pytest.mark.network
def test_a_replacement_that_is_refused_leaves_the_filter_as_it_was(hooked, passing, load_verdict):
    handle = add_bpf_filter(hooked.ifindex, "ingress", passing.fd, "it", PRIORITY)
    before = filters(hooked.ifindex, "ingress")
    with pytest.raises(KernelRefused) as refused:
        replace_bpf_filter(hooked.ifindex, "ingress", load_verdict(XDP, 2).fd, "it", PRIORITY, handle)
    assert refused.value.errno == errno.EINVAL
    assert filters(hooked.ifindex, "ingress") == before


@pytest.mark.network
def test_replacing_a_filter_that_is_gone_makes_it(hooked, passing):
    replace_bpf_filter(hooked.ifindex, "ingress", passing.fd, "it", PRIORITY, 9)
    (made,) = filters(hooked.ifindex, "ingress")
    assert (made.handle, made.program_id) == (9, passing.id)


@pytest.mark.network
def test_adding_under_a_handle_that_is_taken_is_refused(hooked, passing, dropping):
    add_bpf_filter(hooked.ifindex, "ingress", passing.fd, "it", PRIORITY, 9)
    with pytest.raises(KernelRefused, match="Filter already exists") as refused:
        add_bpf_filter(hooked.ifindex, "ingress", dropping.fd, "other", PRIORITY, 9)
    assert refused.value.errno == errno.EEXIST
    assert [entry.program_id for entry in filters(hooked.ifindex, "ingress")] == [passing.id]


# other people's filters


@pytest.mark.network
@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_foreign_filters_of_our_priority_survive(hooked, peer, passing, dropping, direction):
    foreign = add_foreign(peer, hooked, dropping, direction)
    handle = add_bpf_filter(hooked.ifindex, direction, passing.fd, "ours", PRIORITY)
    assert handle != foreign.handle
    replace_bpf_filter(hooked.ifindex, direction, dropping.fd, "ours", PRIORITY, handle)
    assert [entry.name for entry in filters(hooked.ifindex, direction)] == ["ours", "foreign"]
    assert delete_bpf_filter(hooked.ifindex, direction, PRIORITY, handle)
    assert filters(hooked.ifindex, direction) == [foreign]
    assert not delete_bpf_filter(hooked.ifindex, direction, PRIORITY, handle)
    assert filters(hooked.ifindex, direction) == [foreign]


@pytest.mark.network
@pytest.mark.parametrize("handle", [0, 1])
def test_deleting_any_filter_is_never_asked_for(hooked, peer, passing, handle):
    foreign = add_foreign(peer, hooked, passing)
    with pytest.raises(InvalidRequest):
        delete_bpf_filter(hooked.ifindex, "ingress", PRIORITY if handle == 0 else 0, handle)
    with pytest.raises(InvalidRequest):
        replace_bpf_filter(
            hooked.ifindex, "ingress", passing.fd, "it", PRIORITY if handle == 0 else 0, handle
        )
    assert filters(hooked.ifindex, "ingress") == [foreign]


@pytest.mark.network
@pytest.mark.parametrize(
    ("protocol", "classifier", "words"),
    [
        ("all", U32, "kind does not match"),
        ("ip", CLASSIC_BPF, "specified priority"),
    ],
)
def test_a_foreign_filter_of_another_kind_or_protocol_holds_its_priority(
    hooked, passing, protocol, classifier, words
):
    add_foreign_by_tc(hooked, f"prio {PRIORITY} protocol {protocol}", classifier)
    before = filters(hooked.ifindex, "ingress")
    handle = before[-1].handle
    with pytest.raises(KernelRefused, match=words):
        add_bpf_filter(hooked.ifindex, "ingress", passing.fd, "it", PRIORITY)
    with pytest.raises(KernelRefused, match=words):
        replace_bpf_filter(hooked.ifindex, "ingress", passing.fd, "it", PRIORITY, handle)
    assert filters(hooked.ifindex, "ingress") == before


@pytest.mark.network
@pytest.mark.parametrize(("protocol", "classifier"), [("all", U32), ("ip", CLASSIC_BPF)])
def test_a_filter_of_another_kind_or_protocol_is_not_deleted(hooked, protocol, classifier):
    add_foreign_by_tc(hooked, f"prio {PRIORITY} protocol {protocol}", classifier)
    before = filters(hooked.ifindex, "ingress")
    for entry in before:
        assert not delete_bpf_filter(hooked.ifindex, "ingress", PRIORITY, entry.handle)
    assert filters(hooked.ifindex, "ingress") == before


# things that are gone


@pytest.mark.network
def test_without_clsact_or_interface_there_is_nothing_to_list_or_delete(hooked, passing):
    handle = add_bpf_filter(hooked.ifindex, "egress", passing.fd, "it", PRIORITY)
    delete_clsact(hooked.ifindex)
    for ifindex in (hooked.ifindex, 4711):
        assert filters(ifindex, "egress") == []
        assert not delete_bpf_filter(ifindex, "egress", PRIORITY, handle)


@pytest.mark.network
@pytest.mark.parametrize(("ifindex", "number"), [(None, errno.EINVAL), (4711, errno.ENODEV)])
def test_adding_without_clsact_or_interface_is_refused(inside, passing, ifindex, number):
    with pytest.raises(KernelRefused) as refused:
        add_bpf_filter(ifindex or inside.ifindex, "egress", passing.fd, "it", PRIORITY)
    assert refused.value.errno == number


real = (
    TrafficControl(3, 1, PARENTS["ingress"], 50 << 16 | 0x300).encoded()
    + text_attribute(TCA_KIND, "bpf")
    + number_attribute(module.TCA_CHAIN, 0)
    + attribute(
        module.TCA_OPTIONS,
        text_attribute(module.TCA_BPF_NAME, "it")
        + number_attribute(module.TCA_BPF_FLAGS, 1)
        + number_attribute(module.TCA_BPF_ID, 77)
        + attribute(module.TCA_BPF_TAG, bytes(8)),
    )
)
damaged = st.builds(
    lambda at, put, cut: (real[:at] + put + real[at + len(put) :])[: len(real) - cut],
    st.integers(0, len(real)),
    st.binary(max_size=6),
    st.integers(0, len(real)),
)


@given(damaged | st.binary(max_size=200))
def test_no_message_raises_anything_else(payload):
    with suppress(KernelRefused):
        module._filter(Message(RTM_NEWTFILTER, 0, 1, 1, payload))
