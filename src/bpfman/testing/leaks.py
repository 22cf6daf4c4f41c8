# SPDX-License-Identifier: Apache-2.0
"""What a test can leave behind in the kernel, as a snapshot to take before and compare after.

Called by the `conftest.py` of a test suite, ours or a user's: around each test for what belongs to this process, around
the whole run for what belongs to the machine.  It looks and never cleans up: what is left behind is a bug to be seen.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time

from bpfman.testing import cgroups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What a thing is called -> its names.
Snapshot = dict[str, frozenset[str]]

# How descriptors look in /proc/PID/fd (anon_inode_getfd() and nsfs names in the kernel's sources).
_DESCRIPTORS = ("anon_inode:bpf", "anon_inode:btf", "anon_inode:[perf_event]", "net:[", "mnt:[")

# systemd and container engines load these whenever they start something; bpfman never does.
_PROGRAMS_OF_OTHERS = (
    "cgroup",
    "cgroup_device",
    "cgroup_skb",
    "cgroup_sock",
    "cgroup_sock_addr",
    "cgroup_sysctl",
)

# Made once and kept, by the first `ip netns add` since boot and by the kernel when somebody looks there.
_MOUNTS_THAT_STAY = ("/run/netns", "/sys/kernel/debug/tracing")


def of_process() -> Snapshot:
    """What this process holds: BPF and namespace descriptors, child processes.  Takes well below a millisecond."""
    return {"descriptor": frozenset(_descriptors()), "process": frozenset(_children())}


def of_machine() -> Snapshot:
    """What outlives a process: named network namespaces, tests' cgroups, mounts, pins, loaded programs (for which it
    needs bpftool)."""
    mounts = list(_mounts())
    return {
        "network namespace": frozenset(_names("/run/netns")),
        "cgroup": frozenset(name for name in _names(cgroups.root()) if name.startswith(cgroups.PREFIX)),
        "mount": frozenset(f"{place} ({kind})" for place, kind in mounts),
        "pin": frozenset(pin for place, kind in mounts if kind == "bpf" for pin in _files_below(place)),
        "program": frozenset(_programs()),
    }


def left_since(before: Snapshot, now: Callable[[], Snapshot], patience: float = 0.0) -> list[str]:
    """What `now()` has and `before` had not, one line each.

    Waits up to `patience` seconds for it to be nothing: the kernel frees programs some time after their last user.
    """
    deadline = time.monotonic() + patience
    while (left := _difference(before, now())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _difference(before: Snapshot, after: Snapshot) -> list[str]:
    return [f"{what}: {name}" for what, names in after.items() for name in sorted(names - before[what])]


def _descriptors() -> Iterator[str]:
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # the descriptor of this very listing
            continue
        if target.startswith(_DESCRIPTORS):
            yield f"{number} is {target}"


def _children() -> Iterator[str]:
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
                found = file.read().split()
        except OSError:  # the thread has ended meanwhile
            continue
        yield from (f"{pid} {_command(pid)}" for pid in found)


def _command(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "(gone)"


def _names(folder: str) -> list[str]:
    return os.listdir(folder) if os.path.isdir(folder) else []


def _mounts() -> Iterator[tuple[str, str]]:
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            _, place, kind, *_ = line.split(" ")
            if place not in _MOUNTS_THAT_STAY:
                yield place.encode().decode("unicode_escape"), kind


def _files_below(place: str) -> Iterator[str]:
    for folder, _, files in os.walk(place):
        yield from (os.path.join(folder, name) for name in files)


def _programs() -> Iterator[str]:
    if os.geteuid() != 0 or not shutil.which("bpftool"):
        return
    listed = subprocess.run(["bpftool", "-j", "prog", "list"], capture_output=True, check=True).stdout
    for program in json.loads(listed or b"[]"):
        if program["type"] not in _PROGRAMS_OF_OTHERS:
            yield f"{program['id']} {program['type']} {program.get('name', '')}"
