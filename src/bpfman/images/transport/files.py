# SPDX-License-Identifier: Apache-2.0
"""The files of a layout: in a directory, or in a tar archive held in memory.

Called by `layout` and `docker_archive`, which name files below the layout's own root and nothing else.
"""

from __future__ import annotations

import fcntl
import os

from bpfman.errors import ImageError, ImageNotFound, ImageTooLarge, MalformedImage
from bpfman.images.compression import unpack
from bpfman.images.limits import MAX_UNPACKED
from bpfman.images.tar import read_entries, write_tar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self


class Folder:
    """A directory.  Each file is written whole or not at all; in `with`, nobody else changes it through us."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = -1

    def __str__(self) -> str:
        return self.path

    def begin(self) -> None:
        """Make the directory, where something is to be written."""
        try:
            os.makedirs(self.path, exist_ok=True)
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            raise _cannot("write to", self.path, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._lock >= 0:
            descriptor, self._lock = self._lock, -1
            os.close(descriptor)

    def has(self, name: str) -> bool:
        return os.path.exists(f"{self.path}/{name}")

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of a file.  ImageNotFound, ImageTooLarge."""
        path = f"{self.path}/{name}"
        try:
            with open(path, "rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            raise ImageNotFound(f"there is no {path}") from None
        except OSError as error:
            raise _cannot("read", path, error) from None
        return _bounded(data, path, limit)

    def write(self, name: str, data: bytes) -> None:
        path = f"{self.path}/{name}"
        _write_whole(path, data)


class Archive:
    """A tar archive, perhaps packed, read at once; what is written goes to the file in the end, all or nothing."""

    def __init__(self, path: str, *, missing_ok: bool = False) -> None:
        self.path = path
        self._changed = False
        self._files: Mapping[str, memoryview] = {}
        if not missing_ok or os.path.exists(path):
            self._files = _members(path)

    def __str__(self) -> str:
        return self.path

    def begin(self) -> None:
        self._changed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._changed and kind is None:
            files = ((name, bytes(self._files[name])) for name in sorted(self._files))
            _write_whole(self.path, write_tar(files, mtime=0))

    def has(self, name: str) -> bool:
        return name in self._files

    def read(self, name: str, limit: int) -> bytes:
        if name not in self._files:
            raise ImageNotFound(f"there is no {name} in {self.path}")
        return _bounded(bytes(self._files[name][: limit + 1]), f"{name} in {self.path}", limit)

    def write(self, name: str, data: bytes) -> None:
        self._files = {**self._files, name: memoryview(data)}


def _members(path: str) -> dict[str, memoryview]:
    """Plain files by name.  Links are left out: in old `docker save` archives they stand for layers that are there
    twice, and what misses one will say so."""
    try:
        with open(path, "rb") as file:
            packed = file.read(MAX_UNPACKED + 1)
    except FileNotFoundError:
        raise ImageNotFound(
            f"there is no archive {path}",
            f"check the path; `bpfman image copy IMAGE oci-archive:{path}` writes one where there is a network",
        ) from None
    except OSError as error:
        raise _cannot("read", path, error) from None
    data = unpack(_bounded(packed, path, MAX_UNPACKED), path)
    whole, found = memoryview(data), {}
    for entry in read_entries(data, path):
        name = entry.name.removeprefix("./")
        if entry.kind != "file":
            continue
        if name in found:
            raise MalformedImage(f"{path} has {name!r} twice")
        found[name] = whole[entry.offset : entry.offset + entry.size]
    return found


def _bounded(data: bytes, what: str, limit: int) -> bytes:
    if len(data) > limit:
        raise ImageTooLarge(f"{what} is larger than {limit} bytes")
    return data


def _write_whole(path: str, data: bytes) -> None:
    """Write a file beside its place, then put it there."""
    staged = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        try:
            with open(staged, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(staged, path)
        except BaseException:
            if os.path.exists(staged):
                os.unlink(staged)
            raise
    except OSError as error:
        raise _cannot("write", path, error) from None


def _cannot(do: str, path: str, error: OSError) -> ImageError:
    return ImageError(f"cannot {do} {path}: {error.strerror}")
