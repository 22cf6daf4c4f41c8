# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is at the writer lock: first come, first served.

Called by `lock` alone.  flock(2) gives the lock to whoever happens to ask when it is free: of thirty that ask over and
over, some wait a hundred times as long as others, until they give up.  So who waits says so in the lock's file, by a
second kind of lock (an open file description's, Linux 3.15) on one byte, whose offset is the time of coming.  The bytes
need not exist; the kernel drops such a lock with its descriptor, so that who dies leaves the queue.

The queue says who may try, never who holds the lock: a program that knows nothing of it is no danger, only impolite.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time

_FLOCK = struct.Struct("@hhqqi4x")  # struct flock of 64-bit machines: type, whence, start, length, pid
_END = (1 << 63) - 1
_TRIES = 20


def join(descriptor: int) -> int:
    """Take a place at the end; gives the ticket.  It is 0, which is before all, where flock(2) is made of the same
    locks as these (NFS), so that whoever holds the one has all of the others."""
    for _ in range(_TRIES):
        ticket = time.monotonic_ns()
        try:
            _set(descriptor, fcntl.F_WRLCK, ticket)
        except (BlockingIOError, PermissionError):  # somebody came in the same nanosecond
            continue
        return ticket
    return 0


def leave(descriptor: int, ticket: int) -> None:
    _set(descriptor, fcntl.F_UNLCK, ticket)


def before(descriptor: int, ticket: int = _END, most: int = 1) -> list[int]:
    """The tickets of those who came before, `most` of them at most; without a ticket, of those who wait."""
    found: list[int] = []
    start = 0
    while len(found) < most and start < ticket:
        question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, ticket - start, 0)
        kind, _, first, length, _ = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, question))
        if kind == fcntl.F_UNLCK:
            break
        found.append(first)
        start = first + length
    return found


def _set(descriptor: int, kind: int, ticket: int) -> None:
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, ticket, 1, 0))
