# SPDX-License-Identifier: Apache-2.0
"""No packet misses its programs while a chain changes: a counter on both sides proves it."""

from __future__ import annotations

import threading

import pytest

from bpfman.model.hook import CHAIN_TYPES
from tests.manager.hooks import counted, load, no_arp, on, udp_socket

pytestmark = [pytest.mark.kernel, pytest.mark.network]

CHANGES = 200
PATIENCE = 5.0  # seconds for a packet to arrive


class Traffic(threading.Thread):
    """Sends one packet after the other from one end to the other, each when the last has arrived."""

    def __init__(self, source, target) -> None:
        super().__init__()
        self._source, self._target = source, target
        self._enough = threading.Event()
        self.sent = self.arrived = 0

    def run(self) -> None:
        with udp_socket(self._target) as receiver, udp_socket(self._source) as sender:
            receiver.settimeout(PATIENCE)
            sender.connect(receiver.getsockname())
            while not self._enough.is_set():
                sender.send(b"packet")
                self.sent += 1
                try:
                    receiver.recv(16)
                except TimeoutError:
                    return
                self.arrived += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        self.join()


@pytest.mark.parametrize("kind", CHAIN_TYPES)
def test_every_packet_meets_the_member_that_stays(manager, veth, kind):
    """While others are attached before and behind it, reordered, detached, counted and not."""
    no_arp(veth)
    hooked = on(kind, veth)
    name, key = ("xdp_counter", "xdp_stats"), 2
    if hooked.family == "tc":
        name, key = ("tc_counter", "stats"), 0
    constant = load(manager, name[0], hooked.family, name[1])
    map_name = f"{hooked.family}_stats_map"
    hooked.attach(manager, constant, 50)
    other = hooked.load(manager, hooked.go_on)
    ends = (veth.a, veth.b) if kind == "tc-egress" else (veth.b, veth.a)
    hook = hooked.hook(manager)

    with Traffic(*ends) as traffic:
        links: list[int] = []
        for number in range(CHANGES):
            if number % 20 == 10:
                manager.set_accounting(hook, number % 40 == 10)
            elif len(links) == 3:
                manager.detach([links.pop(number % 3)])
            else:
                links.append(hooked.attach(manager, other, (10, 50, 90)[number % 3]))

    assert manager.chain(hook).record.revision == CHANGES + 1
    assert traffic.sent > CHANGES
    assert traffic.arrived == traffic.sent
    assert counted(manager, map_name, constant, key) == traffic.sent
