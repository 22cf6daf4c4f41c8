# SPDX-License-Identifier: Apache-2.0
"""Netkit: programs on what either end of the device sends, ordered by the kernel, all attached by the primary end."""

from __future__ import annotations

import json
import os
import secrets
import struct
import sys
from contextlib import contextmanager, suppress

import pytest

from bpfman import netkit
from bpfman.bpf.info import link_by_id
from bpfman.errors import AlreadyAttached, InvalidRequest, TypeMismatch
from bpfman.model.hook import SIDES
from bpfman.syscalls.namespaces import entered
from bpfman.testing.netkit import add_netkit
from bpfman.testing.network import End, VethPair, namespace, ping
from tests.manager.hooks import load, u32

pytestmark = [pytest.mark.kernel, pytest.mark.network, pytest.mark.feature("netkit")]

NEXT, DROP = -1, 2


@contextmanager
def netkit_pair():
    names = [f"nk{secrets.token_hex(4)}" for _ in SIDES]
    with namespace() as host, namespace() as container:
        with entered(host.path):
            add_netkit(names[0], names[1], container.path)
        ends = []
        for inside, name, address in zip((host, container), names, ("10.9.8.1", "10.9.8.2"), strict=True):
            inside.ip("address", "add", f"{address}/24", "dev", name)
            inside.ip("link", "set", name, "up")
            [shown] = json.loads(inside.ip("-j", "link", "show", "dev", name))
            ends.append(End(inside, name, shown["ifindex"], address))
        yield VethPair(*ends)


@pytest.fixture
def pair(manager, veth):
    """The two ends: the primary one, and its peer in a namespace of its own."""
    program = load(manager, "netkit", "netkit", "on_primary")
    with suppress(InvalidRequest):  # a veth is none; a kernel without netkit says that first
        manager.attach(program, netkit(veth.a.interface, "primary", priority=1, netns=veth.a.namespace.path))
    manager.unload([program])
    with netkit_pair() as made:
        yield made


def attach(manager, pair, side: str, priority: int, verdict: int = NEXT):
    program = load(manager, "netkit", "netkit", f"on_{side}", globals={"verdict": u32(verdict)})
    spec = netkit(pair.a.interface, side, priority=priority, netns=pair.a.namespace.path)
    return manager.attach(program, spec)


def runs(manager, link) -> int:
    with manager.open_map("runs", link.record.program_id) as found:
        row = SIDES.index(link.record.details.direction)
        return int.from_bytes(found.lookup(struct.pack("=I", row)), sys.byteorder)


@pytest.mark.parametrize("side", SIDES)
class TestALink:
    def test_runs_for_what_that_side_sends_until_it_is_detached(self, manager, pair, side):
        link = attach(manager, pair, side, 50)

        assert ping(pair.b.namespace, pair.a.address) == 1
        assert runs(manager, link) > 0
        assert link.record.kind == "netkit"
        assert link.record.pin_path == manager.layout.fs + (
            f"/netkit-{side}/link_{pair.a.namespace.inode}_{pair.a.ifindex}_{link.record.program_id}"
        )
        assert link.status.kernel.id == link.record.kernel_link_id
        assert link.status.pin_present
        assert manager.link(link.record.id) == link
        assert manager.examine() == []

        manager.detach([link.record.id])
        assert link_by_id(link.record.kernel_link_id) is None
        assert not os.path.exists(link.record.pin_path)
        seen = runs(manager, link)
        assert ping(pair.b.namespace, pair.a.address) == 1
        assert runs(manager, link) == seen

    def test_decides_over_the_packet(self, manager, pair, side):
        drop = attach(manager, pair, side, 50, DROP)
        assert ping(pair.b.namespace, pair.a.address) == 0
        manager.detach([drop.record.id])
        assert ping(pair.b.namespace, pair.a.address) == 1

    def test_runs_in_the_order_of_priorities(self, manager, pair, side):
        last = attach(manager, pair, side, 30)
        first = attach(manager, pair, side, 10)
        middle = attach(manager, pair, side, 20, DROP)

        ping(pair.b.namespace, pair.a.address)
        assert runs(manager, first) > 0
        assert runs(manager, middle) > 0
        assert runs(manager, last) == 0
        positions = {each.id: each.details.position for each, _ in manager.links()}
        assert [positions[each.record.id] for each in (first, middle, last)] == [0, 1, 2]

    def test_is_there_once_for_a_program(self, manager, pair, side):
        link = attach(manager, pair, side, 50)
        spec = netkit(pair.a.interface, side, priority=1, netns=pair.a.namespace.path)
        with pytest.raises(AlreadyAttached):
            manager.attach(link.record.program_id, spec)


class TestWhatCannotBe:
    def test_the_peer_end_is_refused_with_the_way_that_works(self, manager, pair):
        program = load(manager, "netkit", "netkit", "on_peer")
        with pytest.raises(InvalidRequest, match="is the peer end of a netkit device") as refused:
            manager.attach(program, netkit(pair.b.interface, "peer", priority=1, netns=pair.b.namespace.path))
        assert "primary end" in refused.value.hint
        assert manager.links() == []

    def test_another_device_is_none(self, manager, veth):
        program = load(manager, "netkit", "netkit", "on_peer")
        with pytest.raises(InvalidRequest, match="is no netkit device but veth"):
            manager.attach(program, netkit(veth.a.interface, "peer", priority=1, netns=veth.a.namespace.path))
        assert manager.links() == []

    def test_a_program_of_another_kind(self, manager, pair):
        program = load(manager, "xdp_pass", "xdp", "xdp_pass")
        with pytest.raises(TypeMismatch):
            manager.attach(program, netkit(pair.a.interface, "peer", priority=1, netns=pair.a.namespace.path))
