# SPDX-License-Identifier: Apache-2.0
"""Links on perf events (5.15), which is how tracepoints, kprobes, uprobes and samplers are attached."""

from __future__ import annotations

import os

from bpfman.bpf.link.link import Link
from bpfman.errors import KernelRefused
from bpfman.model.kinds import ATTACH_PERF_EVENT
from bpfman.syscalls import bpf_links


def link(program_fd: int, event: int, what: str, cookie: int = 0) -> Link:
    """A link of the program on a perf event, whose descriptor is closed: the link holds the event.

    `cookie` is what bpf_get_attach_cookie() gives in the program.  Raises KernelRefused, about `what`."""
    try:
        return Link(bpf_links.perf_event(program_fd, event, ATTACH_PERF_EVENT, cookie))
    except OSError as error:
        raise KernelRefused(what, error.errno or 0, _hint(error.errno or 0)) from error
    finally:
        os.close(event)


def _hint(error: int) -> str:
    import errno

    return {
        errno.EINVAL: "links on perf events came with Linux 5.15",
        errno.EEXIST: "the same program is attached there already; load it once more to have it run twice",
        errno.EACCES: "the program reads more of its context than there is at this tracepoint",
        errno.E2BIG: "one tracepoint, kprobe or uprobe takes 64 programs at most",
    }.get(error, "")
