# SPDX-License-Identifier: Apache-2.0
"""Processes by the number that they have on the host, where bpfman may run in a container with numbers of its own.

/proc shows our own PID namespace; /host/proc, where somebody mounted it, the host's.  One number may be two processes
then, and the host's is meant.  Called for --pid and --container-pid.
"""

from __future__ import annotations

import os

from bpfman.errors import ProcessNotFound
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC, _HOST_PROC = "/proc", "/host/proc"
_INITIAL = 0xEFFFFFFC  # the inode of the first PID namespace (include/linux/proc_ns.h: PROC_PID_INIT_INO)


class Mapping(NamedTuple):
    """A line of /proc/PID/maps that is about a file; `path` is as the process sees it."""

    start: int
    end: int
    offset: int
    path: str
    deleted: bool


def directory(pid: int) -> str:
    """The directory of a process in the procfs that knows it by that number; ProcessNotFound."""
    if os.path.isdir(f"{_HOST_PROC}/self") and not _is_first():
        if os.path.isdir(found := f"{_HOST_PROC}/{pid}"):
            return found
        raise ProcessNotFound(f"process {pid} does not exist on the host", _hint_of_own(pid))
    for proc in (_PROC, _HOST_PROC):
        if os.path.isdir(f"{proc}/{pid}/ns"):
            return f"{proc}/{pid}"
    raise ProcessNotFound(
        f"process {pid} does not exist",
        "numbers are those of the host; in a container, mount its /proc at /host/proc",
    )


def own_number(pid: int) -> int:
    """The number by which system calls of ours know the process; ProcessNotFound where they cannot."""
    found = directory(pid)
    if found.startswith(_PROC + "/"):
        return pid
    level = len(_numbers(f"{_HOST_PROC}/self"))
    for number in _numbers(found)[level - 1 : level]:
        if _start(f"{_PROC}/{number}") == _start(found):
            return number
    raise ProcessNotFound(
        f"process {pid} is in another PID namespace, from where the kernel cannot watch it alone",
        "run bpfman in the host's PID namespace (hostPID: true), or leave --pid out",
    )


def double(pid: int) -> str:
    """What to know where a number may have been meant as one of ours: empty, or words for a hint."""
    if not directory(pid).startswith(_HOST_PROC) or not os.path.isdir(f"{_PROC}/{pid}"):
        return ""
    if _start(f"{_PROC}/{pid}") == _start(f"{_HOST_PROC}/{pid}"):
        return ""
    return (
        f"{pid} was taken for the number on the host ({_name(f'{_HOST_PROC}/{pid}')}); "
        f"here it is another process ({_name(f'{_PROC}/{pid}')}), {_hint_of_own(pid)}"
    )


def mappings(proc: str) -> Iterator[Mapping]:
    """The files that a process has mapped, by its directory in a procfs; none when that cannot be read."""
    try:
        with open(f"{proc}/maps", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError:
        return
    for line in lines:
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[5].startswith("/"):
            start, _, end = fields[0].partition("-")
            path = fields[5].removesuffix(" (deleted)")
            yield Mapping(int(start, 16), int(end, 16), int(fields[2], 16), path, path != fields[5])


def own_place(address: int, fd: int) -> int:
    """The file offset of an address in our own memory, when the file behind `fd` is what is mapped there; else 0."""
    for each in mappings(f"{_PROC}/self"):
        if each.start <= address < each.end and not each.deleted:
            try:
                same = os.path.samestat(os.stat(each.path), os.fstat(fd))
            except OSError:
                return 0
            return address - each.start + each.offset if same else 0
    return 0


def _is_first() -> bool:
    """Whether our PID namespace is the host's own."""
    return os.stat(f"{_PROC}/self/ns/pid").st_ino == _INITIAL


def _hint_of_own(pid: int) -> str:
    """What to give for a process of our own number `pid`: its number on the host."""
    start = _start(f"{_PROC}/{pid}")
    for entry in os.listdir(_HOST_PROC) if start else ():
        found = f"{_HOST_PROC}/{entry}"
        if entry.isdigit() and _numbers(found)[-1:] == [pid] and _start(found) == start:
            return f"whose number on the host is {entry}"
    return "numbers are those of the host, as /host/proc has them"


def _numbers(proc: str) -> list[int]:
    """The process's numbers, from the namespace of the procfs down to its own."""
    try:
        with open(f"{proc}/status", encoding="utf-8", errors="replace") as file:
            lines = [line.split()[1:] for line in file if line.startswith("NSpid:")]
    except OSError:
        return []
    return [int(number) for number in lines[0]] if lines else []


def _start(proc: str) -> tuple[str, int] | None:
    """What tells a process from another of the same number: when it started, in ticks since the boot, and its PID
    namespace."""
    try:
        with open(f"{proc}/stat", encoding="utf-8", errors="replace") as file:
            started = file.read().rpartition(")")[2].split()[19]
        return started, os.stat(f"{proc}/ns/pid").st_ino
    except (OSError, IndexError):
        return None


def _name(proc: str) -> str:
    try:
        with open(f"{proc}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "gone"
