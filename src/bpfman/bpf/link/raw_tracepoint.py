# SPDX-License-Identifier: Apache-2.0
"""Raw tracepoints: the kernel's own, by their bare names."""

from __future__ import annotations

import errno

from bpfman.bpf import refusals
from bpfman.bpf.link.link import Link
from bpfman.errors import InvalidRequest, KernelRefused
from bpfman.syscalls import bpf_links, perf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import RawTracepointAttach


def check(kind: Kind, target: RawTracepointAttach) -> None:
    if not target.name or "/" in target.name:
        raise InvalidRequest(
            f'"{target.name}" is no raw tracepoint', "give the bare name, such as sched_switch"
        )


def create(kind: Kind, program_fd: int, target: RawTracepointAttach) -> Link:
    """Raises SymbolNotFound, with near names, or KernelRefused."""
    try:
        return Link(bpf_links.raw_tracepoint(program_fd, target.name))
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise _unknown(target.name) from error
        what = f"attach to raw tracepoint {target}"
        raise KernelRefused(what, error.errno or 0, refusals.hint(error.errno or 0)) from error


def _unknown(name: str) -> Exception:
    from bpfman.bpf.near import symbol_not_found

    names = {each.partition("/")[2] for each in perf.tracepoints()} | {"sys_enter", "sys_exit"}
    return symbol_not_found("raw tracepoint", name, names, "raw tracepoints have no group: sched_switch")
