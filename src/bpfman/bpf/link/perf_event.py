# SPDX-License-Identifier: Apache-2.0
"""Perf events that sample: the program runs each time, on whatever was running (5.15).

An event belongs to one CPU or to one process, so sampling all processes takes a link for each CPU.
"""

from __future__ import annotations

import errno
import os

from bpfman.bpf import processes, refusals
from bpfman.bpf.link import events
from bpfman.errors import InvalidRequest, KernelRefused, ProcessNotFound
from bpfman.syscalls import perf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.link.link import Link
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import PerfEventAttach

# include/uapi/linux/perf_event.h: enum perf_type_id, perf_hw_id, perf_sw_ids; names are those of perf-list(1)
_HARDWARE, _SOFTWARE = 0, 1
EVENTS = {
    "cycles": (_HARDWARE, 0), "instructions": (_HARDWARE, 1), "cache-references": (_HARDWARE, 2),
    "cache-misses": (_HARDWARE, 3), "branches": (_HARDWARE, 4), "branch-misses": (_HARDWARE, 5),
    "bus-cycles": (_HARDWARE, 6), "ref-cycles": (_HARDWARE, 9),
    "cpu-clock": (_SOFTWARE, 0), "task-clock": (_SOFTWARE, 1), "page-faults": (_SOFTWARE, 2),
    "context-switches": (_SOFTWARE, 3), "cpu-migrations": (_SOFTWARE, 4), "minor-faults": (_SOFTWARE, 5),
    "major-faults": (_SOFTWARE, 6), "alignment-faults": (_SOFTWARE, 7), "emulation-faults": (_SOFTWARE, 8),
}  # fmt: skip


def check(kind: Kind, target: PerfEventAttach) -> None:
    if target.event not in EVENTS:
        raise InvalidRequest(f'unknown perf event "{target.event}"', "events: " + ", ".join(EVENTS))
    if bool(target.frequency) == bool(target.period):
        raise InvalidRequest(
            "give either a frequency or a period, above 0", "--frequency 99, or --period 100000"
        )
    if target.pid:
        processes.own_number(target.pid)


def create(kind: Kind, program_fd: int, target: PerfEventAttach) -> Link:
    what = f"attach {kind.name} to {target}"
    if target.pid:
        return _one(program_fd, target, what, -1)
    links: list[Link] = []
    try:
        for cpu in _online():
            links.append(_one(program_fd, target, what, cpu))
        return events.LinkSet(links)
    except BaseException:
        for link in links:
            link.close()
        raise


def _one(program_fd: int, target: PerfEventAttach, what: str, cpu: int) -> Link:
    number, config = EVENTS[target.event]
    pid = processes.own_number(target.pid) if target.pid else 0
    try:
        event = perf.sampling_event(number, config, target.frequency, target.period, pid, cpu)
    except OSError as error:
        raise _explained(what, target, error) from error
    return events.link(program_fd, event, what)


def _explained(what: str, target: PerfEventAttach, error: OSError) -> Exception:
    if error.errno == errno.ESRCH:
        return ProcessNotFound(f"{what}: process {target.pid} is gone")
    hint = {
        errno.ENOENT: f"this machine does not count {target.event}: virtual ones often have no hardware events; "
        "cpu-clock works everywhere",
        errno.EOPNOTSUPP: f"this machine does not count {target.event}; cpu-clock works everywhere",
        errno.EINVAL: "the frequency may be above kernel.perf_event_max_sample_rate",
    }.get(error.errno or 0) or refusals.hint(error.errno or 0, "CAP_PERFMON")
    return KernelRefused(what, error.errno or 0, hint)


def _online() -> list[int]:
    """The CPUs that are up: `0-3,8`."""
    try:
        with open("/sys/devices/system/cpu/online", encoding="ascii") as file:
            ranges = [each.partition("-") for each in file.read().strip().split(",")]
    except OSError:
        return sorted(os.sched_getaffinity(0))
    return [cpu for first, _, last in ranges for cpu in range(int(first), int(last or first) + 1)]
