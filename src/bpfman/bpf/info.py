# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of a program, map or link, as the values of `model/kernel.py`.

Every function takes a descriptor, or an id (then None means that the kernel has no such object).  Nothing is
cached: an id may be another object's the next moment.
"""

from __future__ import annotations

import os
import time

from bpfman.errors import TOO_MANY_FILES, KernelRefused
from bpfman.model.kernel import KernelLink, KernelMap, KernelProgram
from bpfman.syscalls import bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from bpfman.syscalls import bpf_abi

    T = TypeVar("T")


def program(fd: int) -> KernelProgram:
    info, map_ids = bpf.prog_info(fd)
    return KernelProgram(
        id=info.id,
        name=info.name.decode(errors="replace"),
        type=info.type,
        tag=bytes(info.tag).hex(),
        load_time=info.load_time,
        loaded_at=_epoch(info.load_time),
        uid=info.created_by_uid,
        btf_id=info.btf_id,
        map_ids=map_ids,
        jited_size=info.jited_prog_len,
        xlated_size=info.xlated_prog_len,
        verified_insns=info.verified_insns,
        memlock=int(fdinfo(fd).get("memlock", "0")),
        restricted=info.xlated_prog_len == 0,
        gpl_compatible=bool(info.gpl_compatible),
        run_time=info.run_time_ns,
        run_count=info.run_cnt,
        recursion_misses=info.recursion_misses,
    )


def map(fd: int) -> KernelMap:
    info = bpf.map_info(fd)
    more = fdinfo(fd)
    return KernelMap(
        id=info.id,
        name=info.name.decode(errors="replace"),
        type=info.type,
        key_size=info.key_size,
        value_size=info.value_size,
        max_entries=info.max_entries,
        flags=info.map_flags,
        btf_id=info.btf_id,
        btf_key_type_id=info.btf_key_type_id,
        btf_value_type_id=info.btf_value_type_id,
        map_extra=info.map_extra,
        memlock=int(more.get("memlock", "0")),
        frozen=more.get("frozen", "0") == "1",
    )


_XDP, _TRACING, _CGROUP, _NETNS, _STRUCT_OPS, _NETFILTER, _TCX, _NETKIT = 6, 2, 3, 5, 9, 10, 11, 13


def link(fd: int) -> KernelLink:
    """The union behind `prog_id` is read as the link's type has it (struct bpf_link_info)."""
    info = bpf.link_info(fd)
    return KernelLink(info.id, info.prog_id, info.type, **_link_details(info))


def _link_details(info: bpf_abi.LinkInfo) -> dict[str, int]:
    words = [word >> shift & 0xFFFFFFFF for word in info.rest for shift in (0, 32)]
    if info.type == _XDP:
        return {"ifindex": words[0]}
    if info.type in (_TCX, _NETKIT):
        return {"ifindex": words[0], "attach_type": words[1]}
    if info.type == _TRACING:
        return {"attach_type": words[0], "target_obj_id": words[1], "target_btf_id": words[2]}
    if info.type == _STRUCT_OPS:
        return {"target_obj_id": words[0]}
    if info.type == _CGROUP:
        return {"cgroup_id": info.rest[0], "attach_type": words[2]}
    if info.type == _NETNS:
        return {"netns_ino": words[0], "attach_type": words[1]}
    if info.type == _NETFILTER:
        names = ("netfilter_pf", "netfilter_hooknum", "netfilter_priority", "netfilter_flags")
        return dict(zip(names, words, strict=False))
    return {}


def is_program(program_id: int, tag: str, load_time: int) -> bool:
    """Whether the program of that id has that tag and load time: what says who it is, without all else."""
    fd = _open(bpf.PROG_BY_ID, program_id)
    if fd is None:
        return False
    try:
        found, _ = bpf.prog_info(fd)
        return (bytes(found.tag).hex(), found.load_time) == (tag, load_time)
    finally:
        os.close(fd)


def program_by_id(program_id: int) -> KernelProgram | None:
    return _by_id(bpf.PROG_BY_ID, program_id, program)


def map_by_id(map_id: int) -> KernelMap | None:
    return _by_id(bpf.MAP_BY_ID, map_id, map)


def link_by_id(link_id: int) -> KernelLink | None:
    return _by_id(bpf.LINK_BY_ID, link_id, link)


def program_ids() -> Iterator[int]:
    """All programs' ids in the kernel, ascending."""
    try:
        yield from bpf.ids(bpf.PROG_NEXT_ID)
    except OSError as error:
        raise _not_told("list the programs of the kernel", error) from error


def _by_id(command: int, object_id: int, read: Callable[[int], T]) -> T | None:
    fd = _open(command, object_id)
    if fd is None:
        return None
    try:
        return read(fd)
    finally:
        os.close(fd)


def _open(command: int, object_id: int) -> int | None:
    """A descriptor of what has that id; None when there is no such thing."""
    try:
        return bpf.fd_by_id(command, object_id)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_told(f"ask the kernel about {_NOUNS[command]} {object_id}", error) from error


_NOUNS = {bpf.PROG_BY_ID: "program", bpf.MAP_BY_ID: "map", bpf.LINK_BY_ID: "link"}


def _not_told(what: str, error: OSError) -> KernelRefused:
    if error.errno in TOO_MANY_FILES:  # nor could a module be opened now
        return KernelRefused(what, error.errno)
    from bpfman.bpf import refusals

    return KernelRefused(what, error.errno or 0, refusals.hint(error.errno or 0, "CAP_SYS_ADMIN"))


def fdinfo(fd: int) -> dict[str, str]:
    """/proc/self/fdinfo: what bpf_prog_info and bpf_map_info do not tell (memlock, frozen)."""
    try:
        with open(f"/proc/self/fdinfo/{fd}", "rb") as file:
            lines = file.read().decode().splitlines()
    except OSError:  # no procfs: these are niceties
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _epoch(load_time: int) -> int:
    """Seconds since the epoch of a time in ns since boot (CLOCK_BOOTTIME, as the kernel's load_time is)."""
    return int(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + load_time / 1e9)
