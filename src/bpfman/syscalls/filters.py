# SPDX-License-Identifier: Apache-2.0
"""TC filters on `clsact`: all of them to look at, those of BPF programs to add, replace and delete.

Called by `bpf` for the TC hook, in the network namespace that the calling thread is in.  A filter is its interface,
direction, priority and handle; several of one priority are told apart by their handles alone, and others' are never
touched: what changes or deletes asks for all four.
"""

from __future__ import annotations

import struct
import sys

from bpfman.errors import InvalidRequest, KernelRefused
from bpfman.model.value import NamedTuple
from bpfman.syscalls.attributes import Message, attribute, malformed, number_attribute, parse, text_attribute
from bpfman.syscalls.netlink import NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, NLM_F_REPLACE, RouteSocket
from bpfman.syscalls.qdiscs import TCA_KIND, TCMSG_SIZE, TrafficControl

# include/uapi/linux/rtnetlink.h, pkt_cls.h, pkt_sched.h, if_ether.h
RTM_NEWTFILTER, RTM_DELTFILTER, RTM_GETTFILTER = 44, 45, 46
TCA_OPTIONS, TCA_CHAIN = 2, 11
TCA_BPF_FD, TCA_BPF_NAME, TCA_BPF_FLAGS, TCA_BPF_TAG, TCA_BPF_ID = 6, 7, 8, 10, 11
TCA_BPF_FLAG_ACT_DIRECT = 1
PARENTS = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}  # TC_H_CLSACT's major, TC_H_MIN_{INGRESS,EGRESS}
ETH_P_ALL = 3


class Filter(NamedTuple):
    """A filter of any kind; from `program_id` on, what only those of kind "bpf" have.  `protocol` is an ETH_P_*
    number, `tag` hexadecimal."""

    priority: int
    protocol: int
    handle: int
    kind: str
    chain: int
    program_id: int = 0
    name: str = ""
    tag: str = ""
    direct_action: bool = False


def filters(ifindex: int, direction: str) -> list[Filter]:
    """The filters of an interface's `clsact` ("ingress" or "egress"), whoever made them, those of one chain in the
    order they run; none without interface or `clsact`.  Raises KernelRefused."""
    request = TrafficControl(ifindex, parent=PARENTS[direction]).encoded()
    with RouteSocket() as route:
        answer = route.dump(RTM_GETTFILTER, request, f"list the {direction} filters of interface {ifindex}")
    found = (_filter(message) for message in answer if message.type == RTM_NEWTFILTER)
    return [entry for entry in found if entry is not None]


def add_bpf_filter(
    ifindex: int, direction: str, prog_fd: int, name: str, priority: int, handle: int = 0
) -> int:
    """A new direct-action filter for all protocols; its handle, which the kernel chooses unless one is given.

    Runs before older filters of the same priority.  Raises KernelRefused: EEXIST when the handle is taken, EINVAL
    when the priority is taken by a filter of another kind or protocol, or there is no `clsact`.
    """
    what = f"add {direction} filter {name} to interface {ifindex} at priority {priority}"
    request = _bpf_filter(ifindex, direction, prog_fd, name, priority, handle)
    return _make(request, NLM_F_CREATE | NLM_F_EXCL, what)


def replace_bpf_filter(
    ifindex: int, direction: str, prog_fd: int, name: str, priority: int, handle: int
) -> None:
    """Puts another program into the filter, in one step: each packet meets the old one or the new one, and no
    second filter ever exists.  Makes the filter when it is missing, under the same handle.  Raises KernelRefused,
    and the filter is as it was."""
    _require_exact(priority, handle)
    what = f"replace {direction} filter {priority}/{handle:#x} of interface {ifindex}"
    request = _bpf_filter(ifindex, direction, prog_fd, name, priority, handle)
    _make(request, NLM_F_CREATE | NLM_F_REPLACE, what)


def delete_bpf_filter(ifindex: int, direction: str, priority: int, handle: int) -> bool:
    """Deletes that one filter; False when it was gone already, alone or with its interface or `clsact`.  Raises
    KernelRefused."""
    _require_exact(priority, handle)
    request = _head(ifindex, direction, priority, handle) + text_attribute(TCA_KIND, "bpf")
    try:
        with RouteSocket() as route:
            what = f"delete {direction} filter {priority}/{handle:#x} of interface {ifindex}"
            route.request(RTM_DELTFILTER, request, what)
    except KernelRefused:
        # Kernels differ in how they say that there is none.
        if any(_is(entry, priority, handle) for entry in filters(ifindex, direction)):
            raise
        return False
    return True


def _make(request: bytes, flags: int, what: str) -> int:
    """The handle that the kernel's echo tells."""
    with RouteSocket() as route:
        answer = route.request(RTM_NEWTFILTER, request, what, flags | NLM_F_ECHO)
    made = [TrafficControl.of(message).handle for message in answer if message.type == RTM_NEWTFILTER]
    if not made:
        raise malformed("the filter that was made is not echoed")
    return made[0]


def _head(ifindex: int, direction: str, priority: int, handle: int) -> bytes:
    info = priority << 16 | _network_order(ETH_P_ALL)
    return TrafficControl(ifindex, handle, PARENTS[direction], info).encoded()


def _bpf_filter(ifindex: int, direction: str, prog_fd: int, name: str, priority: int, handle: int) -> bytes:
    options = (
        number_attribute(TCA_BPF_FD, prog_fd)
        + text_attribute(TCA_BPF_NAME, name)
        + number_attribute(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT)
    )
    head = _head(ifindex, direction, priority, handle)
    return head + text_attribute(TCA_KIND, "bpf") + attribute(TCA_OPTIONS, options)


def _require_exact(priority: int, handle: int) -> None:
    """To the kernel, 0 means any: a deletion would take others' filters with it."""
    if not priority or not handle:
        raise InvalidRequest(f"filter {priority}/{handle:#x} is not one filter: neither may be 0")


def _is(entry: Filter, priority: int, handle: int) -> bool:
    return entry[:5] == (priority, ETH_P_ALL, handle, "bpf", 0)


def _filter(message: Message) -> Filter | None:
    """None for the line that precedes the filters of each priority and stands for none of them."""
    head = TrafficControl.of(message)
    found = parse(message.payload, TCMSG_SIZE)
    if TCA_OPTIONS not in found:
        return None
    kind = found.text(TCA_KIND)
    base = (head.info >> 16, _network_order(head.info & 0xFFFF), head.handle, kind, found.number(TCA_CHAIN))
    if kind != "bpf":
        return Filter(*base)
    bpf = found.nested(TCA_OPTIONS)
    direct = bool(bpf.number(TCA_BPF_FLAGS) & TCA_BPF_FLAG_ACT_DIRECT)
    tag = bpf.get(TCA_BPF_TAG, b"").hex()
    return Filter(*base, bpf.number(TCA_BPF_ID), bpf.text(TCA_BPF_NAME), tag, direct)


def _network_order(number: int) -> int:
    """16 bits with their bytes in the other order, if this machine's is not the network's."""
    return int.from_bytes(struct.pack(">H", number), sys.byteorder)
