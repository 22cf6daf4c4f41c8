# SPDX-License-Identifier: Apache-2.0
"""Perf events on kprobes and uprobes, by the PMUs that kernels since 4.17 have for them (no tracefs is written to).

Called by `bpf/link/kprobe.py`, `uprobe.py` and `usdt.py`.  Raises OSError with the kernel's errno, Unsupported where
the kernel has no such probes.
"""

from __future__ import annotations

import ctypes as c

from bpfman.errors import Unsupported
from bpfman.syscalls.perf import PerfEventAttr, open_event

_DEVICES = "/sys/bus/event_source/devices"
_BUILT_WITH = {
    "kprobe": "CONFIG_KPROBES and CONFIG_KPROBE_EVENTS",
    "uprobe": "CONFIG_UPROBES and CONFIG_UPROBE_EVENTS",
}
_RETURN = 1  # format/retprobe: config:0
_REF_COUNTER_SHIFT = 32  # format/ref_ctr_offset: config:32-63


def require(pmu: str) -> int:
    """The number of the "kprobe" or "uprobe" PMU; Unsupported says what the kernel was built without."""
    try:
        with open(f"{_DEVICES}/{pmu}/type", encoding="ascii") as file:
            return int(file.read())
    except FileNotFoundError:
        raise Unsupported(
            f"this kernel has no {pmu}s: it was built without {_BUILT_WITH[pmu]}",
            "use a kernel that has them"
            + (
                ", or a tracepoint (`bpfman link attach tracepoint`) in their place"
                if pmu == "kprobe"
                else ""
            ),
        ) from None


def kprobe_event(function: str, offset: int, returns: bool) -> int:
    """A descriptor of a perf event on a function of the kernel or a module."""
    name = c.create_string_buffer(function.encode())
    attr = PerfEventAttr(
        type=require("kprobe"), config=_RETURN if returns else 0, config1=c.addressof(name), config2=offset
    )
    return open_event(attr)


def uprobe_event(path: str, offset: int, returns: bool, pid: int = 0, ref_counter: int = 0) -> int:
    """A descriptor of a perf event at a file offset of a program or library, in one process or (0) all.  `ref_counter`
    is the file offset of a counter of who watches, which USDT calls a semaphore."""
    import os

    name = c.create_string_buffer(os.fsencode(path))
    attr = PerfEventAttr(
        type=require("uprobe"),
        config=(_RETURN if returns else 0) | ref_counter << _REF_COUNTER_SHIFT,
        config1=c.addressof(name),
        config2=offset,
    )
    return open_event(attr, pid)
