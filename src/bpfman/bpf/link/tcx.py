# SPDX-License-Identifier: Apache-2.0
"""TCX links (6.6): many programs a direction of an interface, ordered by the kernel."""

from __future__ import annotations

import errno

from bpfman.bpf.link.link import Link
from bpfman.errors import KernelRefused, Unsupported
from bpfman.model.kinds import ATTACH_TCX_EGRESS, ATTACH_TCX_INGRESS
from bpfman.model.value import NamedTuple
from bpfman.syscalls import bpf
from bpfman.syscalls.namespaces import entered

_ATTACH = {"ingress": ATTACH_TCX_INGRESS, "egress": ATTACH_TCX_EGRESS}


class Anchor(NamedTuple):
    """Where among the links that are there: directly before or after the link with that kernel id."""

    before: bool
    kernel_link_id: int


def create(program_fd: int, ifindex: int, direction: str, netns: str, anchor: Anchor | None) -> Link:
    """Attach behind all others, or where `anchor` says; nobody else's place changes.  Raises Unsupported on kernels
    before 6.6, KernelRefused (ENOENT when the anchor is gone)."""
    with entered(netns):
        try:
            return ordered(program_fd, ifindex, _ATTACH[direction], anchor)
        except OSError as error:
            if error.errno == errno.EINVAL and not supported(program_fd):
                raise Unsupported(
                    "this kernel has no TCX, which came with Linux 6.6",
                    "load the program as tc: `--programs tc:NAME`, then `link attach tc`",
                ) from error
            raise KernelRefused(
                f"attach to tcx {direction} of interface {ifindex}", error.errno or 0
            ) from error


def ordered(program_fd: int, ifindex: int, attach_type: int, anchor: Anchor | None) -> Link:
    """A link among others, for TCX and netkit.  Raises OSError."""
    flags, relative = 0, 0
    if anchor is not None:
        flags = (bpf.F_BEFORE if anchor.before else bpf.F_AFTER) | bpf.F_ID | bpf.F_LINK
        relative = anchor.kernel_link_id
    return Link(bpf.link_create(program_fd, ifindex, attach_type, flags=flags, relative=relative))


def supported(program_fd: int, attach_type: int = ATTACH_TCX_INGRESS) -> bool:
    """Whether the kernel knows the attach type, asked with a program of type sched_cls and no interface: one that does
    looks for the interface (ENODEV), one that does not refuses the attach type (EINVAL)."""
    try:
        bpf.link_create(program_fd, 0, attach_type)
    except OSError as error:
        return error.errno == errno.ENODEV
    return True
