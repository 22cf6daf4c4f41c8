# SPDX-License-Identifier: Apache-2.0
"""Kprobes: a perf event at a function of the kernel or of a module, and a BPF link on it (5.15).

The kernel itself finds the function.  Offsets past its end some kernels take for a place in the next one, so they are
refused here.
"""

from __future__ import annotations

import errno

from bpfman.bpf import refusals
from bpfman.bpf.link import events
from bpfman.bpf.near import symbol_not_found
from bpfman.errors import Conflict, InvalidRequest, KernelRefused
from bpfman.syscalls import probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.link.link import Link
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import KprobeAttach


def check(kind: Kind, target: KprobeAttach) -> None:
    probes.require("kprobe")
    if not target.fn_name:
        raise InvalidRequest("kprobe attach requires a function name")
    if target.retprobe and target.offset:
        raise InvalidRequest(
            f"a {kind.name} program runs when a function returns, so it takes no offset",
            "leave --offset out, or load the program as kprobe",
        )
    if target.offset:
        _check_offset(target)


def _check_offset(target: KprobeAttach) -> None:
    from bpfman.bpf import kallsyms

    size = max(kallsyms.sizes(target.fn_name), default=0)
    if size and target.offset >= size:
        raise InvalidRequest(
            f"offset {target.offset} is past the end of {target.fn_name} ({size} bytes)",
            "offsets are where instructions begin: `objdump -d` of the kernel or module shows them",
        )


def create(kind: Kind, program_fd: int, target: KprobeAttach) -> Link:
    what = f"attach {kind.name} to {target}"
    try:
        event = probes.kprobe_event(target.fn_name, target.offset, target.retprobe)
    except OSError as error:
        raise _explained(what, error, target) from error
    return events.link(program_fd, event, what)


def _explained(what: str, error: OSError, target: KprobeAttach) -> Exception:
    from bpfman.bpf import kallsyms

    function = target.fn_name.rpartition(":")[2]  # MODULE:FUNCTION
    if error.errno in (errno.ENOENT, errno.EINVAL, errno.EADDRNOTAVAIL, errno.EILSEQ):
        names = kallsyms.functions()
        if function not in names:
            return symbol_not_found("kernel function", function, names, kallsyms.hint(function))
    if error.errno == errno.EADDRNOTAVAIL:
        return Conflict(
            f"{what}: several functions have that name, in {', '.join(kallsyms.modules_with(function))}",
            "give MODULE:FUNCTION where one of them is in a module; else probe a function that calls the one you mean",
        )
    hints = {
        errno.EINVAL: "the kernel does not allow probes there (/sys/kernel/debug/kprobes/blacklist)",
        errno.EILSEQ: "the offset is inside of an instruction",
    }
    hint = hints.get(error.errno or 0) or refusals.hint(error.errno or 0)
    return KernelRefused(what, error.errno or 0, hint)
