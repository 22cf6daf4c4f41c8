# SPDX-License-Identifier: Apache-2.0
"""BPF_LINK_CREATE and BPF_RAW_TRACEPOINT_OPEN in the shapes that kinds of probes and hooks want them.

Called by `bpf/link/` only; network interfaces have theirs in `bpf`.  Each structure is one member of `union bpf_attr`,
as include/uapi/linux/bpf.h has it, cut off after the last field.  Raises OSError with the kernel's errno.
"""

from __future__ import annotations

import ctypes as c

from bpfman.syscalls.bpf import LINK_CREATE, call

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
