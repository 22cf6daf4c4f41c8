# SPDX-License-Identifier: Apache-2.0
"""Pins: names in a bpffs that keep programs, maps and links alive without a process.

All paths are the caller's; directories are made 0755 as needed.  Failures are KernelRefused with the path in them.
"""

from __future__ import annotations

import errno
import os

from bpfman.errors import InvalidRequest, KernelRefused
from bpfman.syscalls import bpf


def pin(fd: int, path: str) -> None:
    """Pin a descriptor's object at `path`, which must not exist yet."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        bpf.obj_pin(fd, path)
    except OSError as error:
        raise KernelRefused(f"pin {path}", error.errno or 0, _hint(error)) from error


def replace(fd: int, path: str) -> None:
    """Pin at `path`, in place of what may be pinned there, in one step (rename within bpffs is atomic)."""
    beside = path + "_next"
    remove(beside)
    pin(fd, beside)
    try:
        os.rename(beside, path)
    except OSError as error:
        remove(beside)
        raise KernelRefused(f"pin {path}", error.errno or 0, _hint(error)) from error


def remove(path: str) -> bool:
    """Unpin; False when nothing was pinned there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise KernelRefused(f"unpin {path}", error.errno or 0, _hint(error)) from error
    return True


def remove_directory(path: str) -> None:
    """Remove a directory if it is empty or gone; one that others put something into is left alone."""
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
            raise KernelRefused(f"remove {path}", error.errno or 0, _hint(error)) from error


def open_pin(path: str, kind: str = "") -> int | None:
    """A descriptor of what is pinned at `path`; None when nothing is.

    `kind` is what it should be: "bpf-map" or "bpf-prog", as the kernel names descriptors.  Something else is
    InvalidRequest: nothing that is asked of it would make sense."""
    fd = _open(path)
    if fd is not None and kind and (found := _kind_of(fd)) not in (kind, ""):
        os.close(fd)
        raise InvalidRequest(
            f"what is pinned at {path} is a {_NOUNS.get(found, found)}, not a {_NOUNS[kind]}"
        )
    return fd


_NOUNS = {"bpf-map": "map", "bpf-prog": "program", "bpf_link": "link"}


def _open(path: str) -> int | None:
    try:
        try:
            return bpf.obj_get(path)
        except PermissionError:
            # We may read it and not write: the kernel gives maps out so (to all since 5.19, before with CAP_BPF).
            return bpf.obj_get(path, read_only=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KernelRefused(f"open pin {path}", error.errno or 0, _hint(error)) from error


def _kind_of(fd: int) -> str:
    """What a descriptor is of; empty where nobody tells (no procfs)."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}").removeprefix("anon_inode:").strip("[]")
    except OSError:
        return ""


def exists(path: str) -> bool:
    return os.path.lexists(path)


def names_in(directory: str) -> list[str]:
    """The names in a directory; none where it does not exist."""
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise KernelRefused(f"list {directory}", error.errno or 0) from error


def _hint(error: OSError) -> str:
    return {
        errno.EPERM: "pins need a bpffs: is something else mounted there?",
        errno.EEXIST: "something is pinned there that bpfman has no record of: remove it if nobody needs it",
        errno.EROFS: "the file system is mounted read-only; remount it writable",
        errno.ENOSPC: "the file system is full",
        errno.EINVAL: "pins need a bpffs: is something else mounted there?",
    }.get(error.errno or 0, "")
