# SPDX-License-Identifier: Apache-2.0
"""Netkit devices for tests, where `ip` cannot make them yet (iproute2 can since 6.7)."""

from __future__ import annotations

import struct

from bpfman.syscalls.attributes import attribute, number_attribute, text_attribute
from bpfman.syscalls.interfaces import IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, RTM_NEWLINK
from bpfman.syscalls.netlink import NLM_F_CREATE, NLM_F_EXCL, RouteSocket

_HEADER = struct.pack("=BxHiII", 0, 0, 0, 0, 0)  # struct ifinfomsg
_IFLA_INFO_DATA, _IFLA_NETKIT_PEER_INFO, _IFLA_NET_NS_FD = 2, 1, 28  # include/uapi/linux/if_link.h


def add_netkit(primary: str, peer: str, peer_namespace: str) -> None:
    """Makes a device in the namespace of the calling thread, its peer in the one at the path `peer_namespace`.

    As `ip link add PRIMARY type netkit peer name PEER netns NAMESPACE`; both ends are down.  Raises KernelRefused,
    EOPNOTSUPP where the kernel has none (Linux 6.7, CONFIG_NETKIT)."""
    with open(peer_namespace, "rb") as other, RouteSocket() as route:
        there = (
            _HEADER + text_attribute(IFLA_IFNAME, peer) + number_attribute(_IFLA_NET_NS_FD, other.fileno())
        )
        info = text_attribute(IFLA_INFO_KIND, "netkit") + attribute(
            _IFLA_INFO_DATA, attribute(_IFLA_NETKIT_PEER_INFO, there)
        )
        request = _HEADER + text_attribute(IFLA_IFNAME, primary) + attribute(IFLA_LINKINFO, info)
        route.request(RTM_NEWLINK, request, f"add netkit {primary}", NLM_F_CREATE | NLM_F_EXCL)
