# SPDX-License-Identifier: Apache-2.0
"""Tracepoints: their ids and names in tracefs, and perf events that BPF programs are attached to.

Called by `bpf.link.tracepoint`.  tracefs is read where it is mounted; where nobody has mounted it, an instance
that is mounted nowhere is read, so that bpfman leaves no mount behind.
"""

from __future__ import annotations

import ctypes
import errno
import os

from bpfman.errors import KernelRefused
from bpfman.syscalls.libc import check, syscall, syscall_number
from bpfman.syscalls.mounts import TRACEFS_MAGIC, detached, filesystem_magic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PERF_TYPE_TRACEPOINT = 2  # include/uapi/linux/perf_event.h
PERF_FLAG_FD_CLOEXEC = 8
PERF_FLAG_FREQUENCY = 1 << 10  # perf_event_attr.freq
_NEEDS_ROOT = "tracefs is for root, unless it was mounted with another owner or mode"
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
TRACEFS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")


class PerfEventAttr(ctypes.Structure):
    """`struct perf_event_attr` as far as PERF_ATTR_SIZE_VER1; the kernel takes the rest as zeros.  A union has
    the name of its first member, and `flags` is the word of bit fields."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("config", ctypes.c_uint64),
        ("sample_period", ctypes.c_uint64),
        ("sample_type", ctypes.c_uint64),
        ("read_format", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
        ("wakeup_events", ctypes.c_uint32),
        ("bp_type", ctypes.c_uint32),
        ("config1", ctypes.c_uint64),
        ("config2", ctypes.c_uint64),
    )


def tracepoint_event(tracepoint: int) -> int:
    """A descriptor of a perf event on the tracepoint with that id, for a BPF link or PERF_EVENT_IOC_SET_BPF.

    Programs attached to it run for every process on every CPU: the kernel keeps them with the tracepoint and looks
    at the event's own CPU for counting alone.  The caller closes it.  Raises KernelRefused.
    """
    attr = PerfEventAttr(type=PERF_TYPE_TRACEPOINT, config=tracepoint)
    try:
        return open_event(attr)
    except OSError as error:
        hint = "tracepoints need CAP_PERFMON, or kernel.perf_event_paranoid at -1"
        raise KernelRefused(f"open a perf event on tracepoint {tracepoint}", error.errno or 0, hint) from None


def open_event(attr: PerfEventAttr, pid: int = 0, cpu: int = -1) -> int:
    """perf_event_open(2) of an event of one process on every CPU, or (0) of every process on one CPU: -1 is any that is
    online, which CPU 0 need not be.  Raises OSError."""
    attr.size = ctypes.sizeof(PerfEventAttr)
    if not pid and cpu < 0:
        cpu = min(os.sched_getaffinity(0))
    number, no_group = syscall_number(x86_64=298, aarch64=241), -1
    result = syscall(number, ctypes.byref(attr), pid or -1, cpu, no_group, PERF_FLAG_FD_CLOEXEC)
    return check(result, "perf_event_open")


def sampling_event(kind: int, config: int, frequency: int, period: int, pid: int, cpu: int) -> int:
    """A descriptor of a perf event that samples.  Raises OSError."""
    attr = PerfEventAttr(
        type=kind,
        config=config,
        sample_period=period or frequency,
        flags=0 if period else PERF_FLAG_FREQUENCY,
    )
    return open_event(attr, pid, cpu)


def tracepoint_id(group: str, name: str) -> int | None:
    """The kernel's number of the tracepoint group/name; None when there is none.  Raises KernelRefused when tracefs
    cannot be read."""
    if not _is_plain(group) or not _is_plain(name):
        return None
    text = _read(f"events/{group}/{name}/id")
    return None if text is None else int(text)


def tracepoints() -> Iterator[str]:
    """Every tracepoint as "group/name", in the kernel's order.  Raises KernelRefused when tracefs cannot be
    read."""
    for line in (_read("available_events") or "").splitlines():
        yield line.replace(":", "/", 1)


def traceable_functions() -> list[str]:
    """The functions of the kernel and its modules that can be probed together.  Raises KernelRefused."""
    text = _read("available_filter_functions") or ""
    return [line.split(" ", 1)[0] for line in text.splitlines()]


def _is_plain(name: str) -> bool:
    """Whether it names an entry of a directory, not a way out of it."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def _read(path: str) -> str | None:
    """The text of a file of tracefs; None when it does not have the file."""
    root = _open_tracefs()
    try:
        with open(
            path, encoding="utf-8", opener=lambda name, flags: os.open(name, flags, dir_fd=root)
        ) as file:
            return file.read()
    except OSError as error:
        if error.errno in _MISSING:
            return None
        raise KernelRefused(f"read {path} of tracefs", error.errno or 0, _NEEDS_ROOT) from None
    finally:
        os.close(root)


def _open_tracefs() -> int:
    for path in TRACEFS:
        try:
            if filesystem_magic(path) == TRACEFS_MAGIC:
                return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (KernelRefused, OSError):  # missing, or not for us: there may be another way
            continue
    return detached("tracefs")
