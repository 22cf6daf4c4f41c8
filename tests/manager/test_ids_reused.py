# SPDX-License-Identifier: Apache-2.0
"""Ids that the kernel gave away again: what a record means is never mistaken for somebody else's, nor touched.

The kernel counts up for years before it begins anew, but it does so at each start of the machine.  So the test takes
everything away, as a power cut does, and has the records name what somebody else has by then."""

from __future__ import annotations

import os
import sqlite3

import pytest

from bpfman import Layout, Manager, tc, tcx, tracepoint, xdp
from bpfman.errors import InvalidRequest
from bpfman.syscalls import mounts
from tests.manager.hooks import files_below, load, run_tc, until_gone

pytestmark = [pytest.mark.kernel, pytest.mark.network]

# Where the database has ids of the kernel's: table, column, whose
IDS = [
    ("programs", "id", "program"),
    ("programs", "map_set_id", "program"),
    ("program_metadata", "program_id", "program"),
    ("program_globals", "program_id", "program"),
    ("program_maps", "program_id", "program"),
    ("program_maps", "map_id", "map"),
    ("program_code", "program_id", "program"),
    ("program_code_maps", "program_id", "program"),
    ("program_code_maps", "map_id", "map"),
    ("shared_maps", "program_id", "program"),
    ("links", "program_id", "program"),
    ("links", "kernel_link_id", "link"),
    ("chains", "program_id", "program"),
    ("chains", "kernel_link_id", "link"),
]


def places(end, priority: int):
    name, netns = end.interface, end.namespace.path
    return [
        xdp(name, priority=priority, netns=netns),
        tc(name, "ingress", priority=priority, netns=netns),
        tcx(name, "egress", priority=priority, netns=netns),
        tracepoint("syscalls/sys_enter_kill"),
    ]


class Party:
    """Somebody's programs, each attached, in a runtime directory of their own."""

    def __init__(self, manager: Manager, end) -> None:
        self.manager = manager
        self.programs = [
            load(manager, "xdp_counter", "xdp", "xdp_stats"),
            load(manager, "tc_counter", "tc", "stats"),
            load(manager, "tcx", "tcx", "tcx_ingress"),
            load(manager, "tracepoint_kill", "tracepoint", "tracepoint_kill"),
        ]
        pairs = zip(self.programs, places(end, priority=1), strict=True)
        self.links = [manager.attach(*pair).record for pair in pairs]

    def kernel_ids(self) -> dict[str, list[int]]:
        chains = [chain.record.program_id for chain in self.manager.chains()]
        return {
            "program": self.programs + chains,
            "map": sorted(each.kernel.id for each in self.manager.maps() if each.kernel),
            "link": [link.kernel_link_id for link in self.links if link.kernel_link_id],
        }


def rename(layout: Layout, old: dict[str, list[int]], new: dict[str, list[int]]) -> None:
    """Have the records say `new` where they say `old`; their tags, load times and pins stay."""
    database = sqlite3.connect(layout.database, isolation_level=None)
    database.execute("PRAGMA foreign_keys = OFF")
    for table, column, kind in IDS:
        for before, after in zip(old[kind], new[kind], strict=True):
            database.execute(f"UPDATE {table} SET {column} = {after} WHERE {column} = {before}")
    for before, after in zip(old["program"], new["program"], strict=True):
        paths = (layout.bytecode(after), layout.program_pin(after), layout.map_dir(after))
        database.execute(
            "UPDATE programs SET object_path = ?, pin_path = ?, map_pin_path = ? WHERE id = ?",
            (*paths, after),
        )
        if os.path.exists(layout.program_dir(before)):  # a chain has none
            os.rename(layout.program_dir(before), layout.program_dir(after))
    database.close()


@pytest.fixture
def others(tmp_path, veths):
    """Somebody else, on another interface."""
    made = Manager(Layout(str(tmp_path / "others")))
    party = Party(made, veths[0].a)
    yield party
    assert made.examine() == []
    assert all(made.link(link.id).status.kernel_seen for link in party.links)
    made.delete_programs(None)
    mounts.unmount(made.layout.fs)


@pytest.fixture
def ours(manager, veth, others):
    """What we had, of which there are only the records left, with ids that are others' now."""
    party = Party(manager, veth.a)
    old = party.kernel_ids()
    mounts.unmount(manager.layout.fs)
    run_tc(veth.a, "qdisc", "del", "dev", veth.a.interface, "clsact")
    until_gone(party.programs)
    rename(manager.layout, old, others.kernel_ids())
    return party


def test_nothing_of_others_is_listed_as_ours(manager, ours, others):
    assert [entry.program_id for entry in manager.programs()] == others.programs
    assert [entry.kernel for entry in manager.programs()] == [None] * 4
    for entry in manager.programs():
        status = manager.program(entry.program_id).status
        assert (status.kernel, status.maps, status.prog_pin_present) == (None, (), False)
    for link in ours.links:
        status = manager.link(link.id).status
        assert (status.kernel, status.kernel_seen, status.pin_present) == (None, False, False)
    assert [each.kernel for each in manager.maps()] == [None] * len(manager.maps())


def test_nothing_of_others_is_attached(manager, ours, others, veth):
    for program, place in zip(others.programs, places(veth.a, priority=2), strict=True):
        with pytest.raises(InvalidRequest, match="not in kernel"):
            manager.attach(program, place)


def test_the_doctor_tells_and_a_repair_leaves_others_alone(manager, ours, others):
    told = [finding.what for finding in manager.examine() if finding.subject.startswith("program ")]
    assert len(told) == 4
    assert all("its id is another program's now" in what for what in told)

    assert manager.repair() == []

    assert manager.programs() == manager.links() == manager.chains() == []
    assert files_below(manager.layout) == set()


@pytest.mark.parametrize("way", ["detach", "unload", "load"])
def test_whatever_clears_them_away_leaves_others_alone(manager, ours, others, way):
    """The fixture looks after the others."""
    if way == "detach":
        manager.detach([link.id for link in ours.links])
    if way == "load":
        load(manager, "xdp_pass", "xdp", "xdp_pass")
    manager.delete_programs(None)

    assert manager.programs() == manager.links() == manager.chains() == []
    assert files_below(manager.layout) == set()
