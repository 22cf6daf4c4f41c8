# SPDX-License-Identifier: Apache-2.0
"""Links on perf events (5.15), which is how tracepoints, kprobes, uprobes and samplers are attached."""

from __future__ import annotations

import errno
import os

from bpfman.bpf import pin
from bpfman.bpf.link.link import Link, remove
from bpfman.errors import KernelRefused, Unsupported
from bpfman.model.kinds import ATTACH_PERF_EVENT
from bpfman.syscalls import bpf_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class LinkSet(Link):
    """Several links that are one to the user: pinned side by side in a directory, the first stands for all."""

    def __init__(self, links: Sequence[Link]) -> None:
        super().__init__(links[0].fd)
        self._links = links

    def close(self) -> None:
        for each in self._links:
            each.close()
        self.fd = -1

    def pin(self, path: str) -> None:
        remove(path)
        for number, each in enumerate(self._links):
            pin.pin(each.fd, f"{path}/{number}")


def link(program_fd: int, event: int, what: str, cookie: int = 0) -> Link:
    """A link of the program on a perf event, whose descriptor is closed: the link holds the event.

    `cookie` is what bpf_get_attach_cookie() gives in the program.  Raises KernelRefused, about `what`."""
    try:
        return Link(bpf_links.perf_event(program_fd, event, ATTACH_PERF_EVENT, cookie))
    except OSError as error:
        if error.errno == errno.EINVAL:
            require(program_fd)
        raise KernelRefused(what, error.errno or 0, _hint(error.errno or 0)) from error
    finally:
        os.close(event)


def require(program_fd: int) -> None:
    """Raises Unsupported where the kernel has no such links."""
    if not _supported(program_fd):
        raise Unsupported(
            "this kernel has no links on perf events, which came with Linux 5.15", "use a newer kernel"
        )


def _supported(program_fd: int) -> bool:
    """Whether the kernel gets as far as looking at the event, which is none."""
    try:
        bpf_links.perf_event(program_fd, 0xFFFFFFFF, ATTACH_PERF_EVENT)
    except OSError as error:
        return error.errno == errno.EBADF
    return True


def _hint(error: int) -> str:
    return {
        errno.EEXIST: "the same program is attached there already; load it once more to have it run twice",
        errno.EACCES: "the program reads more of its context than there is at this tracepoint",
        errno.E2BIG: "one tracepoint, kprobe or uprobe takes 64 programs at most",
    }.get(error, "")
