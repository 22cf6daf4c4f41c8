# SPDX-License-Identifier: Apache-2.0
"""Queueing disciplines of an interface, and `clsact`, the one that TC filters hang on.

Called by `bpf` for the TC hook, in the network namespace that the calling thread is in.  It makes and removes
`clsact` and touches no other qdisc; whether one may go is the caller's business.
"""

from __future__ import annotations

import errno
import struct

from bpfman.errors import ForeignProgram, KernelRefused
from bpfman.model.value import NamedTuple
from bpfman.syscalls.attributes import Message, malformed, parse, text_attribute
from bpfman.syscalls.netlink import NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, RouteSocket

# include/uapi/linux/rtnetlink.h, pkt_sched.h
RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
TCA_KIND = 1
TC_H_CLSACT = 0xFFFFFFF1  # its parent; that of `ingress` too, so an interface has one or the other
CLSACT_HANDLE = 0xFFFF0000
# How tc_get_qdisc() says that there is none: never was one, one was removed, no such interface.
_NOTHING_THERE = (errno.ENOENT, errno.EINVAL, errno.ENODEV)

_TCMSG = struct.Struct("=BxxxiIII")  # struct tcmsg: family, ifindex, handle, parent, info
TCMSG_SIZE = _TCMSG.size


class TrafficControl(NamedTuple):
    """The fixed part of a message about a qdisc or a filter (struct tcmsg)."""

    ifindex: int
    handle: int = 0
    parent: int = 0
    info: int = 0

    def encoded(self) -> bytes:
        """The bytes to send."""
        return _TCMSG.pack(0, *self)

    @classmethod
    def of(cls, message: Message) -> TrafficControl:
        """That of a message from the kernel."""
        if len(message.payload) < _TCMSG.size:
            raise malformed("a message about traffic control ends within its header")
        return cls(*_TCMSG.unpack_from(message.payload)[1:])


def add_clsact(ifindex: int) -> bool:
    """Sees to it that the interface has `clsact`; whether it was made just now.

    Raises ForeignProgram when an `ingress` qdisc is in its place, KernelRefused (ENODEV: no such interface)."""
    what = f"add clsact to interface {ifindex}"
    try:
        with RouteSocket() as route:
            route.request(RTM_NEWQDISC, _clsact(ifindex), what, NLM_F_CREATE | NLM_F_EXCL)
    except KernelRefused as refused:
        if refused.errno != errno.EEXIST:
            raise
        _explain_existing(ifindex, refused)
        return False
    return True


def has_clsact(ifindex: int) -> bool:
    """Whether the interface has `clsact`.  Raises ForeignProgram when an `ingress` qdisc is in its place."""
    kind = _kind_at_clsact(ifindex)
    if kind not in ("", "clsact"):
        raise _in_the_way(ifindex, kind)
    return kind == "clsact"


def delete_clsact(ifindex: int) -> bool:
    """Removes `clsact` with every filter on it; False when the interface or its `clsact` was gone already.  Raises
    KernelRefused."""
    try:
        with RouteSocket() as route:
            route.request(RTM_DELQDISC, _clsact(ifindex), f"delete clsact of interface {ifindex}")
    except KernelRefused:
        # Kernels differ in how they say that there is none.
        if _kind_at_clsact(ifindex) == "clsact":
            raise
        return False
    return True


def _clsact(ifindex: int) -> bytes:
    head = TrafficControl(ifindex, CLSACT_HANDLE, TC_H_CLSACT)
    return head.encoded() + text_attribute(TCA_KIND, "clsact")


def _explain_existing(ifindex: int, refused: KernelRefused) -> None:
    """Returns when what is there is `clsact`."""
    kind = _kind_at_clsact(ifindex)
    if kind == "clsact":
        return
    if not kind:  # gone meanwhile
        raise refused
    raise _in_the_way(ifindex, kind)


def _in_the_way(ifindex: int, kind: str) -> ForeignProgram:
    return ForeignProgram(
        f"interface {ifindex} has a qdisc {kind} where TC programs require clsact",
        f"it belongs to somebody else and is left alone; `tc qdisc del dev NAME {kind}` removes it",
    )


def _kind_at_clsact(ifindex: int) -> str:
    """What is where `clsact` goes; empty where nothing is, or no interface.  Asks for the one qdisc: the kernel lists
    qdiscs of all interfaces together, which takes 10 ms where there are a thousand."""
    asked = TrafficControl(ifindex, parent=TC_H_CLSACT).encoded()
    what = f"look up the qdisc at clsact of interface {ifindex}"
    try:
        with RouteSocket() as route:
            answer = route.request(RTM_GETQDISC, asked, what, NLM_F_ECHO)
    except KernelRefused as refused:
        if refused.errno in _NOTHING_THERE:
            return ""
        raise
    return next((parse(m.payload, TCMSG_SIZE).text(TCA_KIND) for m in answer if m.type == RTM_NEWQDISC), "")
