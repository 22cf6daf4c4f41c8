# SPDX-License-Identifier: Apache-2.0
"""Hooks: a kind and a place where programs are attached, and the interface that a network hook is on."""

from __future__ import annotations

from bpfman.model import verdicts
from bpfman.model.value import NamedTuple

CHAIN_TYPES = ("xdp", "tc-ingress", "tc-egress")
DIRECTIONS = ("ingress", "egress")
SIDES = ("primary", "peer")  # of a netkit device
ORDERED_TYPES = (
    "tcx-ingress",
    "tcx-egress",
    "netkit-primary",
    "netkit-peer",
)  # the kernel orders their links


class Interface(NamedTuple):
    """A network interface as a person named it and as the kernel knows it.

    `netns` is the path given with --netns ("" is bpfman's own namespace), `nsid` the inode of that namespace.  Inodes
    are given to new namespaces as soon as they are free; `cookie` never is (SO_NETNS_COOKIE, 5.14), 0 where unknown."""

    name: str
    ifindex: int
    netns: str
    nsid: int
    cookie: int = 0

    def __str__(self) -> str:
        return f"{self.name} (netns {self.netns})" if self.netns else self.name


class Hook(NamedTuple):
    """Where a chain or a list of links hangs.  `type` is one of CHAIN_TYPES or ORDERED_TYPES."""

    type: str
    nsid: int
    ifindex: int

    @property
    def family(self) -> str:
        """xdp, tc, tcx or netkit."""
        return self.type.partition("-")[0]

    @property
    def direction(self) -> str:
        """ingress or egress, primary or peer; empty for xdp."""
        return self.type.partition("-")[2]

    @property
    def verdicts(self) -> verdicts.Verdicts:
        return verdicts.BY_FAMILY[self.family]

    def __str__(self) -> str:
        return f"{self.type} nsid={self.nsid} ifindex={self.ifindex}"


def hook_of(family: str, direction: str, interface: Interface) -> Hook:
    return Hook(f"{family}-{direction}" if direction else family, interface.nsid, interface.ifindex)
