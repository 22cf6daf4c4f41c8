# SPDX-License-Identifier: Apache-2.0
"""Kprobes on many functions of the kernel with one link (5.18), which attaches them at once."""

from __future__ import annotations

import errno

from bpfman.bpf import refusals
from bpfman.bpf.link.link import Link
from bpfman.bpf.near import matching
from bpfman.errors import KernelRefused, Unsupported
from bpfman.model.kinds import ATTACH_TRACE_KPROBE_MULTI
from bpfman.syscalls import bpf_links, perf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import KprobeMultiAttach


def check(kind: Kind, target: KprobeMultiAttach) -> None:
    if refusals.built_with("CONFIG_FPROBE") is False:
        raise _not_built(kind)
    _functions(target)


def create(kind: Kind, program_fd: int, target: KprobeMultiAttach) -> Link:
    try:
        functions = _functions(target)
        return Link(bpf_links.kprobe_multi(program_fd, ATTACH_TRACE_KPROBE_MULTI, functions, target.retprobe))
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise _not_built(kind) from error
        hint = {
            errno.EINVAL: f"{kind.name} came with Linux {kind.attach_since}",
            errno.ESRCH: "one of the functions cannot be probed: /sys/kernel/tracing/available_filter_functions "
            "lists those that can",
        }.get(error.errno or 0)
        what = f"attach {kind.name} to {target}"
        raise KernelRefused(what, error.errno or 0, hint or refusals.hint(error.errno or 0)) from error


def _not_built(kind: Kind) -> Unsupported:
    return Unsupported(
        f"this kernel has no {kind.name}: it was built without CONFIG_FPROBE",
        "attach to the functions one by one, with kprobe",
    )


def _functions(target: KprobeMultiAttach) -> list[str]:
    """In the order of their names: what is meant, without doubles."""
    return matching("kernel function", target.functions, perf.traceable_functions())
