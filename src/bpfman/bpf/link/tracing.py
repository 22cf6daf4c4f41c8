# SPDX-License-Identifier: Apache-2.0
"""Links to what a program was loaded for: entries and returns of kernel functions, BTF tracepoints."""

from __future__ import annotations

from bpfman.bpf import refusals
from bpfman.bpf.link.link import Link
from bpfman.errors import KernelRefused
from bpfman.syscalls import bpf_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import Target


def check(kind: Kind, target: Target) -> None:
    """Loading did: the kernel knows the function, and took the program for it."""


def create(kind: Kind, program_fd: int, target: Target) -> Link:
    """Attach where the program was loaded for.  Raises KernelRefused."""
    try:
        return Link(bpf_links.raw_tracepoint(program_fd))
    except OSError as error:
        raise KernelRefused(
            f"attach {kind.name} to {target}", error.errno or 0, _hint(error.errno or 0)
        ) from error


def _hint(error: int) -> str:
    import errno

    return {
        errno.EBUSY: "the program is attached there already, or the function's entry is patched by something else",
        errno.E2BIG: "one kernel function takes 38 fentry, fexit and fmod_ret programs at most",
        errno.ENOTSUP: "this kernel or its JIT has no BPF trampolines (arm64: Linux 6.0)",
    }.get(error) or refusals.hint(error)
