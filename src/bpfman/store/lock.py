# SPDX-License-Identifier: Apache-2.0
"""The writer lock: one change at a time on a runtime directory, in the order they came.  Reads never take it.

Called by the manager around each change; what changes something takes the `Lock` as an argument, so that nobody
forgets to hold it.  The kernel drops an flock with its process: a crash leaves nothing to clean up.
"""

from __future__ import annotations

import fcntl
import os
import time

from bpfman.errors import LockTimeout
from bpfman.store import queue
from bpfman.store.durations import format_duration
from bpfman.store.failures import cannot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

# Seconds between two looks: of who is next, of the one behind, the one behind that.  Whoever sleeps too long leaves the
# lock unused; a hundred that wait at this pace cost less than a tenth of a processor.
_NEXT, _EACH_BEFORE, _MOST_BEFORE = 0.0005, 0.002, 25
_ASLEEP = 1.0  # who leaves a free lock alone for so long, a stopped process perhaps, loses his turn


class Lock:
    """Says that the writer lock at `path` is held, for as long as `held` is true.  Only `WriterLock` makes one."""

    __slots__ = ("held", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.held = True


class _Asleep:
    """What somebody in the queue knows of who is first: `free` when the lock was, at the latest look."""

    def __init__(self) -> None:
        self._first, self._since, self.free = 0, 0.0, False

    def to_be_looked_at(self, first: int) -> bool:
        """Whether he has been first for so long since the latest look."""
        now = time.monotonic()
        if first != self._first:
            self._first, self._since, self.free = first, now, False
        if now - self._since < _ASLEEP:
            return False
        self._since = now
        return True


class WriterLock:
    """`with WriterLock(layout.lock, timeout=30) as lock:` waits `timeout` seconds at most; 0 and None wait for ever.

    Raises LockTimeout, whose hint names the process that holds it, or StoreError where the file cannot be opened.
    Locks of one process exclude each other as those of two do: each has an open file of its own."""

    def __init__(self, path: str, timeout: float | None = None) -> None:
        self._path = path
        self._timeout = timeout or None
        self._descriptor = -1
        self._lock: Lock | None = None

    def __enter__(self) -> Lock:
        deadline = time.monotonic() + self._timeout if self._timeout is not None else None
        while not self._take(deadline):  # a directory removed and made anew has another lock
            pass
        self._lock = Lock(self._path)
        return self._lock

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._lock.held = False
            self._lock = None
        self._close()

    def _take(self, deadline: float | None) -> bool:
        """Whether the lock was taken; False where its file is no more the one at the path."""
        self._open()
        taken = False
        try:
            at_once = not queue.before(self._descriptor) and self._flock()
            if (at_once or self._queue(deadline)) and self._is_current():
                self._sign()
                taken = True
        except OSError as error:
            raise cannot("take the lock", self._path, error) from error
        finally:  # a signal's exception, too, must not leave the lock behind
            if not taken:
                self._close()
        return taken

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise cannot("open the lock", self._path, error) from error

    def _queue(self, deadline: float | None) -> bool:
        """Wait for our turn and then for the lock; False as soon as it is the lock of a directory that is gone."""
        ticket, asleep = queue.join(self._descriptor), _Asleep()
        while self._is_current():
            before = queue.before(self._descriptor, ticket, _MOST_BEFORE)
            if (not before and self._flock()) or (before and self._pass(asleep, before[0])):
                queue.leave(self._descriptor, ticket)
                return True
            self._pause(len(before) * _EACH_BEFORE or _NEXT, deadline)
        return False

    def _pass(self, asleep: _Asleep, first: int) -> bool:
        """Take the lock before who is first, if that one was asleep: the lock was free and is, and he did not move."""
        if not asleep.to_be_looked_at(first):
            return False
        was_free, asleep.free = asleep.free, self._flock()
        if asleep.free and not was_free:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            return False
        return asleep.free

    def _pause(self, seconds: float, deadline: float | None) -> None:
        if deadline is not None:
            seconds = min(seconds, deadline - time.monotonic())
            if seconds <= 0:
                raise self._timed_out()
        time.sleep(seconds)

    def _flock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _is_current(self) -> bool:
        """Whether the file is still the one at the path: a directory removed and made anew has another lock."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))
        except OSError:
            return False

    def _sign(self) -> None:
        """Writes our process id for those who wait in vain.  A courtesy: a full disk is no reason not to go on."""
        try:  # noqa: SIM105 (contextlib would cost each command a millisecond)
            os.pwrite(self._descriptor, b"%-20d\n" % os.getpid(), 0)
        except OSError:
            pass

    def _timed_out(self) -> LockTimeout:
        error = LockTimeout(self._path, format_duration(self._timeout or 0))
        holder = holder_of(self._path)
        if holder:
            error.hint = f"{holder} holds it; {error.hint}"
        return error

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def holder_of(path: str) -> str:
    """`process 123 (bpfman)`: who signed the lock file last.  Empty where that cannot be told.

    Only of use while the lock is known to be held; the process may live in another PID namespace."""
    try:
        with open(path, encoding="ascii") as file:
            pid = int(file.read(32))
    except (OSError, ValueError):
        return ""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return f"process {pid} ({file.read().strip()})"
    except OSError:
        return f"process {pid}"
