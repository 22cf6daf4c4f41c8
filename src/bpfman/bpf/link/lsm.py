# SPDX-License-Identifier: Apache-2.0
"""LSM hooks: links to the hook that a program was loaded for, which run only where BPF is an active security module."""

from __future__ import annotations

from bpfman.bpf import refusals
from bpfman.bpf.link import tracing
from bpfman.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.link.link import Link
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import LsmAttach


def check(kind: Kind, target: LsmAttach) -> None:
    """The kernel attaches the program whether or not it will ever run."""
    active = refusals.security_modules()
    if active and "bpf" not in active:
        raise Unsupported(
            "BPF is not among the active security modules, so the program would never run: "
            + ", ".join(active),
            f"add it on the kernel command line, lsm={','.join([*active, 'bpf'])}, and boot again",
        )


def create(kind: Kind, program_fd: int, target: LsmAttach) -> Link:
    return tracing.create(kind, program_fd, target)
