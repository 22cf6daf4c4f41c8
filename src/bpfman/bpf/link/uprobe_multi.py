# SPDX-License-Identifier: Apache-2.0
"""Uprobes at many symbols of a program or library with one link (6.6), which attaches them at once."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager

from bpfman.bpf import place, processes, refusals, sight
from bpfman.bpf.link.link import Link
from bpfman.bpf.near import matching
from bpfman.errors import KernelRefused, ProcessNotFound, Unsupported
from bpfman.model.kinds import ATTACH_TRACE_UPROBE_MULTI, PROG_KPROBE
from bpfman.syscalls import bpf, bpf_links, probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.sight import File
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import UprobeMultiAttach


def check(kind: Kind, target: UprobeMultiAttach) -> None:
    probes.require("uprobe")
    if target.pid and _takes_threads():
        raise Unsupported(
            f"this kernel limits {kind.name} to a thread where a process is meant, which Linux 6.10 mended",
            "leave --pid out, or attach to the functions one by one, with uprobe",
        )
    with sight.find(target.target, target.pid, target.container_pid) as file:
        _offsets(file, target)


def create(kind: Kind, program_fd: int, target: UprobeMultiAttach) -> Link:
    what = f"attach {kind.name} to {target}"
    pid = processes.own_number(target.pid) if target.pid else 0
    with sight.find(target.target, target.pid, target.container_pid) as file:
        offsets = _offsets(file, target)
        try:
            return Link(
                bpf_links.uprobe_multi(
                    program_fd, ATTACH_TRACE_UPROBE_MULTI, file.name, offsets, target.retprobe, pid
                )
            )
        except OSError as error:
            if error.errno == errno.ESRCH:
                raise ProcessNotFound(f"{what}: process {target.pid} is gone") from error
            hint = f"{kind.name} came with Linux {kind.attach_since}" if error.errno == errno.EINVAL else ""
            raise KernelRefused(what, error.errno or 0, hint or refusals.hint(error.errno or 0)) from error


def _offsets(file: File, target: UprobeMultiAttach) -> list[int]:
    """The places in the file: aliases of one place count once."""
    places = place.functions_in(file, target.container_pid)
    return sorted({places[name] for name in matching(f"symbol in {target.target}", target.functions, places)})


def supported() -> bool:
    """Whether the kernel attaches to many places at once, and lets --pid mean a process."""
    with _probe() as program:
        return program is not None and _is_known(program) and _takes_processes(program)


def _takes_threads() -> bool:
    with _probe() as program:
        return program is not None and _is_known(program) and not _takes_processes(program)


@contextmanager
def _probe() -> Iterator[int | None]:
    """A program to ask with; None where not even that is taken."""
    exit_with_0 = b"\xb7\x00\x00\x00\x00\x00\x00\x00\x95" + bytes(7)
    try:
        program = bpf.prog_load(
            PROG_KPROBE, exit_with_0, "GPL", name="probe", expected_attach=ATTACH_TRACE_UPROBE_MULTI
        )
    except OSError:
        yield None
        return
    try:
        yield program
    finally:
        os.close(program)


def _is_known(program: int) -> bool:
    """Asked with a directory in place of a file: a kernel that knows such links gets as far as looking at it."""
    return _refusal(program, 0) == errno.EBADF


def _takes_processes(program: int) -> bool:
    """The kernels that do (6.10, and older ones that were mended) look at the process before the file."""
    return _refusal(program, 0xFFFFFFFF) == errno.EINVAL


def _refusal(program: int, pid: int) -> int:
    try:
        link = bpf_links.uprobe_multi(program, ATTACH_TRACE_UPROBE_MULTI, "/", [0], False, pid)
    except OSError as error:
        return error.errno or 0
    os.close(link)
    return 0
