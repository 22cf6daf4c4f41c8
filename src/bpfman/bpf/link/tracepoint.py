# SPDX-License-Identifier: Apache-2.0
"""Tracepoints: a perf event of the tracepoint, and a BPF link on it (5.15)."""

from __future__ import annotations

from bpfman.bpf.link import events
from bpfman.errors import TracepointNotFound
from bpfman.syscalls import perf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.link.link import Link
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import TracepointAttach


def create(kind: Kind, program_fd: int, target: TracepointAttach) -> Link:
    """Attach to `group/name`.  Raises TracepointNotFound, with near names, or KernelRefused."""
    event = perf.tracepoint_event(_number(target))
    return events.link(program_fd, event, f"attach to tracepoint {target}")


def check(kind: Kind, target: TracepointAttach) -> None:
    _number(target)


def _number(target: TracepointAttach) -> int:
    found = perf.tracepoint_id(target.group, target.name)
    if found is None:
        near = ", ".join(_near(target.group, target.name))
        raise TracepointNotFound(
            f'tracepoint "{target}" not found' + (f"; did you mean: {near}?" if near else ""),
            "`ls /sys/kernel/tracing/events` lists the tracepoints of this kernel",
        )
    return found


def _near(group: str, name: str) -> list[str]:
    """Up to three tracepoints spelled alike; those of the same group first."""
    import difflib

    def closeness(candidate: str) -> float:
        its_group, _, its_name = candidate.partition("/")
        matcher.set_seq1(its_name)
        return matcher.ratio() + (0.3 if its_group == group else 0.0)

    matcher = difflib.SequenceMatcher(b=name)
    ranked = sorted(
        ((closeness(each), each) for each in perf.tracepoints()), key=lambda pair: (-pair[0], pair[1])
    )
    return [candidate for ratio, candidate in ranked[:3] if ratio > 0.5]
