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
    from collections.abc import Sequence
    from typing import Self

    from bpfman.model.kernel import KernelLink

GONE_WITHIN = 3.0  # seconds: what the contract allows; the kernel takes about a millisecond
# enum bpf_link_type: those that a program may have several of at one place.  RAW_TRACEPOINT, ITER, PERF_EVENT,
# KPROBE_MULTI, UPROBE_MULTI.
_SHARED = frozenset((1, 4, 7, 8, 12))


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


class Ending:
    """Links that nothing holds any more but their descriptors here: with these, or with our process, they end.

    To close the last descriptor of a perf event's link takes the kernel up to a tenth of a second, in which it waits
    for whoever may still run the program (perf_event_detach_bpf_prog, uprobe_unregister_sync).  The program runs for
    nobody new from the beginning."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links

    def wait(self) -> None:
        """Return when the kernel has let go of them."""
        ids = [link.info.id for link in self._links]
        for link in self._links:
            link.close()
        for link_id in ids:
            wait_until_gone(link_id)

    @property
    def exclusive(self) -> bool:
        """Whether, until they are gone, their programs cannot be attached to the same place again."""
        return any(link.info.type not in _SHARED for link in self._links)


def release(path: str) -> Ending:
    """Detach and unpin the link at `path`; who waits for the end holds up nobody but himself.

    A link that is gone already is fine; so is one whose pin somebody removed.  A directory holds several."""
    found: list[Link] = []
    try:
        for each in _pins_of(path):
            link = Link.pinned(each)
            if link is not None:
                found.append(link)
                link.detach()
                pin.remove(each)
        if os.path.isdir(path):
            pin.remove_directory(path)
    except BaseException:
        for link in found:
            link.close()
        raise
    return Ending(found)


def _pins_of(path: str) -> list[str]:
    return [f"{path}/{name}" for name in pin.names_in(path)] if os.path.isdir(path) else [path]


def remove(path: str) -> None:
    """Detach and unpin the link at `path`, and wait until the kernel has let go of it."""
    release(path).wait()


def wait_until_gone(link_id: int) -> None:
    """Return when the id no longer opens.  As a rule that is so at once.  Where somebody else has a descriptor, if only
    to look at it, the kernel tells nobody when that is closed: so this asks, a twentieth later each time than is
    needed, and gives up on a link that is held on to: that stays, detached."""
    began = time.monotonic()
    while info.link_by_id(link_id) is not None and (passed := time.monotonic() - began) < GONE_WITHIN:
        time.sleep(max(passed / 20, 0.0001))
