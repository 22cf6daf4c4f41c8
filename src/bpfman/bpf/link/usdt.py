# SPDX-License-Identifier: Apache-2.0
"""USDT: the markers that makers of programs and libraries put into them, all places of one by one link.

Where the kernel has uprobe.multi (6.6; with process filters that hold since 6.10), that is one link of the kernel; else
one on a perf event a place.  A marker's semaphore, by which a program sees whether anybody watches, is counted by the
kernel as long as the link is there.  Programs that call bpf_usdt_arg() of libbpf's usdt.bpf.h find where the arguments
are in a map of their object, which is filled here: the attach cookie is the number of the entry.
"""

from __future__ import annotations

import errno
from struct import Struct

from bpfman.bpf import executable, info, processes, usdt, usdt_arguments
from bpfman.bpf.link import events, uprobe, uprobe_multi
from bpfman.bpf.link.link import Link
from bpfman.bpf.map import Map
from bpfman.errors import Conflict, InvalidRequest, KernelRefused, ProcessNotFound, Unsupported
from bpfman.model.kinds import ATTACH_TRACE_UPROBE_MULTI
from bpfman.syscalls import bpf_links, probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.bpf.sight import File
    from bpfman.bpf.usdt import Site
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import UsdtAttach

_SPECS = "__bpf_usdt_spec"  # __bpf_usdt_specs, as the kernel cuts it off
_KEY = Struct("=I")
_MOST_COUNTER = (1 << 32) - 1  # what fits into a perf event's config


def check(kind: Kind, target: UsdtAttach) -> None:
    probes.require("uprobe")
    provider, colon, name = target.marker.partition(":")
    if not (provider and colon and name):
        raise InvalidRequest(
            f'"{target.marker}" is not of the form PROVIDER:NAME', "such as python:gc__start"
        )
    with uprobe.find(target) as file:
        _sites(file, target)


def create(kind: Kind, program_fd: int, target: UsdtAttach) -> Link:
    what = f"attach {kind.name} to {target}"
    pid = processes.own_number(target.pid) if target.pid else 0
    with uprobe.find(target) as file:
        places = _sites(file, target)
        cookies = _cookies(program_fd, places, target.cookie)
        first, second = _at_once, _one_by_one
        if not uprobe_multi.supported():
            first, second = second, first
        try:
            return first(program_fd, file, places, cookies, pid)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise _explained(what, error, target) from error
        # Which of the two a program may be attached by was settled when it was loaded, perhaps by libbpf.
        try:
            return second(program_fd, file, places, cookies, pid)
        except OSError as error:
            events.require(program_fd)
            raise _explained(what, error, target) from error


def _explained(what: str, error: OSError, target: UsdtAttach) -> Exception:
    if error.errno == errno.ESRCH:
        return ProcessNotFound(f"{what}: process {target.pid} is gone")
    return uprobe.explained(what, error, target.pid)


def _sites(file: File, target: UsdtAttach) -> list[Site]:
    with executable.read(file.fd) as program:
        found = usdt.sites(program, target.marker)
        if not found:
            raise _unknown(usdt.names(program), target)
    return found


def _unknown(names: set[str], target: UsdtAttach) -> Exception:
    from bpfman.bpf.near import symbol_not_found

    hint = f"`readelf -n {target.target}` lists the markers, as Provider and Name"
    if not names:
        hint = f"{target.target} has no markers at all: it may have been built without (--with-dtrace)"
    return symbol_not_found(f"USDT marker in {target.target}", target.marker, names, hint)


def _at_once(program_fd: int, file: File, places: Sequence[Site], cookies: Sequence[int], pid: int) -> Link:
    """One link of the kernel.  Raises OSError."""
    return Link(
        bpf_links.uprobe_multi(
            program_fd, ATTACH_TRACE_UPROBE_MULTI, file.name, [site.offset for site in places], False, pid,
            ref_counters=[site.semaphore for site in places], cookies=cookies,
        )
    )  # fmt: skip


def _one_by_one(
    program_fd: int, file: File, places: Sequence[Site], cookies: Sequence[int], pid: int
) -> Link:
    """A link on a perf event for each place.  Raises OSError where an event cannot be made, EINVAL where the program is
    not for perf events."""
    if (far := max(site.semaphore for site in places)) > _MOST_COUNTER:
        raise Unsupported(f"the marker's semaphore is at {far} in the file, beyond 4 GiB")
    links: list[Link] = []
    try:
        for site, cookie in zip(places, cookies, strict=True):
            event = probes.uprobe_event(file.name, site.offset, False, pid, site.semaphore)
            links.append(events.link(program_fd, event, f"attach usdt to {file.path}+{site.offset}", cookie))
        return events.LinkSet(links) if len(links) > 1 else links[0]
    except BaseException as error:
        for link in links:
            link.close()
        if isinstance(error, Unsupported) or (
            isinstance(error, KernelRefused) and error.errno == errno.EINVAL
        ):
            raise OSError(errno.EINVAL, str(error)) from error
        raise


def _cookies(program_fd: int, places: Sequence[Site], cookie: int) -> list[int]:
    """For each place the number of the entry that describes its arguments; for programs that look at none, the cookie
    itself.  Entries are never taken away: what was described once can be used again, and is by other links."""
    specs = _specs(program_fd)
    if specs is None:
        return [cookie] * len(places)
    with specs:
        size = specs.info.value_size
        if not usdt_arguments.is_known(size):
            raise Unsupported(
                f"the object's usdt.bpf.h is of a version that is not known: its specs have {size} bytes",
                "build the object with the usdt.bpf.h of libbpf 0.8 to 1.7",
            )
        wanted = [
            usdt_arguments.encode(usdt_arguments.parse(site.arguments), cookie, size) for site in places
        ]
        numbers = _entries(specs, wanted)
    return [numbers[each] for each in wanted]


def _specs(program_fd: int) -> Map | None:
    """The map of specs that the program uses."""
    for map_id in info.program(program_fd).map_ids:
        found = info.map_by_id(map_id)
        if found is not None and found.name == _SPECS:
            return Map.by_id(map_id)
    return None


def _entries(specs: Map, wanted: Sequence[bytes]) -> dict[bytes, int]:
    """The numbers of the entries with these values; those that are not there yet are written."""
    there: dict[bytes, int] = {}
    free: list[int] = []
    for number in range(specs.info.max_entries):
        value = specs.lookup(_KEY.pack(number))
        if number and not any(value):
            free.append(number)
        there.setdefault(value, number)
    for value in wanted:
        if value in there:
            continue
        if not free:
            raise Conflict(
                f"the program's map of USDT arguments is full ({specs.info.max_entries} entries)",
                "define BPF_USDT_MAX_SPEC_CNT before usdt.bpf.h is included, or load the object once more",
            )
        there[value] = free.pop(0)
        specs.update(_KEY.pack(there[value]), value)
    return there
