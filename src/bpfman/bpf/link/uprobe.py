# SPDX-License-Identifier: Apache-2.0
"""Uprobes: a perf event at a place in a program or library, and a BPF link on it (5.15)."""

from __future__ import annotations

import errno
import os

from bpfman.bpf import executable, processes, refusals, sight
from bpfman.bpf.link import events
from bpfman.errors import InvalidRequest, KernelRefused, ProcessNotFound, Unsupported
from bpfman.syscalls import probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.executable import Executable, Symbol
    from bpfman.bpf.link.link import Link
    from bpfman.bpf.sight import File
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import UprobeAttach

_DEBUG = "/usr/lib/debug/.build-id"


def check(kind: Kind, target: UprobeAttach) -> None:
    probes.require("uprobe")
    if not target.fn_name and not target.offset:
        raise InvalidRequest(
            "uprobe attach requires a function name or a non-zero offset", "--fn-name or --offset"
        )
    with find(target) as file:
        offset_in(file, target.target, target.fn_name, target.offset, target.container_pid)


def create(kind: Kind, program_fd: int, target: UprobeAttach) -> Link:
    what = f"attach {kind.name} to {target}"
    pid = processes.own_number(target.pid) if target.pid else 0
    with find(target) as file:
        offset = offset_in(file, target.target, target.fn_name, target.offset, target.container_pid)
        try:
            event = probes.uprobe_event(file.name, offset, target.retprobe, pid)
        except OSError as error:
            raise explained(what, error, target.pid) from error
    return events.link(program_fd, event, what)


def find(target: UprobeAttach) -> File:
    """The file; a process that is asked for must be there, and be one that the kernel can watch from here."""
    if target.pid:
        processes.own_number(target.pid)
    return sight.find(target.target, target.pid, target.container_pid)


def offset_in(file: File, target: str, symbol: str, offset: int, container_pid: int = 0) -> int:
    """The place in the file: `offset` bytes behind a symbol, or behind the beginning where none is given."""
    if not symbol:
        _check_offset(file, target, offset)
        return offset
    with executable.read(file.fd) as program:
        found = program.symbol(symbol) or _in_debug_file(program, symbol, container_pid)
        if found is None:
            raise _unknown(program, target, symbol)
        if found.size and offset >= found.size:
            raise InvalidRequest(
                f"offset {offset} is past the end of {symbol} ({found.size} bytes) in {target}"
            )
        return program.offset_of(found.address + offset)


def explained(what: str, error: OSError, pid: int = 0) -> Exception:
    """The error for a perf event that the kernel did not make."""
    if error.errno == errno.ESRCH:
        return ProcessNotFound(f"{what}: process {pid} is gone")
    hint = {
        errno.EINVAL: "the kernel does not put probes there: the place is outside of the file or of its code",
        errno.EOPNOTSUPP: "the instruction at that place cannot be probed: take the beginning of another one",
        errno.ENOTSUP: "the instruction at that place cannot be probed: take the beginning of another one",
        errno.EIO: "the file is on a file system that cannot be probed",
    }.get(error.errno or 0) or refusals.hint(error.errno or 0, "CAP_PERFMON")
    return KernelRefused(what, error.errno or 0, hint)


def _check_offset(file: File, target: str, offset: int) -> None:
    size = os.fstat(file.fd).st_size
    if offset >= size:
        raise InvalidRequest(f"offset {offset} is past the end of {target} ({size} bytes)")
    try:
        with executable.read(file.fd) as program:
            if program.is_code(offset):
                return
    except Unsupported:  # 32-bit: the kernel will tell
        return
    raise InvalidRequest(
        f"offset {offset} of {target} is not in its code",
        "without --fn-name, --offset counts from the beginning of the file, not from an address",
    )


def _in_debug_file(program: Executable, symbol: str, container_pid: int) -> Symbol | None:
    """The symbol of a stripped file, from its debug file: where the program lives, or else here."""
    build_id = program.build_id()
    if len(build_id) < 4:
        return None
    path = f"{_DEBUG}/{build_id[:2]}/{build_id[2:]}.debug"
    for place in dict.fromkeys((container_pid, 0)):
        if (file := sight.open_in_sight(path, place)) is not None:
            with file, executable.read(file.fd) as debug:
                if debug.build_id() == build_id and (found := debug.symbol(symbol)) is not None:
                    return found
    return None


def _unknown(program: Executable, target: str, symbol: str) -> Exception:
    from bpfman.bpf.near import symbol_not_found

    names = set(program.symbol_names())
    if not program.has_symbols():
        hint = (
            f"{target} is stripped: install its debug symbols, so that {_DEBUG}/ has them, or give --offset"
        )
    else:
        hint = f"`readelf -sW {target}` lists the symbols"
    return symbol_not_found(f"symbol in {target}", symbol, names, hint)
