# SPDX-License-Identifier: Apache-2.0
"""Struct_ops (6.4): functions of the object take the place of operations of the kernel's own, such as those of a TCP
congestion control, as long as the link is there.

The functions are held together by a map, which was filled when they were loaded; the link is one of the map, not of a
program.
"""

from __future__ import annotations

import errno

from bpfman.bpf import refusals
from bpfman.bpf.link.link import Link
from bpfman.bpf.map import Map
from bpfman.errors import Conflict, KernelRefused
from bpfman.syscalls import bpf_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import StructOpsAttach


def check(kind: Kind, target: StructOpsAttach) -> None:
    """Loading did: the kernel knows the operations, and took the map."""


def create(kind: Kind, program_fd: int, target: StructOpsAttach) -> Link:
    """Register the operations.  Raises Conflict where others of their name are there, MapNotFound, KernelRefused."""
    with Map.by_id(target.map_id) as operations:
        name = operations.info.name
        try:
            return Link(bpf_links.plain(operations.fd, 0, kind.expected_attach))
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.EBUSY):
                raise Conflict(
                    f"other {target.operations} of that name are registered, or {name} is attached already",
                    "detach those first, or load the object once more with another name in it",
                ) from error
            hint = {
                errno.EINVAL: f"the kernel finds {name} incomplete: {target.operations} needs more functions or a name",
                errno.EOPNOTSUPP: f"this kernel does not let {target.operations} be attached by a link",
            }.get(error.errno or 0) or refusals.hint(error.errno or 0, "CAP_NET_ADMIN", "CAP_BPF")
            raise KernelRefused(f"attach {kind.name} {name} to {target}", error.errno or 0, hint) from error
