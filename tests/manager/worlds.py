# SPDX-License-Identifier: Apache-2.0
"""A world of its own for an operation that is cut short: a runtime directory, one end of a veth pair, and what must be
true in it.

A manager's every touch of the kernel, the database and files can be an event there: something to fail at (`Events`), or
to be killed at (`Moments`).  Used by the tests of operations, of their recovery and of signals.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import traceback
from contextlib import ExitStack, contextmanager

from bpfman import Layout, Manager
from bpfman.bpf.kernel import Kernel
from bpfman.model.hook import CHAIN_TYPES, ORDERED_TYPES
from bpfman.model.link import TcxDetails
from bpfman.store.connection import Connection
from bpfman.store.database import Store
from bpfman.syscalls import bpf, mounts
from bpfman.syscalls.filters import filters
from bpfman.syscalls.interfaces import interface
from bpfman.syscalls.namespaces import entered
from bpfman.syscalls.netlink import RouteSocket
from bpfman.syscalls.qdiscs import has_clsact
from tests.manager.hooks import Hooked, files_below, load, on, tcx_programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import NoReturn

    from bpfman.model.link import AttachSpec
    from bpfman.testing.network import VethPair

# There are hundreds of runtime directories: that is not the disk's business.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
_HAS_TCX = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 6)
# What only looks, or opens what is there.
READERS = frozenset(
    "program has_program map link program_ids pinned_program pinned_link open_program open_map open_pinned_map "
    "open_link missing_functions pin_exists pins_in interface find_namespace xdp_mode xdp_program interface_name "
    "check_target has_clsact filter_handles filter_program".split()
)


def nothing(what: str) -> None: ...


class Events:
    """Tells of each thing that changes the kernel, the database or a file: `before` it is done, and `after`."""

    def __init__(
        self, before: Callable[[str], None] = nothing, after: Callable[[str], None] = nothing
    ) -> None:
        self._before, self._after = before, after

    def around(self, what: str, act):
        def told(*arguments, **options):
            self._before(what)
            result = act(*arguments, **options)
            self._after(what)
            return result

        return told

    def kernel(self) -> Kernel:
        events = self

        class Told(Kernel):
            def __getattribute__(self, name: str):
                found = super().__getattribute__(name)
                if name.startswith("_") or name in READERS or not callable(found):
                    return found
                return events.around(name, found)

        return Told()

    @contextmanager
    def everywhere(self) -> Iterator[Kernel]:
        """Commits and renames are events too."""
        events, commit, rename = self, Connection.commit, os.rename

        def told_commit(connection: Connection) -> None:
            try:
                events._before("commit")
            except BaseException:
                connection.rollback()
                raise
            commit(connection)
            events._after("commit")

        Connection.commit = told_commit  # type: ignore
        os.rename = self.around("rename", rename)
        try:
            yield self.kernel()
        finally:
            Connection.commit = commit  # type: ignore
            os.rename = rename


class Moments:
    """Tells of each system call that changes the kernel or a file, and of each commit, once it is done.  Finer than
    `Events`, as a process may be killed between any two of them; for a child that ends soon."""

    # bpf(2); a program or map that is only made is nobody's yet, and goes with its descriptor
    COMMANDS = frozenset({bpf.MAP_UPDATE, bpf.OBJ_PIN, bpf.LINK_CREATE, bpf.LINK_UPDATE, bpf.LINK_DETACH})
    REQUESTS = frozenset({36, 37, 44, 45})  # rtnetlink: new and deleted qdiscs, new and deleted filters
    FILES = ("mkdir", "rmdir", "unlink", "rename", "fsync", "symlink")

    def __init__(self, after: Callable[[str], None]) -> None:
        self._after = after

    def __enter__(self) -> None:
        commit, request, syscall = Connection.commit, RouteSocket.request, bpf._syscall

        def told_commit(connection: Connection) -> None:
            commit(connection)
            self._after("commit")

        def told_request(route: RouteSocket, kind: int, *arguments, **options):
            answer = request(route, kind, *arguments, **options)
            if kind in self.REQUESTS:
                self._after(f"rtnetlink {kind}")
            return answer

        def told_syscall(number: int, command: int, *arguments):
            result = syscall(number, command, *arguments)
            if command in self.COMMANDS and result >= 0:
                self._after(f"bpf {command}")
            return result

        Connection.commit = told_commit  # type: ignore
        RouteSocket.request = told_request  # type: ignore
        bpf._syscall = told_syscall  # type: ignore
        for name in self.FILES:
            setattr(os, name, self._around(f"os.{name}", getattr(os, name)))

    def __exit__(self, *_: object) -> None:
        """What a child patched goes with it."""

    def _around(self, what: str, act):
        def told(*arguments, **options):
            result = act(*arguments, **options)
            self._after(what)
            return result

        return told


class World:
    """A runtime directory and one end of a veth pair, with what an operation needs to remember."""

    def __init__(self, layout: Layout, veth: VethPair, held: ExitStack) -> None:
        """`held` is what an operation made beside it, which goes with it."""
        self.layout, self.veth, self.held = layout, veth, held
        self.target: AttachSpec | None = None
        self.manager = Manager(layout, warn=print)
        self.ids: dict[str, int] = {}

    def hooked(self, kind: str) -> Hooked:
        return on(kind, self.veth)

    def load(self, label: str, object_name: str, kind: str, name: str, **options: object) -> int:
        self.ids[label] = load(self.manager, object_name, kind, name, **options)
        return self.ids[label]

    def members(self, kind: str, *labels: str) -> None:
        """Members of a chain, each of a program of its own: link "a" attaches program "program a"."""
        hooked = self.hooked(kind)
        for priority, label in enumerate(labels):
            program = hooked.load(self.manager, hooked.go_on)
            self.ids[f"program {label}"] = program
            self.ids[label] = hooked.attach(self.manager, program, 10 * priority)

    def state(self) -> tuple:
        """What there is, in words that two runs of an operation share."""
        manager, names = self.manager, {}
        for entry in manager.programs():
            assert entry.record is not None
            names[entry.program_id] = entry.record.name
        links = [(link.kind, names[link.program_id]) for link, _ in manager.links()]
        chains = [
            (chain.record.hook.type, chain.record.accounting, tuple(m.program_name for m in chain.members),
             tuple(m.position for m in chain.members))
            for chain in manager.chains()
        ]  # fmt: skip
        return tuple(sorted(names.values())), tuple(links), tuple(chains)

    def running(self) -> dict[str, list[int]]:
        """The ids of the programs of ours at each hook."""
        end = self.veth.a
        with entered(end.namespace.path):
            found = interface(end.ifindex)
            by_filter = {
                f"tc-{direction}": [
                    each.program_id
                    for each in filters(end.ifindex, direction)
                    if each.name == "bpfman_chain" and each.program_id
                ]
                for direction in ("ingress", "egress")
            }
        assert all(len(ours) <= 1 for ours in by_filter.values())
        by_link = [found.xdp.program_id] if found and found.xdp else []
        by_rank = tcx_programs(end, "ingress") if _HAS_TCX else []
        return {"xdp": by_link, **by_filter, "tcx-ingress": by_rank}

    def left_alone(self, before: dict[str, list[int]], between: dict[str, list[int]]) -> list[str]:
        """The hooks that had something before and have now, but ran nothing in between; of TCX, where each has a link
        of its own, whoever stayed must have run."""
        now = self.running()
        without = [kind for kind in now if before[kind] and now[kind] and not between[kind]]
        stayed = set(before["tcx-ingress"]) & set(now["tcx-ingress"])
        return without + (["tcx-ingress"] if stayed - set(between["tcx-ingress"]) else [])

    def has_clsact(self) -> bool:
        with entered(self.veth.a.namespace.path):
            return has_clsact(self.veth.a.ifindex)

    def wrong(self) -> dict[str, object]:
        """Where rows, pins, files and the kernel disagree, and what is there that should not be."""
        chains = {chain.record.hook.type: chain.record.program_id for chain in self.manager.chains()}
        ranks = {
            link.details.position: link.program_id
            for link, _ in self.manager.links()
            if link.kind == "tcx" and isinstance(link.details, TcxDetails)
        }
        recorded = {kind: [program] for kind, program in chains.items()}
        recorded["tcx-ingress"] = [ranks[position] for position in sorted(ranks)]
        files, expected = files_below(self.layout), self._expected_files()
        with Store.open(self.layout) as store:
            unfinished = store.unfinished() if store.has_unfinished() else ()
        found = {
            "unfinished rows": unfinished,
            "doctor": [(finding.subject, finding.what) for finding in self.manager.examine()],
            "running": {
                kind: (programs, recorded.get(kind, []))
                for kind, programs in self.running().items()
                if programs != recorded.get(kind, [])
            },
            "files too many": files - expected,
            "files missing": expected - files,
            "clsact": self.has_clsact() != any(kind.startswith("tc-") for kind in chains),
        }
        return {what: how for what, how in found.items() if how}

    def _expected_files(self) -> set[str]:
        paths: set[str] = set()
        for entry in self.manager.programs():
            record = entry.record
            assert record is not None
            paths |= {record.pin_path, record.object_path, self.layout.provenance(record.program_id)}
        paths |= {each.pin_path for each in self.manager.maps()}
        with Store.open(self.layout) as store:
            for entry in self.manager.programs():
                shared = (each for each in store.program_maps(entry.program_id) if each.shared)
                paths |= {self.layout.shared_map(each.name) for each in shared}
        for link, _ in self.manager.links():
            pin = link.pin_path or ""
            # A link of several parts is a directory of theirs.
            paths |= {pin, *(f"{pin}/{name}" for name in (os.listdir(pin) if os.path.isdir(pin) else ()))}
        for chain in self.manager.chains():
            paths.add(self.layout.chain_program(chain.record.hook))
            if chain.record.accounting:
                paths.add(self.layout.accounting(chain.record.hook))
        frame = {self.layout.runtime_dir, self.layout.fs, self.layout.programs_dir}
        folders = {os.path.dirname(path) for path in paths} - frame
        kinds = {
            f"{self.layout.fs}/{name}" for name in ("maps", "links", "shared", *CHAIN_TYPES, *ORDERED_TYPES)
        }
        return {os.path.relpath(path, self.layout.runtime_dir) for path in (paths | folders) - kinds}

    def left(self) -> dict[str, object]:
        """What stays when all is taken away."""
        self.manager.delete_programs(None)
        return self.wrong()


@contextmanager
def world(veth: VethPair) -> Iterator[World]:
    folder = tempfile.mkdtemp(prefix="bpfman-", dir=_MEMORY)
    layout = Layout(folder)
    try:
        with ExitStack() as held:
            yield World(layout, veth, held)
    finally:
        if mounts.is_mount_point_of(layout.fs, "bpf"):
            mounts.unmount(layout.fs)
        shutil.rmtree(folder)


def in_a_child(act: Callable[[], object]) -> int:
    """Runs `act` in a child process; its exit status, or minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        child(act)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def child(act: Callable[[], object]) -> NoReturn:
    """What a child that was just forked does to its end: `act`, and nothing of what its parent has in mind."""
    status = 1
    try:
        act()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def side_by_side(veths: Sequence[VethPair], act: Callable[[int, VethPair], object]) -> None:
    """Runs `act(number, pair)` for each pair at once, each in a child: what they do is mostly waiting for the kernel.
    A child's failure is printed, and fails the test."""
    children = []
    for number, veth in enumerate(veths):
        pid = os.fork()
        if pid == 0:
            child(lambda number=number, veth=veth: act(number, veth))  # type: ignore[misc]
        children.append(pid)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert statuses == [0] * len(children), "see what they printed"
