# SPDX-License-Identifier: Apache-2.0
"""Netkit links (6.7): programs in the device between a container and its host, ordered by the kernel as TCX's are.

A device is two ends.  Programs are attached by the primary one, also those for what the peer sends, so that who sits
in a container can neither see nor remove them.
"""

from __future__ import annotations

import errno

from bpfman.bpf import refusals
from bpfman.bpf.link import tcx
from bpfman.errors import InvalidRequest, KernelRefused, Unsupported
from bpfman.model.kinds import ATTACH_NETKIT_PEER, ATTACH_NETKIT_PRIMARY
from bpfman.syscalls.interfaces import interface
from bpfman.syscalls.namespaces import entered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.link.link import Link
    from bpfman.bpf.link.tcx import Anchor

_ATTACH = {"primary": ATTACH_NETKIT_PRIMARY, "peer": ATTACH_NETKIT_PEER}


def create(program_fd: int, ifindex: int, side: str, netns: str, anchor: Anchor | None) -> Link:
    """Attach behind all others, or where `anchor` says.  Raises Unsupported where the kernel has no netkit,
    InvalidRequest for an interface that is none or not the primary end, KernelRefused."""
    with entered(netns):
        try:
            return tcx.ordered(program_fd, ifindex, _ATTACH[side], anchor)
        except OSError as error:
            raise _explained(error, program_fd, ifindex, side) from error


def _explained(error: OSError, program_fd: int, ifindex: int, side: str) -> Exception:
    found = interface(ifindex)
    name = found.name if found else f"interface {ifindex}"
    if error.errno == errno.EINVAL and not tcx.supported(program_fd, _ATTACH[side]):
        return Unsupported(
            "this kernel has no netkit, which came with Linux 6.7 and needs CONFIG_NETKIT",
            "between a container and its host, a veth pair and TCX do the same",
        )
    if error.errno == errno.ENXIO:
        kind = found.kind if found else ""
        return InvalidRequest(
            f"{name} is no netkit device" + (f" but {kind}" if kind else ""),
            "make one with `ip link add nk0 type netkit`, or use `bpfman link attach tcx`",
        )
    if error.errno == errno.EACCES and not refusals.missing_capabilities("CAP_NET_ADMIN"):
        return InvalidRequest(
            f"{name} is the peer end of a netkit device",
            "name its primary end, also to attach to what the peer sends (SIDE is peer then)",
        )
    return KernelRefused(
        f"attach to netkit {side} of {name}",
        error.errno or 0,
        refusals.hint(error.errno or 0, "CAP_NET_ADMIN"),
    )
