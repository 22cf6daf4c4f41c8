# SPDX-License-Identifier: Apache-2.0
"""Iterators (5.8): the program runs over all tasks, files, maps and so on when somebody reads the link's pin.

Some go through the elements of one map, which is said when they are attached.
"""

from __future__ import annotations

import errno

from bpfman.bpf import refusals
from bpfman.bpf.link.link import Link
from bpfman.bpf.map import Map
from bpfman.errors import InvalidRequest, KernelRefused
from bpfman.syscalls import bpf_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import IterAttach


def check(kind: Kind, target: IterAttach) -> None:
    if target.map_id:
        Map.by_id(target.map_id).close()


def create(kind: Kind, program_fd: int, target: IterAttach) -> Link:
    try:
        if not target.map_id:
            return Link(bpf_links.plain(program_fd, 0, kind.expected_attach))
        with Map.by_id(target.map_id) as elements:
            return Link(bpf_links.iterator(program_fd, kind.expected_attach, elements.fd))
    except OSError as error:
        raise _explained(kind, target, error) from error


def _explained(kind: Kind, target: IterAttach, error: OSError) -> Exception:
    if error.errno == errno.EBADF and not target.map_id:
        return InvalidRequest(
            f"{kind.name} {target.name} goes through the elements of a map: say of which",
            "--map-id ID; `bpfman map list` shows the maps there are",
        )
    hint = {
        errno.EINVAL: f"{target.name} takes no map, or none of that type",
        errno.EACCES: "the program reads more than the map's keys and values have",
    }.get(error.errno or 0) or refusals.hint(error.errno or 0)
    return KernelRefused(f"attach {kind.name} to {target}", error.errno or 0, hint)
