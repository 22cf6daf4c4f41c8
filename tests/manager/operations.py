# SPDX-License-Identifier: Apache-2.0
"""Every change that there is, as an operation to be cut short anywhere, and what must be true afterwards.

An operation is prepared in a world of its own (a runtime directory; the network is the test's), then carried out by a
manager whose every touch of the kernel and of the database is an event: something to fail at, or to be killed at.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import traceback
from contextlib import contextmanager

from bpfman import Layout, Manager, ProgramSpec, tcx, tracepoint
from bpfman.bpf.kernel import Kernel
from bpfman.model.link import TcxDetails
from bpfman.model.value import NamedTuple
from bpfman.store.connection import Connection
from bpfman.store.database import Store
from bpfman.syscalls import mounts
from bpfman.syscalls.filters import filters
from bpfman.syscalls.interfaces import interface
from bpfman.syscalls.namespaces import entered
from bpfman.syscalls.qdiscs import has_clsact
from tests.manager.hooks import OBJECTS, Hooked, files_below, load, on, run_tc, tcx_programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpfman.testing.network import VethPair

# There are hundreds of runtime directories: that is not the disk's business.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# What only looks, or opens what is there.
READERS = frozenset(
    "program map link program_ids pinned_program pinned_link open_program open_map open_pinned_map open_link "
    "pin_exists pins_in interface find_namespace interface_exists xdp_mode xdp_program interface_name "
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


class World:
    """A runtime directory and one end of a veth pair, with what an operation needs to remember."""

    def __init__(self, layout: Layout, veth: VethPair) -> None:
        self.layout, self.veth = layout, veth
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

    def running(self) -> dict[str, int | None]:
        """The id of the program of ours at each hook."""
        end = self.veth.a
        with entered(end.namespace.path):
            found = interface(end.ifindex)
            ours = [
                each.program_id for each in filters(end.ifindex, "ingress") if each.name == "bpfman_chain"
            ]
        assert len(ours) <= 1
        return {
            "xdp": found.xdp.program_id if found and found.xdp else None,
            "tc-ingress": ours[0] if ours else None,
        }

    def has_clsact(self) -> bool:
        with entered(self.veth.a.namespace.path):
            return has_clsact(self.veth.a.ifindex)

    def wrong(self) -> dict[str, object]:
        """Where rows, pins, files and the kernel disagree, and what is there that should not be."""
        chains = {chain.record.hook.type: chain.record.program_id for chain in self.manager.chains()}
        ranks = {
            link.details.position: link.program_id
            for link, _ in self.manager.links()
            if isinstance(link.details, TcxDetails)
        }
        files, expected = files_below(self.layout), self._expected_files()
        with Store.open(self.layout) as store:
            unfinished = store.unfinished() if store.has_unfinished() else ()
        found = {
            "unfinished rows": unfinished,
            "doctor": [(finding.subject, finding.what) for finding in self.manager.examine()],
            "running": {
                kind: (program, chains.get(kind))
                for kind, program in self.running().items()
                if program != chains.get(kind)
            },
            "files too many": files - expected,
            "files missing": expected - files,
            "tcx": tcx_programs(self.veth.a, "ingress") != [ranks[position] for position in sorted(ranks)],
            "clsact": self.has_clsact() != ("tc-ingress" in chains),
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
        paths |= {link.pin_path or "" for link, _ in self.manager.links()}
        for chain in self.manager.chains():
            paths.add(self.layout.chain_program(chain.record.hook))
            if chain.record.accounting:
                paths.add(self.layout.accounting(chain.record.hook))
        frame = {self.layout.runtime_dir, self.layout.fs, self.layout.programs_dir}
        folders = {os.path.dirname(path) for path in paths} - frame
        kinds = {
            f"{self.layout.fs}/{name}"
            for name in ("maps", "links", "shared", "xdp", "tc-ingress", "tcx-ingress")
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
        yield World(layout, veth)
    finally:
        if mounts.is_mount_point_of(layout.fs, "bpf"):
            mounts.unmount(layout.fs)
        shutil.rmtree(folder)


class Operation(NamedTuple):
    """`prepare` makes the world in which `act` makes a change with the manager it is given; with `disturbed`, a world
    in which something is wrong until then."""

    name: str
    prepare: Callable[[World], object]
    act: Callable[[World, Manager], object]
    disturbed: bool = False

    @property
    def takes_away(self) -> bool:
        return "unload" in self.name or "detach the last" in self.name or self.name == "tcx: detach"

    def states(self, there: World) -> list[tuple]:
        """The states that there are on the way: before, after, and where one plan is done and the next has not begun
        (unloading a program detaches its links first)."""
        self.prepare(there)
        found = [there.state()]

        def done(step: object) -> None:
            with Store.open(there.layout) as store:
                if not store.has_unfinished():
                    found.append(there.state())

        self.act(there, Manager(there.layout, done=done))
        assert there.state() == found[-1]
        return list(dict.fromkeys(found))


def _path(name: str) -> str:
    return f"{OBJECTS}/{name}.o"


def _tcx(world: World, manager: Manager, label: str, priority: int):
    where = tcx(world.veth.a.interface, "ingress", priority=priority, netns=world.veth.a.namespace.path)
    world.ids[f"link {label}"] = manager.attach(world.ids[label], where).record.id


def _trace(world: World, manager: Manager, label: str):
    world.ids[f"link {label}"] = manager.attach(
        world.ids[label], tracepoint("syscalls/sys_enter_kill")
    ).record.id


def _prepare_tcx(world: World) -> None:
    for label in ("one", "two"):
        world.load(label, "tcx", "tcx", "tcx_ingress")
    _tcx(world, world.manager, "one", 50)


def _prepare_tracepoint(world: World) -> None:
    world.load("kills", "tracepoint_kill", "tracepoint", "tracepoint_kill")
    _trace(world, world.manager, "kills")


def _prepare_everything(world: World) -> None:
    """One program, wherever it can be: a member twice, beside others."""
    world.members("xdp", "a", "b")
    hooked = world.hooked("xdp")
    hooked.attach(world.manager, world.ids["program a"], 100)


def _prepare_removed_filter(world: World) -> None:
    world.members("tc-ingress", "a", "b")
    end = world.veth.a
    run_tc(end, "filter", "del", "dev", end.interface, "ingress")


def _chain_operations(kind: str) -> list[Operation]:
    def attach(world: World, manager: Manager):
        world.hooked(kind).attach(manager, world.ids["new"], 5)

    def load_new(world: World) -> None:
        hooked = world.hooked(kind)
        world.ids["new"] = hooked.load(world.manager, hooked.stop)

    def beside(*labels: str):
        def prepare(world: World) -> None:
            world.members(kind, *labels)
            load_new(world)

        return prepare

    def counting(world: World) -> None:
        beside("a", "b")(world)
        world.manager.set_accounting(world.hooked(kind).hook(world.manager), True)

    def account(on: bool):
        return lambda world, manager: manager.set_accounting(world.hooked(kind).hook(manager), on)

    def detach(*labels: str):
        return lambda world, manager: manager.detach([world.ids[label] for label in labels])

    return [
        Operation(f"{kind}: attach the first member", load_new, attach),
        Operation(f"{kind}: attach another member", beside("a"), attach),
        Operation(f"{kind}: attach a member while counting", counting, attach),
        Operation(f"{kind}: detach one of several", beside("a", "b"), detach("a")),
        Operation(f"{kind}: detach the last", beside("a"), detach("a")),
        Operation(f"{kind}: detach the last while counting", counting, detach("a", "b")),
        Operation(f"{kind}: count", beside("a", "b"), account(True)),
        Operation(f"{kind}: count no more", counting, account(False)),
    ]


OPERATIONS = [
    Operation(
        "load a program with maps",
        lambda world: None,
        lambda world, manager: manager.load_file(_path("xdp_counter"), [ProgramSpec("xdp", "xdp_stats")]),
    ),
    Operation(
        "load two programs that share a map",
        lambda world: world.load("there", "xdp_pass", "xdp", "xdp_pass"),
        lambda world, manager: manager.load_file(
            _path("two_programs"), [ProgramSpec("xdp", "first_xdp"), ProgramSpec("tc", "second_tc")]
        ),
    ),
    Operation(
        "load a program with a map that is pinned by name",
        lambda world: None,
        lambda world, manager: manager.load_file(_path("pin_by_name"), [ProgramSpec("xdp", "pin_by_name")]),
    ),
    Operation(
        "load a program with the maps of another",
        lambda world: world.load("owner", "xdp_counter", "xdp", "xdp_stats"),
        lambda world, manager: manager.load_file(
            _path("xdp_counter"), [ProgramSpec("xdp", "xdp_stats")], map_owner_id=world.ids["owner"]
        ),
    ),
    Operation(
        "unload a program",
        lambda world: world.load("going", "xdp_counter", "xdp", "xdp_stats"),
        lambda world, manager: manager.unload([world.ids["going"]]),
    ),
    Operation(
        "unload a program with a map that is pinned by name",
        lambda world: world.load("going", "pin_by_name", "xdp", "pin_by_name"),
        lambda world, manager: manager.unload([world.ids["going"]]),
    ),
    Operation(
        "unload a program that is a member twice",
        _prepare_everything,
        lambda world, manager: manager.unload([world.ids["program a"]]),
    ),
    *_chain_operations("xdp"),
    *_chain_operations("tc-ingress"),
    Operation(
        "tc: detach where the filter was removed by hand",
        _prepare_removed_filter,
        lambda world, manager: manager.detach([world.ids["a"]]),
        disturbed=True,
    ),
    Operation("tcx: attach", _prepare_tcx, lambda world, manager: _tcx(world, manager, "two", 10)),
    Operation("tcx: detach", _prepare_tcx, lambda world, manager: manager.detach([world.ids["link one"]])),
    Operation(
        "tracepoint: attach",
        lambda world: world.load("kills", "tracepoint_kill", "tracepoint", "tracepoint_kill"),
        lambda world, manager: _trace(world, manager, "kills"),
    ),
    Operation(
        "tracepoint: unload",
        _prepare_tracepoint,
        lambda world, manager: manager.unload([world.ids["kills"]]),
    ),
]


def in_a_child(act: Callable[[], object]) -> int:
    """Runs `act` in a child process; its exit status, or minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
