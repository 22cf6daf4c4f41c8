# SPDX-License-Identifier: Apache-2.0
"""Socket lookup of a network namespace (5.9): which socket gets an incoming connection or packet."""

from __future__ import annotations

import errno
import os

from bpfman.bpf import refusals
from bpfman.bpf.link.link import Link
from bpfman.errors import KernelRefused
from bpfman.syscalls import bpf_links
from bpfman.syscalls.namespaces import HERE, namespace_inode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import SkLookupAttach


def check(kind: Kind, target: SkLookupAttach) -> None:
    namespace_inode(target.netns or HERE)


def create(kind: Kind, program_fd: int, target: SkLookupAttach) -> Link:
    namespace = os.open(target.netns or HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return Link(bpf_links.plain(program_fd, namespace, kind.expected_attach))
    except OSError as error:
        hint = "a network namespace takes 64 such programs at most" if error.errno == errno.E2BIG else ""
        raise KernelRefused(
            f"attach {kind.name} to {target}",
            error.errno or 0,
            hint or refusals.hint(error.errno or 0, "CAP_NET_ADMIN", "CAP_BPF"),
        ) from error
    finally:
        os.close(namespace)
