# SPDX-License-Identifier: Apache-2.0
"""Every change that there is, as an operation to be cut short anywhere.

An operation is prepared in a world of its own (`worlds`), then carried out by a manager that is watched there.
"""

from __future__ import annotations

import os

from bpfman import Manager, ProgramSpec, tcx, tracepoint
from bpfman.model.value import NamedTuple
from bpfman.store.database import Store
from tests.manager.hooks import OBJECTS, run_tc, until_gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.manager.worlds import World


class Operation(NamedTuple):
    """`prepare` makes the world in which `act` makes a change with the manager it is given; with `disturbed`, a world
    in which something is wrong until then."""

    name: str
    prepare: Callable[[World], object]
    act: Callable[[World, Manager], object]
    disturbed: bool = False
    lenient: bool = False  # what fails of its parts does not keep it from the others
    alone: bool = False  # the kernel has one of it at a time

    @property
    def takes_away(self) -> bool:
        """Whether there is a point from which on it can only be completed."""
        return any(word in self.name for word in ("unload", "detach the last", "tcx: detach", "clears away"))

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


def _trace(world: World, manager: Manager, label: str, link: str = ""):
    where = tracepoint("syscalls/sys_enter_kill" if not link else "syscalls/sys_enter_tkill")
    world.ids[f"link {link or label}"] = manager.attach(world.ids[label], where).record.id


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


def _prepare_sharing(world: World, *going: str) -> None:
    """Two programs that use the maps of a third, and then `going` gone."""
    owner = world.load("owner", "xdp_counter", "xdp", "xdp_stats")
    for label in ("first", "second"):
        world.load(label, "xdp_counter", "xdp", "xdp_stats", map_owner_id=owner)
    world.manager.unload([world.ids[label] for label in going])


def _prepare_pinned_by_name(world: World) -> None:
    for label in ("first", "second"):
        world.load(label, "pin_by_name", "xdp", "pin_by_name")


def _prepare_several_links(world: World) -> None:
    _prepare_tracepoint(world)
    _trace(world, world.manager, "kills", "again")
    world.ids["other"] = world.hooked("xdp").load(world.manager, "pass")


def _prepare_between(world: World) -> None:
    _prepare_tcx(world)
    world.load("three", "tcx", "tcx", "tcx_ingress")
    _tcx(world, world.manager, "three", 70)


def _prepare_dead(world: World) -> None:
    """A member and a program with a link of its own, whose pins somebody removed."""
    world.members("xdp", "a", "b")
    _prepare_tracepoint(world)
    os.unlink(world.manager.link(world.ids["link kills"]).record.pin_path or "")
    for label in ("program a", "kills"):
        os.unlink(world.layout.program_pin(world.ids[label]))
    until_gone([world.ids["program a"], world.ids["kills"]])


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
    Operation(
        "unload the owner of maps that others use",
        _prepare_sharing,
        lambda world, manager: manager.unload([world.ids["owner"]]),
    ),
    Operation(
        "unload the last user of the maps of a program that is gone",
        lambda world: _prepare_sharing(world, "owner", "first"),
        lambda world, manager: manager.unload([world.ids["second"]]),
    ),
    Operation(
        "unload a program with all that use its maps",
        _prepare_sharing,
        lambda world, manager: manager.delete_programs([world.ids["owner"]], recursive=True),
    ),
    Operation(
        "load another program with a map that is pinned by name",
        lambda world: world.load("there", "pin_by_name", "xdp", "pin_by_name"),
        lambda world, manager: manager.load_file(_path("pin_by_name"), [ProgramSpec("xdp", "pin_by_name")]),
    ),
    Operation(
        "unload one of two programs with a map that is pinned by name",
        _prepare_pinned_by_name,
        lambda world, manager: manager.unload([world.ids["first"]]),
    ),
    Operation(
        "unload a program with several links",
        _prepare_several_links,
        lambda world, manager: manager.unload([world.ids["kills"]]),
    ),
    Operation(
        "unload programs by detaching their links",
        _prepare_several_links,
        lambda world, manager: manager.delete_links([world.ids["link kills"], world.ids["link again"]]),
    ),
    Operation(
        "load a program, which clears away the dead",
        _prepare_dead,
        lambda world, manager: manager.load_file(_path("xdp_counter"), [ProgramSpec("xdp", "xdp_stats")]),
        disturbed=True,
        lenient=True,
    ),
    *_chain_operations("xdp"),
    *_chain_operations("tc-ingress"),
    *(
        each
        for each in _chain_operations("tc-egress")
        if "count" not in each.name and "another" not in each.name
    ),
    Operation(
        "tc: detach where the filter was removed by hand",
        _prepare_removed_filter,
        lambda world, manager: manager.detach([world.ids["a"]]),
        disturbed=True,
    ),
    Operation("tcx: attach", _prepare_tcx, lambda world, manager: _tcx(world, manager, "two", 10)),
    Operation(
        "tcx: attach between two", _prepare_between, lambda world, manager: _tcx(world, manager, "two", 60)
    ),
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
