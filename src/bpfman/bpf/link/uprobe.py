# SPDX-License-Identifier: Apache-2.0
"""Uprobes: a perf event at a place in a program or library, and a BPF link on it (5.15)."""

from __future__ import annotations

import errno

from bpfman.bpf import place, processes, refusals, sight
from bpfman.bpf.link import events
from bpfman.errors import InvalidRequest, KernelRefused, ProcessNotFound
from bpfman.syscalls import probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.link.link import Link
    from bpfman.bpf.sight import File
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import UprobeAttach, UsdtAttach


def check(kind: Kind, target: UprobeAttach) -> None:
    probes.require("uprobe")
    if not target.fn_name and not target.offset:
        raise InvalidRequest(
            "uprobe attach requires a function name or a non-zero offset", "--fn-name or --offset"
        )
    with find(target) as file:
        place.offset_in(file, target.target, target.fn_name, target.offset, target.container_pid)


def create(kind: Kind, program_fd: int, target: UprobeAttach) -> Link:
    what = f"attach {kind.name} to {target}"
    pid = processes.own_number(target.pid) if target.pid else 0
    with find(target) as file:
        offset = place.offset_in(file, target.target, target.fn_name, target.offset, target.container_pid)
        try:
            event = probes.uprobe_event(file.name, offset, target.retprobe, pid)
        except OSError as error:
            raise explained(what, error, target.pid) from error
    return events.link(program_fd, event, what)


def find(target: UprobeAttach | UsdtAttach) -> File:
    """The file; a process that is asked for must be there, and be one that the kernel can watch from here."""
    if target.pid:
        processes.own_number(target.pid)
    return sight.find(target.target, target.pid, target.container_pid)


def explained(what: str, error: OSError, pid: int = 0) -> Exception:
    """The error for a perf event that the kernel did not make."""
    if error.errno == errno.ESRCH:
        return ProcessNotFound(f"{what}: process {pid} is gone")
    hint = {
        errno.EINVAL: "the kernel does not put probes there: the place is outside of the file or of its code",
        errno.EOPNOTSUPP: "the instruction at that place cannot be probed: take the beginning of another one",
        errno.ENOTSUP: "the instruction at that place cannot be probed: take the beginning of another one",
        errno.EIO: "the file is on a file system that cannot be probed",
    }.get(error.errno or 0) or refusals.hint(error.errno or 0, "CAP_PERFMON")
    return KernelRefused(what, error.errno or 0, hint)
