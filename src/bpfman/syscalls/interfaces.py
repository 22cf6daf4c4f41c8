# SPDX-License-Identifier: Apache-2.0
"""Network interfaces of the calling thread's namespace, as the kernel describes them.

Called by `bpf` and `manager` to resolve a name and to see what XDP program runs.  Reads only.
"""

from __future__ import annotations

import errno
import struct

from bpfman.errors import KernelRefused
from bpfman.model.value import NamedTuple
from bpfman.syscalls.attributes import Attributes, Message, malformed, number_attribute, parse, text_attribute
from bpfman.syscalls.netlink import RouteSocket

# include/uapi/linux/rtnetlink.h, if_link.h
RTM_NEWLINK, RTM_GETLINK = 16, 18
IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO, IFLA_EXT_MASK, IFLA_XDP, IFLA_ALT_IFNAME = 3, 4, 18, 29, 43, 53
IFLA_INFO_KIND = 1
IFLA_XDP_ATTACHED, IFLA_XDP_PROG_ID, IFLA_XDP_DRV_PROG_ID = 2, 4, 5
IFLA_XDP_SKB_PROG_ID, IFLA_XDP_HW_PROG_ID = 6, 7
RTEXT_FILTER_SKIP_STATS = 8
IFF_UP = 1
IFNAMSIZ, ALTIFNAMSIZ = 16, 128  # with the closing NUL

_IFINFOMSG = struct.Struct("=BxHiII")  # family, type, index, flags, change
_XDP_MODES = {1: "native", 2: "generic", 3: "offload"}  # XDP_ATTACHED_DRV, _SKB, _HW
_XDP_MULTI = 4  # native or generic beside offload: one id each


class Xdp(NamedTuple):
    """The XDP program an interface runs.  `mode` is "native", "generic" or "offload"; with one in the network card
    as well, the one in the kernel is meant."""

    program_id: int
    mode: str


class KernelInterface(NamedTuple):
    """A network interface.  `kind` is "veth", "bridge" and so on, "" for hardware and `lo`; `mtu` is in bytes."""

    ifindex: int
    name: str
    mtu: int
    kind: str
    up: bool
    xdp: Xdp | None


def interface(name_or_index: str | int) -> KernelInterface | None:
    """The interface of that name, alternative name or index; None when there is none.  Raises KernelRefused."""
    selection = _selection(name_or_index)
    if selection is None:
        return None
    try:
        with RouteSocket() as route:
            answer = route.request(
                RTM_GETLINK, selection + _NO_STATISTICS, f"look up interface {name_or_index}"
            )
    except KernelRefused as refused:
        if refused.errno == errno.ENODEV:
            return None
        raise
    if not answer:
        raise malformed("it has no interface")
    return _interface(answer[0])


def interfaces() -> list[KernelInterface]:
    """All interfaces of the namespace, by index.  Raises KernelRefused."""
    with RouteSocket() as route:
        answer = route.dump(RTM_GETLINK, _IFINFOMSG.pack(0, 0, 0, 0, 0) + _NO_STATISTICS, "list interfaces")
    return sorted(_interface(message) for message in answer if message.type == RTM_NEWLINK)


_NO_STATISTICS = number_attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)


def _selection(wanted: str | int) -> bytes | None:
    """The start of a request for one interface; None for what no interface can be called."""
    if isinstance(wanted, int):
        return _IFINFOMSG.pack(0, 0, wanted, 0, 0) if 0 < wanted < 1 << 31 else None
    if not wanted or "\0" in wanted:
        return None
    try:
        size = len(wanted.encode("utf-8", "surrogateescape")) + 1
    except UnicodeEncodeError:
        return None
    if size > ALTIFNAMSIZ:
        return None
    # The first finds short alternative names too; long ones need the second (Linux 5.5).
    kind = IFLA_IFNAME if size <= IFNAMSIZ else IFLA_ALT_IFNAME
    return _IFINFOMSG.pack(0, 0, 0, 0, 0) + text_attribute(kind, wanted)


def _interface(message: Message) -> KernelInterface:
    if len(message.payload) < _IFINFOMSG.size:
        raise malformed("an interface ends within its header")
    _, _, index, flags, _ = _IFINFOMSG.unpack_from(message.payload)
    found = parse(message.payload, _IFINFOMSG.size)
    kind = found.nested(IFLA_LINKINFO).text(IFLA_INFO_KIND)
    xdp = _xdp(found.nested(IFLA_XDP))
    return KernelInterface(
        index, found.text(IFLA_IFNAME), found.number(IFLA_MTU), kind, bool(flags & IFF_UP), xdp
    )


def _xdp(found: Attributes) -> Xdp | None:
    attached = found.number(IFLA_XDP_ATTACHED)
    if attached == _XDP_MULTI:
        native = found.number(IFLA_XDP_DRV_PROG_ID)
        return Xdp(native, "native") if native else Xdp(found.number(IFLA_XDP_SKB_PROG_ID), "generic")
    mode = _XDP_MODES.get(attached)
    return Xdp(found.number(IFLA_XDP_PROG_ID), mode) if mode else None
