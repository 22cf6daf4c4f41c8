# SPDX-License-Identifier: Apache-2.0
"""Processes by the number that they have on the host, where bpfman may run in a container with numbers of its own.

/proc shows our own PID namespace; /host/proc, where somebody mounted it, the host's.  Called for --pid and
--container-pid.
"""

from __future__ import annotations

import os

from bpfman.errors import ProcessNotFound

_PROC, _HOST_PROC = "/proc", "/host/proc"
_INITIAL = 0xEFFFFFFC  # the inode of the first PID namespace (include/linux/proc_ns.h: PROC_PID_INIT_INO)


def directory(pid: int) -> str:
    """The directory of a process in the procfs that knows it by that number; ProcessNotFound.

    Both may know the number, of different processes: then the host's is meant, unless /proc is the host's."""
    host_first = os.stat(f"{_PROC}/self/ns/pid").st_ino != _INITIAL
    for proc in (_HOST_PROC, _PROC) if host_first else (_PROC, _HOST_PROC):
        found = f"{proc}/{pid}"
        if os.path.isdir(f"{found}/ns"):
            return found
    raise ProcessNotFound(
        f"process {pid} does not exist",
        "numbers are those of the host; in a container, mount its /proc at /host/proc",
    )


def own_number(pid: int) -> int:
    """The number by which system calls of ours know the process; ProcessNotFound where they cannot."""
    found = directory(pid)
    if found.startswith(_PROC + "/"):
        return pid
    if os.stat(f"{found}/ns/pid").st_ino == os.stat(f"{_PROC}/self/ns/pid").st_ino:
        with open(f"{found}/status", encoding="utf-8", errors="replace") as file:
            numbers = next((line.split() for line in file if line.startswith("NSpid:")), [])
        if numbers:
            return int(numbers[-1])
    raise ProcessNotFound(
        f"process {pid} is in another PID namespace, from where the kernel cannot watch it alone",
        "run bpfman in the host's PID namespace (hostPID: true), or leave --pid out",
    )
