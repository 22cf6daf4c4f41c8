# SPDX-License-Identifier: Apache-2.0
"""A link in the kernel: what all types of links have in common.

Each type's own file beside this one knows how such a link is made.
"""

from __future__ import annotations

import errno
import os
import time

from bpfman.bpf import info, pin
from bpfman.bpf.descriptor import Descriptor
from bpfman.errors import KernelRefused, LinkNotFound
from bpfman.syscalls import bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from bpfman.model.kernel import KernelLink

GONE_WITHIN = 3.0  # seconds: what the contract allows; the kernel takes about a millisecond


class Link(Descriptor):
    """A descriptor of a link."""

    @classmethod
    def by_id(cls, link_id: int) -> Self:
        try:
            return cls(bpf.fd_by_id(bpf.LINK_BY_ID, link_id))
        except FileNotFoundError:
            raise LinkNotFound(link_id) from None
        except OSError as error:
            raise KernelRefused(f"open link {link_id} of the kernel", error.errno or 0) from error

    @classmethod
    def pinned(cls, path: str) -> Self | None:
        """The link pinned at `path`, of several side by side the first; None when nothing is."""
        fd = pin.open_pin(f"{path}/0" if os.path.isdir(path) else path)
        return None if fd is None else cls(fd)

    @property
    def info(self) -> KernelLink:
        return info.link(self.fd)

    def pin(self, path: str) -> None:
        """Pin it, in place of what an earlier try may have left there."""
        remove(path)
        pin.pin(self.fd, path)

    def update(self, new_fd: int, old_fd: int) -> None:
        """Run another program, in one atomic switch.  KernelRefused, with EPERM when the link does not run the
        program behind `old_fd` any more, with ENOLINK when its interface is gone."""
        try:
            bpf.link_update(self.fd, new_fd, old_fd)
        except OSError as error:
            raise KernelRefused("switch the link to its new program", error.errno or 0) from error

    def detach(self) -> None:
        """Detach by force, so that the program stops although others may hold the link.  Links of perf events know
        no such thing (EOPNOTSUPP): they end with their last descriptor."""
        try:
            bpf.link_detach(self.fd)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOLINK):
                raise KernelRefused("detach the link", error.errno or 0) from error


def remove(path: str) -> None:
    """Detach and unpin the link at `path`, and wait until the kernel has let go of it.

    A link that is gone already is fine; so is one whose pin somebody removed.  A directory holds several."""
    if os.path.isdir(path):
        for name in pin.names_in(path):
            remove(f"{path}/{name}")
        pin.remove_directory(path)
        return
    link = Link.pinned(path)
    if link is None:
        return
    with link:
        link_id = link.info.id
        link.detach()
        pin.remove(path)
    wait_until_gone(link_id)


def wait_until_gone(link_id: int) -> None:
    """Return when the id no longer opens.  The kernel frees a link behind an RCU grace period and tells nobody, so
    this asks, more and more rarely, and gives up on a link that somebody else holds: that stays, detached."""
    pause, deadline = 0.0001, time.monotonic() + GONE_WITHIN
    while info.link_by_id(link_id) is not None and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 2, 0.02)
