# SPDX-License-Identifier: Apache-2.0
"""BPF_LINK_CREATE and BPF_RAW_TRACEPOINT_OPEN in the shapes that kinds of probes and hooks want them.

Called by `bpf/link/` only; network interfaces have theirs in `bpf`.  Each structure is one member of `union bpf_attr`,
as include/uapi/linux/bpf.h has it, cut off after the last field.  Raises OSError with the kernel's errno.
"""

from __future__ import annotations

import ctypes as c
import os

from bpfman.syscalls.bpf import LINK_CREATE, call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

RAW_TRACEPOINT_OPEN = 17  # enum bpf_cmd

_HEAD = [
    ("prog_fd", c.c_uint32),
    ("target_fd", c.c_uint32),
    ("attach_type", c.c_uint32),
    ("flags", c.c_uint32),
]


class PerfEventAttr(c.Structure):
    """`link_create.perf_event` (5.15)."""

    _fields_ = [*_HEAD, ("bpf_cookie", c.c_uint64)]


class RawTracepointAttr(c.Structure):
    """`raw_tracepoint`; `cookie` came with 6.10."""

    _fields_ = [("name", c.c_uint64), ("prog_fd", c.c_uint32), ("cookie", c.c_uint64)]


class PlainAttr(c.Structure):
    """`link_create` for what needs no more than a target."""

    _fields_ = [*_HEAD]


class KprobeMultiAttr(c.Structure):
    """`link_create.kprobe_multi` (5.18)."""

    _fields_ = [
        *_HEAD,
        ("multi_flags", c.c_uint32),
        ("cnt", c.c_uint32),
        ("syms", c.c_uint64),
        ("addrs", c.c_uint64),
        ("cookies", c.c_uint64),
    ]


class UprobeMultiAttr(c.Structure):
    """`link_create.uprobe_multi` (6.6)."""

    _fields_ = [
        *_HEAD,
        ("path", c.c_uint64),
        ("offsets", c.c_uint64),
        ("ref_ctr_offsets", c.c_uint64),
        ("cookies", c.c_uint64),
        ("cnt", c.c_uint32),
        ("multi_flags", c.c_uint32),
        ("pid", c.c_uint32),
    ]


class NetfilterAttr(c.Structure):
    """`link_create.netfilter` (6.4)."""

    _fields_ = [
        *_HEAD,
        ("pf", c.c_uint32),
        ("hooknum", c.c_uint32),
        ("priority", c.c_int32),
        ("netfilter_flags", c.c_uint32),
    ]


class IterAttr(c.Structure):
    """`link_create` with `iter_info` (5.9)."""

    _fields_ = [*_HEAD, ("iter_info", c.c_uint64), ("iter_info_len", c.c_uint32)]


def iterator(program_fd: int, attach_type: int, map_fd: int) -> int:
    """A link of an iterator over the elements of a map: `union bpf_iter_link_info` holds its descriptor."""
    about = c.c_uint32(map_fd)
    attr = IterAttr(
        prog_fd=program_fd,
        attach_type=attach_type,
        iter_info=c.addressof(about),
        iter_info_len=c.sizeof(about),
    )
    return call(LINK_CREATE, attr)


def plain(program_fd: int, target_fd: int, attach_type: int) -> int:
    """A link to what a descriptor stands for: a cgroup, a network namespace."""
    return call(LINK_CREATE, PlainAttr(prog_fd=program_fd, target_fd=target_fd, attach_type=attach_type))


def kprobe_multi(program_fd: int, attach_type: int, functions: Sequence[str], returns: bool) -> int:
    """A link on functions of the kernel."""
    names = [c.create_string_buffer(name.encode()) for name in functions]
    addresses = (c.c_uint64 * len(names))(*(c.addressof(name) for name in names))
    attr = KprobeMultiAttr(
        prog_fd=program_fd,
        attach_type=attach_type,
        multi_flags=returns,
        cnt=len(names),
        syms=c.addressof(addresses),
    )
    return call(LINK_CREATE, attr)


def uprobe_multi(
    program_fd: int,
    attach_type: int,
    path: str,
    offsets: Sequence[int],
    returns: bool,
    pid: int,
    *,
    ref_counters: Sequence[int] = (),
    cookies: Sequence[int] = (),
) -> int:
    """A link on places of a file, in one process or (0) all.  `ref_counters` are file offsets of counters of who
    watches (0: none), `cookies` what bpf_get_attach_cookie() gives, both one a place."""
    name = c.create_string_buffer(os.fsencode(path))
    places, counters, values = (_words(each) for each in (offsets, ref_counters, cookies))
    attr = UprobeMultiAttr(
        prog_fd=program_fd,
        attach_type=attach_type,
        path=c.addressof(name),
        offsets=c.addressof(places),
        ref_ctr_offsets=c.addressof(counters) if ref_counters else 0,
        cookies=c.addressof(values) if cookies else 0,
        cnt=len(offsets),
        multi_flags=returns,
        pid=pid,
    )
    return call(LINK_CREATE, attr)


def _words(values: Sequence[int]) -> c.Array[c.c_uint64]:
    return (c.c_uint64 * len(values))(*values)


def netfilter(program_fd: int, attach_type: int, family: int, hook: int, priority: int, flags: int) -> int:
    """A link on a netfilter hook of the calling thread's network namespace."""
    attr = NetfilterAttr(
        prog_fd=program_fd,
        attach_type=attach_type,
        pf=family,
        hooknum=hook,
        priority=priority,
        netfilter_flags=flags,
    )
    return call(LINK_CREATE, attr)


def perf_event(program_fd: int, event_fd: int, attach_type: int, cookie: int = 0) -> int:
    """A link on a perf event."""
    return call(
        LINK_CREATE,
        PerfEventAttr(prog_fd=program_fd, target_fd=event_fd, attach_type=attach_type, bpf_cookie=cookie),
    )


def raw_tracepoint(program_fd: int, name: str = "") -> int:
    """A link on a raw tracepoint; without a name, to what the program was loaded for (fentry, LSM, BTF tracepoints),
    which every kernel since 5.5 takes, those before LINK_CREATE did too."""
    text = c.create_string_buffer(name.encode()) if name else None
    return call(
        RAW_TRACEPOINT_OPEN, RawTracepointAttr(name=c.addressof(text) if text else 0, prog_fd=program_fd)
    )
