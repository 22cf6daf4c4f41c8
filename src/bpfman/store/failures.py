# SPDX-License-Identifier: Apache-2.0
"""Turns what the file system says no with into a `StoreError` that tells what to do.

Called by every module of this folder that touches files, so that no OSError leaves it.
"""

from __future__ import annotations

import errno

from bpfman.errors import TOO_MANY_FILES, StoreError

_ELSEWHERE = "or choose another directory with --runtime-dir"
_HINTS = {
    errno.EROFS: f"its file system is mounted read-only: remount it read-write, {_ELSEWHERE}",
    errno.ENOSPC: "its file system is full: free some space and try again",
    errno.EDQUOT: "the disk quota is used up: free some space and try again",
    errno.EACCES: "run as root",
    errno.EPERM: "run as root",
    errno.ENOTDIR: f"a part of the path is not a directory: move it away, {_ELSEWHERE}",
    errno.EEXIST: f"something that is not a directory is there: move it away, {_ELSEWHERE}",
    errno.EISDIR: f"a directory is there where a file belongs: move it away, {_ELSEWHERE}",
    errno.ELOOP: f"a symbolic link is there where a file belongs: move it away, {_ELSEWHERE}",
    errno.ENOENT: "the runtime directory was removed meanwhile: try again",
    errno.EFBIG: "files may not grow that far: raise the limit (ulimit -f)",
    errno.EMFILE: TOO_MANY_FILES[errno.EMFILE],
}


def cannot(do: str, path: str, error: OSError) -> StoreError:
    """`cannot("create", "/run/bpfman", error)`: the error to raise from `error`."""
    return StoreError(f"cannot {do} {path}: {error.strerror or error}", _HINTS.get(error.errno or 0, ""))
