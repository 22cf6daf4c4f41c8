# SPDX-License-Identifier: Apache-2.0
"""Hooks of control groups (cgroup v2): packets, sockets, addresses, options, devices, sysctls, TCP events (5.7).

Programs of several bpfmen and of systemd share a cgroup; each link adds its program behind those that are there.
"""

from __future__ import annotations

import errno
import os

from bpfman.bpf import refusals
from bpfman.bpf.link.link import Link
from bpfman.errors import InvalidRequest, KernelRefused, TargetNotFound
from bpfman.syscalls import bpf_links
from bpfman.syscalls.mounts import filesystem_magic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import CgroupAttach

_CGROUP2_MAGIC = 0x63677270  # include/uapi/linux/magic.h


def check(kind: Kind, target: CgroupAttach) -> None:
    os.close(_open(target.cgroup))


def create(kind: Kind, program_fd: int, target: CgroupAttach) -> Link:
    directory = _open(target.cgroup)
    try:
        return Link(bpf_links.plain(program_fd, directory, kind.hooks[target.hook]))
    except OSError as error:
        hint = {
            errno.EINVAL: f"this kernel does not know {target.hook}",
            errno.EPERM: "a program attached above it does not allow more below (no BPF_F_ALLOW_MULTI)",
            errno.E2BIG: "a cgroup hook takes 64 programs at most",
        }.get(error.errno or 0)
        missing = refusals.missing_capabilities("CAP_NET_ADMIN", "CAP_BPF")
        what = f"attach {kind.name} to {target}"
        if missing or not hint:
            hint = refusals.hint(error.errno or 0, "CAP_NET_ADMIN", "CAP_BPF")
        raise KernelRefused(what, error.errno or 0, hint) from error
    finally:
        os.close(directory)


def _open(path: str) -> int:
    """The directory of a cgroup v2; TargetNotFound or InvalidRequest say what is there in its place."""
    hint = "cgroups are directories, mostly below /sys/fs/cgroup; `systemd-cgls` shows them"
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise TargetNotFound(f'cgroup "{path}" does not exist' + _near(path), hint) from None
    except OSError as error:
        raise KernelRefused(f"open cgroup {path}", error.errno or 0) from None
    if filesystem_magic(path) != _CGROUP2_MAGIC:
        os.close(directory)
        raise InvalidRequest(f'"{path}" is not in a cgroup v2 file system', hint)
    return directory


def _near(path: str) -> str:
    from bpfman.bpf.near import near

    parent, _, name = path.rstrip("/").rpartition("/")
    try:
        alike = near(name, os.listdir(parent or "/"))
    except OSError:
        return ""
    return f"; did you mean: {', '.join(f'{parent}/{each}' for each in alike)}?" if alike else ""
