# SPDX-License-Identifier: Apache-2.0
"""Mounts and file systems: what is mounted at a path, mounting, and instances that are mounted nowhere.

Called by `manager` for the bpffs of the runtime directory and by `perf` for tracefs.  What to mount, where and
whether, is the callers' business.
"""

from __future__ import annotations

import ctypes
import os

from bpfman.errors import KernelRefused
from bpfman.syscalls.libc import check, libc, syscall

BPF_FS_MAGIC = 0xCAFE4A11  # include/uapi/linux/magic.h
TRACEFS_MAGIC = 0x74726163

# Linux 5.2; one number on every machine.
SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT = 430, 431, 432
FSOPEN_CLOEXEC = FSMOUNT_CLOEXEC = 1
FSCONFIG_CMD_CREATE = 6
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC = 1, 2, 4, 8
READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC

_NEEDS_ADMIN = "mounting needs CAP_SYS_ADMIN"


def mounted_type(path: str) -> str | None:
    """The type ("bpf", "tmpfs") of the file system mounted at exactly `path`, the topmost one where several are
    stacked; None when `path` is missing, or is an ordinary directory.  Raises KernelRefused when it cannot be
    looked at."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise KernelRefused(f"look up {path}", error.errno or 0) from None
    try:
        # The mount that the path ends in, by its id: text alone cannot tell stacked mounts from hidden ones.
        return _type_at(_mount_id(descriptor), os.fsencode(os.path.realpath(path)))
    except OSError as error:
        raise KernelRefused(f"look up what is mounted at {path}", error.errno or 0) from None
    finally:
        os.close(descriptor)


def is_mount_point_of(path: str, fstype: str) -> bool:
    """Whether a file system of type `fstype` is mounted at exactly `path`."""
    return mounted_type(path) == fstype


def is_bpffs(path: str) -> bool:
    """Whether a BPF file system is mounted at exactly `path`, at a hundredth of what `is_mount_point_of` costs on a
    machine with many mounts.  It is not seen where it hangs in itself, or behind a symbolic link."""
    try:
        there, above = os.lstat(path), os.stat(os.path.dirname(path))
    except OSError:
        return False
    return there.st_dev != above.st_dev and filesystem_magic(path) == BPF_FS_MAGIC


def mount(source: str, target: str, fstype: str, flags: int = 0, data: str = "") -> None:
    """mount(2); `flags` are MS_*, `data` the file system's own options.  Raises KernelRefused."""
    encoded = (os.fsencode(source), os.fsencode(target), os.fsencode(fstype))
    options = os.fsencode(data) if data else None
    try:
        check(libc.mount(*encoded, ctypes.c_ulong(flags), options), target)
    except OSError as error:
        raise KernelRefused(f"mount {fstype} at {target}", error.errno or 0, _NEEDS_ADMIN) from None


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2); `flags` are MNT_* and UMOUNT_*.  Raises KernelRefused: EBUSY while a file in it is open, EINVAL
    when nothing is mounted there."""
    try:
        check(libc.umount2(os.fsencode(target), flags), target)
    except OSError as error:
        raise KernelRefused(f"unmount {target}", error.errno or 0) from None


def detached(fstype: str) -> int:
    """A descriptor of the root directory of a file system of type `fstype` that is mounted nowhere, read-only.

    It is one of O_PATH, for `os.open(..., dir_fd=...)`.  The mount goes with the last descriptor in it; the caller
    closes this one.  Raises KernelRefused: ENODEV when the kernel does not have the file system, EPERM without
    CAP_SYS_ADMIN.
    """
    try:
        context = check(syscall(SYS_FSOPEN, os.fsencode(fstype), FSOPEN_CLOEXEC), fstype)
        try:
            check(syscall(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, None, None, 0), fstype)
            return check(syscall(SYS_FSMOUNT, context, FSMOUNT_CLOEXEC, READ_ONLY), fstype)
        finally:
            os.close(context)
    except OSError as error:
        raise KernelRefused(f"open a detached {fstype}", error.errno or 0, _NEEDS_ADMIN) from None


def filesystem_magic(path: str) -> int:
    """`f_type` of the file system that `path` is on, such as BPF_FS_MAGIC.  Raises KernelRefused."""
    # struct statfs is 120 bytes and begins with `long f_type` on x86-64 and arm64.
    answer = (ctypes.c_long * 32)()
    try:
        check(libc.statfs(os.fsencode(path), answer), path)
    except OSError as error:
        raise KernelRefused(f"find the file system of {path}", error.errno or 0) from None
    return int(answer[0]) & 0xFFFFFFFF


def _mount_id(descriptor: int) -> bytes:
    for line in _read(f"/proc/thread-self/fdinfo/{descriptor}").splitlines():
        key, _, value = line.partition(b":")
        if key == b"mnt_id":
            return value.strip()
    return b""


def _type_at(mount_id: bytes, path: bytes) -> str | None:
    # proc(5): ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS [OPTIONAL...] - TYPE SOURCE SUPER-OPTIONS
    for line in _read("/proc/thread-self/mountinfo").splitlines():
        fields = line.split(b" ")
        if fields[0] == mount_id:
            return os.fsdecode(fields[fields.index(b"-", 6) + 1]) if _decode(fields[4]) == path else None
    return None


def _decode(field: bytes) -> bytes:
    """A field of mountinfo as it was: space, tab, newline and backslash stand there as \\040 and so on."""
    head, *escaped = field.split(b"\\")
    return head + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in escaped)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
