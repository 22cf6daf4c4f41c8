# SPDX-License-Identifier: Apache-2.0
"""Tracepoints: a perf event of the tracepoint, and a BPF link on it (5.15)."""

from __future__ import annotations

import os

from bpfman.bpf.link.link import Link
from bpfman.errors import KernelRefused, TracepointNotFound
from bpfman.model.kinds import ATTACH_PERF_EVENT
from bpfman.syscalls import bpf, perf


def create(program_fd: int, group: str, name: str) -> Link:
    """Attach to `group/name`.  Raises TracepointNotFound, with near names, or KernelRefused."""
    event = perf.tracepoint_event(check(group, name))
    try:
        return Link(bpf.link_create(program_fd, event, ATTACH_PERF_EVENT))
    except OSError as error:
        raise KernelRefused(f"attach to tracepoint {group}/{name}", error.errno or 0) from error
    finally:
        os.close(event)  # the link holds it


def check(group: str, name: str) -> int:
    found = perf.tracepoint_id(group, name)
    if found is None:
        near = ", ".join(_near(group, name))
        raise TracepointNotFound(
            f'tracepoint "{group}/{name}" not found' + (f"; did you mean: {near}?" if near else ""),
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
    ranked = sorted(((closeness(each), each) for each in perf.tracepoints()), key=lambda pair: (-pair[0], pair[1]))
    return [candidate for ratio, candidate in ranked[:3] if ratio > 0.5]
