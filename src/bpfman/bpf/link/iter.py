# SPDX-License-Identifier: Apache-2.0
"""Iterators (5.8): the program runs over all tasks, files, maps and so on when somebody reads the link's pin."""

from __future__ import annotations

from bpfman.bpf import refusals
from bpfman.bpf.link.link import Link
from bpfman.errors import KernelRefused
from bpfman.syscalls import bpf_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import IterAttach


def check(kind: Kind, target: IterAttach) -> None:
    """Loading did: the kernel knows what to go through."""


def create(kind: Kind, program_fd: int, target: IterAttach) -> Link:
    try:
        return Link(bpf_links.plain(program_fd, 0, kind.expected_attach))
    except OSError as error:
        raise KernelRefused(
            f"attach {kind.name} to {target}", error.errno or 0, refusals.hint(error.errno or 0)
        ) from error
