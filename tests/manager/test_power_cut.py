# SPDX-License-Identifier: Apache-2.0
"""What a power cut, a restart or a person with `rm` leaves: of the database, the pins and the copies, any part may be
gone or torn.  Nothing that runs is lost by looking, everything says what to do, a repair leaves a directory that works.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3

import pytest

from bpfman import Layout, Manager, tracepoint
from bpfman.errors import StoreError
from bpfman.store.database import Store
from bpfman.syscalls import mounts
from tests.manager.hooks import Trails, files_below, load, on, run_tc, until_gone
from tests.manager.worlds import Moments, die, in_a_child

pytestmark = [pytest.mark.kernel, pytest.mark.network]


class Node:
    """Two members on each of two hooks, a tracepoint link, a shared map."""

    def __init__(self, manager, veth):
        self.manager, self.layout, self.veth = manager, manager.layout, veth
        self.hooks = [on("xdp", veth), on("tc-ingress", veth)]
        self.trails = [Trails(manager, hooked) for hooked in self.hooks]
        for hooked, trails in zip(self.hooks, self.trails, strict=True):
            for number in (1, 2):
                hooked.attach(manager, trails.program(number), 10 * number)
        self.own = load(manager, "tracepoint_kill", "tracepoint", "tracepoint_kill")
        manager.attach(self.own, tracepoint("syscalls/sys_enter_kill"))
        load(manager, "pin_by_name", "xdp", "pin_by_name")

    def running(self):
        return [hooked.running() for hooked in self.hooks]

    def works(self):
        """Everything that one does with a directory, on what is there."""
        for hooked, verdict in zip(self.hooks, ("pass", "pipe"), strict=True):
            link = hooked.attach(self.manager, hooked.load(self.manager, verdict), 5)
            assert hooked.running() == self.manager.chain(hooked.hook(self.manager)).record.program_id
            self.manager.detach([link])
        own = load(self.manager, "tracepoint_kill", "tracepoint", "tracepoint_kill")
        self.manager.attach(own, tracepoint("syscalls/sys_enter_kill"))
        load(self.manager, "pin_by_name", "xdp", "pin_by_name")
        assert self.manager.examine() == []

    def ends_clean(self):
        self.manager.delete_programs(None)
        assert files_below(self.layout) == set()
        assert self.running() == [None, None]


@pytest.fixture
def node(manager, veth):
    return Node(manager, veth)


def wal(node):
    return f"{node.layout.database}-wal"


def keep_wal(node):
    """The files as they are while somebody has the database open: what a power cut finds."""
    reader = sqlite3.connect(node.layout.database)
    reader.execute("SELECT count(*) FROM programs").fetchall()
    load(node.manager, "xdp_pass", "xdp", "xdp_pass")
    copies = {}
    for suffix in ("", "-wal", "-shm"):
        with open(node.layout.database + suffix, "rb") as file:
            copies[suffix] = file.read()
    reader.close()
    for suffix, data in copies.items():
        with open(node.layout.database + suffix, "wb") as file:
            file.write(data)
    assert copies["-wal"]


# of the database


def test_the_wal_is_used_by_whoever_comes_next(node):
    keep_wal(node)
    before = [entry.program_id for entry in node.manager.programs()]
    assert node.manager.examine() == []
    assert len(before) == 7
    node.works()
    node.ends_clean()


def test_a_shared_memory_file_that_is_left_or_garbage_does_no_harm(node):
    keep_wal(node)
    with open(f"{node.layout.database}-shm", "wb") as file:
        file.write(os.urandom(32768))
    assert node.manager.examine() == []
    node.works()
    node.ends_clean()


@pytest.mark.parametrize("size", [0, 20, 5000], ids=["gone", "in its header", "in a frame"])
def test_a_wal_that_was_cut_short_loses_the_last_change_and_the_doctor_finds_it(node, size):
    """What was loaded last has pins and no record."""
    keep_wal(node)
    os.truncate(wal(node), size)
    assert node.running() != [None, None]
    told = node.manager.examine()
    assert any("no record knows what is left of it" in finding.what for finding in told)

    assert node.manager.repair() == []

    assert len(node.manager.programs()) == 6
    node.works()
    node.ends_clean()


def told_of_damage(manager):
    """What is to be done, whether the damage is in the way of looking or only found by it."""
    with contextlib.suppress(StoreError):
        return manager.examine()[0].remedy
    with pytest.raises(StoreError) as refused:
        manager.examine()
    return refused.value.hint


@pytest.mark.parametrize("page", range(1, 6))
def test_a_torn_page_is_told_with_the_way_out(node, page):
    """And what is attached runs on; the way out works."""
    before = node.running()
    with open(node.layout.database, "r+b") as file:
        file.seek(4096 * page)
        file.write(os.urandom(4096))
    assert f"move {node.layout.database_dir} away" in told_of_damage(node.manager)
    assert node.running() == before

    os.rename(node.layout.database_dir, f"{node.layout.runtime_dir}/db.damaged")
    assert node.manager.repair() == []
    shutil.rmtree(f"{node.layout.runtime_dir}/db.damaged")

    assert node.running() == [None, None]
    node.works()
    node.ends_clean()


def test_without_a_database_everything_can_be_done_anew_beside_what_is_left(node):
    """Not even the doctor has to be asked first: our own hooks are found by their pins, and taken over."""
    shutil.rmtree(node.layout.database_dir)
    for hooked, verdict in zip(node.hooks, ("pass", "pipe"), strict=True):
        hooked.attach(node.manager, hooked.load(node.manager, verdict), 5)
        assert hooked.running() == node.manager.chain(hooked.hook(node.manager)).record.program_id
    for _ in range(5):  # whichever number a link gets
        own = load(node.manager, "tracepoint_kill", "tracepoint", "tracepoint_kill")
        node.manager.attach(own, tracepoint("syscalls/sys_enter_kill"))
    node.manager.repair()
    assert node.manager.examine() == []
    node.ends_clean()


def test_an_older_database_that_somebody_put_back_is_brought_up_to_date(node):
    """It knows what is gone, and does not know what is there."""
    with open(node.layout.database, "rb") as file:
        older = file.read()
    node.manager.unload([node.own])
    load(node.manager, "xdp_pass", "xdp", "xdp_pass")
    node.hooks[0].attach(node.manager, node.trails[0].program(3), 15)
    with open(node.layout.database, "wb") as file:
        file.write(older)
    before = node.running()

    assert node.manager.repair() == []

    assert node.trails[0].run() == [1, 2]
    assert node.running()[1] == before[1]
    node.works()
    node.ends_clean()


# of the pins


def restart(node):
    """What a restart takes when the runtime directory is on a disk: the kernel's part."""
    mounts.unmount(node.layout.fs)
    end = node.veth.a
    run_tc(end, "qdisc", "del", "dev", end.interface, "clsact")
    until_gone([entry.program_id for entry in node.manager.programs()])


