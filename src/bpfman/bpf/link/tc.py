# SPDX-License-Identifier: Apache-2.0
"""TC: one `cls_bpf` filter of ours on `clsact`, whose program is replaced in place.

TC knows no links; what keeps the program attached is the filter, found again by its handle.
"""

from __future__ import annotations

import errno

from bpfman.errors import ForeignProgram, KernelRefused
from bpfman.model.chain import FILTER_PRIORITY
from bpfman.syscalls import filters, qdiscs
from bpfman.syscalls.interfaces import interface
from bpfman.syscalls.namespaces import entered


def ensure_clsact(ifindex: int, netns: str) -> bool:
    """See to it that the interface has `clsact`; whether it was made just now.  Raises ForeignProgram when an
    `ingress` qdisc is in its place, which is left alone."""
    with entered(netns):
        return qdiscs.add_clsact(ifindex)


def has_clsact(ifindex: int, netns: str) -> bool:
    """Whether the interface has `clsact`.  Raises ForeignProgram when an `ingress` qdisc is in its place."""
    with entered(netns):
        return qdiscs.has_clsact(ifindex)


def filter_handles(ifindex: int, direction: str, netns: str) -> frozenset[int]:
    """The handles that are taken at our priority."""
    with entered(netns):
        return frozenset(
            f.handle for f in filters.filters(ifindex, direction) if f.priority == FILTER_PRIORITY
        )


def add_filter(program_fd: int, name: str, ifindex: int, direction: str, netns: str, handle: int) -> None:
    """A filter of our priority under a handle that is free."""
    with entered(netns):
        try:
            filters.add_bpf_filter(ifindex, direction, program_fd, name, FILTER_PRIORITY, handle)
        except KernelRefused as error:
            other = next(
                (f for f in filters.filters(ifindex, direction) if f.priority == FILTER_PRIORITY), None
            )
            if error.errno == errno.EINVAL and other is not None:
                raise ForeignProgram(
                    f"interface {_name(ifindex)} has a {other.kind} filter of somebody else at priority "
                    f"{FILTER_PRIORITY} of {direction}, where bpfman puts its own",
                    f"move it: `tc filter show dev {_name(ifindex)} {direction}` shows it",
                ) from error
            raise


def replace_filter(program_fd: int, name: str, ifindex: int, direction: str, netns: str, handle: int) -> None:
    """Have our filter run another program, in one atomic step."""
    with entered(netns):
        filters.replace_bpf_filter(ifindex, direction, program_fd, name, FILTER_PRIORITY, handle)


def filter_program(name: str, ifindex: int, direction: str, netns: str, handle: int) -> int | None:
    """The id of the program that our filter runs; None when the filter is gone.  One of the same handle by another
    name is somebody else's."""
    with entered(netns):
        for each in filters.filters(ifindex, direction):
            if (each.kind, each.priority, each.handle, each.name) == ("bpf", FILTER_PRIORITY, handle, name):
                return each.program_id
    return None


def remove_filter(ifindex: int, direction: str, netns: str, handle: int) -> None:
    """Remove our filter, by its exact handle; fine when it is gone."""
    with entered(netns):
        filters.delete_bpf_filter(ifindex, direction, FILTER_PRIORITY, handle)


def remove_filters_of(program_id: int, ifindex: int, direction: str, netns: str) -> None:
    """Remove the filters of our priority that run a program."""
    with entered(netns):
        for each in filters.filters(ifindex, direction):
            if each.kind == "bpf" and each.priority == FILTER_PRIORITY and each.program_id == program_id:
                filters.delete_bpf_filter(ifindex, direction, FILTER_PRIORITY, each.handle)


def remove_clsact(ifindex: int, netns: str) -> bool:
    """Remove `clsact` if no filter is left on it in either direction; whether it was."""
    with entered(netns):
        if any(filters.filters(ifindex, direction) for direction in ("ingress", "egress")):
            return False
        return qdiscs.delete_clsact(ifindex)


def _name(ifindex: int) -> str:
    found = interface(ifindex)
    return found.name if found else str(ifindex)
