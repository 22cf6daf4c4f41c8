# SPDX-License-Identifier: Apache-2.0
"""Files of the cache: written beside their place and put there, under one lock.

Called by `cache`.  What the file system refuses is a CacheError that says what to do.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import contextmanager, suppress

from bpfman.errors import CacheError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 30.0  # seconds; the lock is held for milliseconds
_HINTS = {
    errno.ENOSPC: "its file system is full: `bpfman image prune` frees what no image needs",
    errno.EDQUOT: "the disk quota is used up: `bpfman image prune` frees what no image needs",
    errno.EROFS: "its file system is read-only: choose another directory with --image-cache-dir",
    errno.EACCES: "run as root, or choose another directory with --image-cache-dir",
    errno.EPERM: "run as root, or choose another directory with --image-cache-dir",
    errno.ENOTDIR: "something that is not a directory is in its place: move it away",
}


@contextmanager
def changing(directory: str) -> Iterator[None]:
    """The lock on a cache, which is made where it is missing; leftovers of what was killed are cleared away."""
    with _translated("write to the image cache", directory):
        os.makedirs(f"{directory}/blobs", exist_ok=True)
        os.makedirs(f"{directory}/tmp", exist_ok=True)
        lock = os.open(f"{directory}/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _wait_for(lock, directory)
            for name in os.listdir(f"{directory}/tmp"):
                os.unlink(f"{directory}/tmp/{name}")
            yield
        finally:
            os.close(lock)


def _wait_for(lock: int, directory: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    pause = 0.001
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise CacheError(
                    f"the image cache {directory} is locked by another process for {_PATIENCE:g} seconds",
                    "is it on a network file system, or stopped in a debugger?",
                ) from None
            time.sleep(pause)
            pause = min(pause * 2, 0.1)
        else:
            return


def put(directory: str, path: str, data: bytes) -> None:
    """Write a file, whole or not at all; only with the lock."""
    staged = f"{directory}/tmp/{os.path.basename(path)}"
    try:
        with open(staged, "wb", buffering=0) as file:
            os.fchmod(file.fileno(), 0o644)
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) or 0 :]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.rename(staged, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(staged)
        raise cannot("write", path, error) from None


def put_link(directory: str, path: str, target: str) -> None:
    """A symbolic link, in place of what was there; only with the lock."""
    staged = f"{directory}/tmp/link"
    with _translated("write", path):
        os.symlink(target, staged)
        os.rename(staged, path)


def read(path: str, limit: int) -> bytes | None:
    """A file's bytes; None where there is none, or more than there can be."""
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise cannot("read", path, error) from None
    return data if len(data) <= limit else None


def remove(path: str) -> None:
    """A file, or a directory of files; one that is gone is no error."""
    with _translated("remove", path):
        try:
            for name in os.listdir(path):
                os.unlink(f"{path}/{name}")
            os.rmdir(path)
        except NotADirectoryError:
            os.unlink(path)
        except FileNotFoundError:
            pass


def names(directory: str) -> list[str]:
    """What is in a directory, sorted; nothing where there is none."""
    with _translated("read", directory):
        try:
            return sorted(os.listdir(directory))
        except FileNotFoundError:
            return []


@contextmanager
def _translated(do: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot(do, path, error) from None


def cannot(do: str, path: str, error: OSError) -> CacheError:
    return CacheError(f"cannot {do} {path}: {error.strerror or error}", _HINTS.get(error.errno or 0, ""))
