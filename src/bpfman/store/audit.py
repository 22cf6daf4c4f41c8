# SPDX-License-Identifier: Apache-2.0
"""The audit trail: a JSON line for each decision about trust, in files that only root reads.

    DIRECTORY/audit.jsonl      the newest; lines are added at its end
    DIRECTORY/audit.jsonl.1    the one before, and so on
    DIRECTORY/.lock            who adds a line holds it

Called by the manager.  A line is whole or not there: what a full disk cut short is taken back, what a power cut tore
is closed with a newline and told to readers as damage.  Readers take no lock.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from bpfman.errors import LockTimeout, StoreError
from bpfman.model.audit import AuditEvent
from bpfman.store.audit_line import dump_line, parse_line
from bpfman.store.failures import cannot
from bpfman.store.lock import WriterLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import BinaryIO

NAME = "audit.jsonl"
MAX_BYTES = 4 << 20
FILES = 4
_PATIENCE = 30.0  # seconds; the lock is held for well below a millisecond


class AuditLog:
    """The trail in one directory.  A file that would grow beyond `max_bytes` is put aside; `files` of those
    are kept."""

    def __init__(self, directory: str, *, max_bytes: int = MAX_BYTES, files: int = FILES) -> None:
        self.directory = directory
        self._max_bytes = max_bytes
        self._files = files

    @property
    def path(self) -> str:
        return f"{self.directory}/{NAME}"

    # writing

    def append(self, event: AuditEvent) -> None:
        """Add an event; StoreError where it cannot be, and then nothing of it is there."""
        line = dump_line(event)
        with self._locked():
            descriptor = self._open()
            try:
                size = os.fstat(descriptor).st_size
                if size and size + len(line) > self._max_bytes:
                    self._rotate()
                    os.close(descriptor)
                    descriptor, size = self._open(), 0
                self._write(descriptor, size, line)
            finally:
                os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._make_directory()
        try:
            with WriterLock(f"{self.directory}/.lock", _PATIENCE):
                yield
        except LockTimeout as error:
            raise StoreError(
                f"cannot write to {self.path}: another process has kept it locked for {_PATIENCE:g} seconds",
                error.hint,
            ) from None

    def _make_directory(self) -> None:
        try:
            os.makedirs(os.path.dirname(self.directory), exist_ok=True)
            os.mkdir(self.directory, 0o700)
        except OSError as error:
            if not (isinstance(error, FileExistsError) and os.path.isdir(self.directory)):
                raise cannot("create", self.directory, error) from error

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(self.path, flags, 0o600)
        except OSError as error:
            raise cannot("write to", self.path, error) from error

    def _write(self, descriptor: int, size: int, line: bytes) -> None:
        try:
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            written = os.write(descriptor, line)
            while written < len(line):  # the next write says what is wrong
                written += os.write(descriptor, line[written:])
            os.fdatasync(descriptor)
        except BaseException as error:
            os.ftruncate(descriptor, size)
            if isinstance(error, OSError):
                raise cannot("write to", self.path, error) from error
            raise

    def _rotate(self) -> None:
        """The oldest goes, each other one place up.  Killed in between, there is a gap, which is no harm."""
        if not self._files:
            self._step(os.unlink, self.path)
        for number in range(self._files, 0, -1):
            older = f"{self.path}.{number}"
            newer = f"{self.path}.{number - 1}" if number > 1 else self.path
            self._step(os.rename, newer, older)

    def _step(self, do: Callable[..., None], *paths: str) -> None:
        try:
            do(*paths)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise cannot("put aside", paths[0], error) from error

    # reading

    def events(self) -> Iterator[AuditEvent | None]:
        """All events, the oldest first; None for a line that is damaged.  StoreError where there may be no reading."""
        return _Reader(self).news()

    def follow(self, wait: float = 0.2) -> Generator[AuditEvent | None]:
        """Events as they come, those of now first, without an end; looks every `wait` seconds."""
        import time

        reader = _Reader(self)
        while True:
            yield from reader.news()
            time.sleep(wait)

    def opened(self) -> list[int]:
        """Descriptors of all files, the oldest first, for the caller to close.

        They are opened from the newest on, so that one that is put aside meanwhile is met twice rather than missed."""
        found: dict[tuple[int, int], int] = {}
        for name in self._names():
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                continue
            except OSError as error:
                for each in found.values():
                    os.close(each)
                raise cannot("read", name, error) from error
            key = inode(descriptor)
            if key in found:
                os.close(descriptor)
            else:
                found[key] = descriptor
        return list(reversed(found.values()))

    def _names(self) -> list[str]:
        return [self.path, *(f"{self.path}.{number}" for number in range(1, self._files + 2))]


class _Reader:
    """Reads on where it stopped, through files that are put aside."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self._inode: tuple[int, int] | None = None
        self._offset = 0

    def news(self) -> Iterator[AuditEvent | None]:
        files = [open(descriptor, "rb") for descriptor in self._log.opened()]  # noqa: SIM115 - closed below
        try:
            inodes = [inode(file.fileno()) for file in files]
            known = inodes.index(self._inode) if self._inode in inodes else 0
            for key, file in list(zip(inodes, files, strict=True))[known:]:
                if key != self._inode:
                    self._inode, self._offset = key, 0
                yield from self._lines(file)
        finally:
            for file in files:
                file.close()

    def _lines(self, file: BinaryIO) -> Iterator[AuditEvent | None]:
        """Whole lines only: the end of the last may be still to come."""
        file.seek(self._offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            self._offset += len(line)
            if line != b"\n":
                yield parse_line(line)


def inode(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
