# SPDX-License-Identifier: Apache-2.0
"""Files as another process sees them: below its root, without a way out of it.

Called by `bpf/sight.py`, for programs and libraries in containers.
"""

from __future__ import annotations

import ctypes as c
import os

from bpfman.syscalls.libc import check, syscall

_OPENAT2 = 437  # Linux 5.6; one number on every machine
_RESOLVE_IN_ROOT = 0x10  # include/uapi/linux/openat2.h


class OpenHow(c.Structure):
    """`struct open_how`."""

    _fields_ = [("flags", c.c_uint64), ("mode", c.c_uint64), ("resolve", c.c_uint64)]


def open_below(root: int, path: str, flags: int = os.O_RDONLY) -> int:
    """Open `path` as if the directory `root` were "/", for symbolic links and ".." too.  Raises OSError."""
    how = OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT)
    return check(syscall(_OPENAT2, root, os.fsencode(path), c.byref(how), c.sizeof(how)), path)


def top_of(root: int) -> int:
    """A descriptor of the root directory of the mount namespace that the directory `root` is in: a process may have
    changed its own root to somewhere below.  Raises OSError."""
    here = os.dup(root)
    while True:
        above = os.open("..", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
        same = os.path.sameopenfile(here, above)
        os.close(here)
        here = above
        if same:
            return here
