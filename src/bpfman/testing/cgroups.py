# SPDX-License-Identifier: Apache-2.0
"""Cgroups for tests: empty ones with a random name, gone when their `with` ends; as root."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager

from bpfman.syscalls import mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: How the names of those made here begin.
PREFIX = "bpfman-t-"


def root() -> str:
    """Where cgroup v2 is mounted, alone or beside v1 (`systemd.unified_cgroup_hierarchy=0`); empty where it is not."""
    places = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
    return next((place for place in places if mounts.is_mount_point_of(place, "cgroup2")), "")


@contextmanager
def cgroup() -> Iterator[str]:
    """The path of a new cgroup without a process in it; raises FileNotFoundError where cgroup v2 is not mounted."""
    where = root()
    if not where:
        raise FileNotFoundError("cgroup v2 is not mounted")
    made = os.path.join(where, PREFIX + secrets.token_hex(4))
    os.mkdir(made)
    try:
        yield made
    finally:
        os.rmdir(made)