@pytest.mark.parametrize("way", ["load", "repair", "detach and unload"])
def test_after_a_restart_records_of_before_are_cleared_away(node, way):
    """By the first load, by a repair, or by hand."""
    restart(node)
    assert len(node.manager.programs()) == 6
    assert all(entry.kernel is None for entry in node.manager.programs())
    assert not any(node.manager.link(link.id).status.kernel_seen for link, _ in node.manager.links())

    if way == "load":
        program = load(node.manager, "xdp_pass", "xdp", "xdp_pass")
        assert [entry.program_id for entry in node.manager.programs()] == [program]
    elif way == "repair":
        assert node.manager.repair() == []
    else:
        # With the first of a chain, whose programs are all gone, go the others.
        node.manager.detach([link.id for link, _ in node.manager.links()], ignore_missing=True)
        node.manager.delete_programs(None)

    assert node.manager.links() == []
    assert node.manager.chains() == []
    node.works()
    node.ends_clean()


def test_after_a_restart_in_the_middle_of_a_change_nothing_is_in_the_way(node):
    seen = 0

    def happened(what):
        nonlocal seen
        seen += 1
        if seen == 2:
            die()

    def act():
        with Moments(after=happened):
            node.hooks[0].attach(Manager(node.layout), node.manager.programs()[0].program_id, 99)

    assert in_a_child(act) == -signal.SIGKILL
    with Store.open(node.layout) as store:
        assert store.has_unfinished()
    restart(node)
    assert node.manager.repair() == []
    node.works()
    node.ends_clean()


@pytest.mark.parametrize("kind", ["maps", "links", "shared", "xdp", "tc-ingress"])
def test_a_directory_of_pins_that_is_gone_is_put_right(node, kind):
    """Or what it held is forgotten, where nothing else held it."""
    shutil.rmtree(f"{node.layout.fs}/{kind}")
    assert node.manager.examine() != []

    assert node.manager.repair() == []

    if kind in ("xdp", "tc-ingress"):
        assert [trails.run() for trails in node.trails] == [[1, 2], [1, 2]]
    node.works()
    node.ends_clean()


# of the copies


@pytest.mark.parametrize("what", ["programs", "programs/.staging"])
def test_copies_that_are_gone_are_told_of_and_do_not_stop_anything(node, what):
    shutil.rmtree(f"{node.layout.runtime_dir}/{what}")
    left = [finding.what for finding in node.manager.repair()]
    assert all("the copy of its object" in each for each in left)
    assert len(left) == (6 if what == "programs" else 0)
    assert [trails.run() for trails in node.trails] == [[1, 2], [1, 2]]
    node.manager.delete_programs(None)
    node.works()
    node.ends_clean()


# of everything


def test_the_whole_directory_is_gone_and_a_new_one_does_not_mind(runtime, veth):
    """`rm -r` stops at the mounted BPF file system, which somebody unmounted first."""
    node = Node(Manager(runtime), veth)
    mounts.unmount(runtime.fs)
    shutil.rmtree(runtime.runtime_dir)
    assert Manager(runtime).programs() == []

    assert node.hooks[0].running() is None  # its link had no other holder
    hooked = node.hooks[1]
    left = hooked.running()
    assert left is not None  # TC has filters, which hold their programs
    manager = Manager(runtime)
    hooked.attach(manager, hooked.load(manager, "pipe"), 1)

    assert manager.examine() == []
    manager.delete_programs(None)
    run_tc(veth.a, "qdisc", "del", "dev", veth.a.interface, "clsact")


def test_a_directory_that_others_may_not_have_made(tmp_path):
    """A file is where it should be."""
    path = tmp_path / "run"
    path.write_text("")
    with pytest.raises(StoreError) as refused:
        load(Manager(Layout(str(path))), "xdp_pass", "xdp", "xdp_pass")
    assert str(path) in str(refused.value)
    assert "move it away" in refused.value.hint
