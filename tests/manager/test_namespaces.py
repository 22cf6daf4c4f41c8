# SPDX-License-Identifier: Apache-2.0
"""Hooks in network namespaces: found by path, told by identity, gone with what hangs in them."""

from __future__ import annotations

import os
import secrets
import subprocess
from contextlib import contextmanager

import pytest

from bpfman import tcx, xdp
from bpfman.bpf.info import link_by_id
from bpfman.errors import InterfaceNotFound, LinkNotFound
from bpfman.model.hook import CHAIN_TYPES
from bpfman.testing.network import End, Namespace, namespace
from tests.manager.hooks import Hooked, Trails, files_below, filters, load, on, qdiscs, run_tc, tcx_programs

pytestmark = [pytest.mark.kernel, pytest.mark.network]


@contextmanager
def mortal():
    """A namespace with a veth pair of its own, that the test deletes or leaves: its ends, each with no address."""
    made = Namespace(f"bpfman-t-{secrets.token_hex(3)}")
    subprocess.run(["ip", "netns", "add", made.name], check=True)
    try:
        made.ip("link", "add", "mortal0", "type", "veth", "peer", "name", "mortal1")
        yield [End(made, name, 2 + (name == "mortal0"), "") for name in ("mortal0", "mortal1")]
    finally:
        subprocess.run(["ip", "netns", "delete", made.name], check=False, stderr=subprocess.DEVNULL)


def delete(inside: Namespace) -> None:
    subprocess.run(["ip", "netns", "delete", inside.name], check=True)


@pytest.fixture
def end():
    with mortal() as (first, _):
        yield first


@pytest.fixture(params=CHAIN_TYPES)
def hooked(request, end):
    return Hooked(request.param, end)


class TestANamespace:
    def test_is_where_the_interface_is_looked_up(self, manager, hooked):
        with namespace() as other:
            elsewhere = hooked._replace(end=hooked.end._replace(namespace=other))
            program = hooked.load(manager, hooked.go_on)
            with pytest.raises(InterfaceNotFound):
                elsewhere.attach(manager, program, 1)

        link = manager.attach(program, hooked.spec(1)).record

        interface = link.details.interface
        assert (interface.nsid, interface.ifindex) == (hooked.end.namespace.inode, hooked.end.ifindex)
        assert interface.netns == hooked.netns
        assert hooked.running() is not None

    def test_is_left_again(self, manager, hooked):
        before = os.readlink("/proc/thread-self/ns/net")
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 1)
        manager.delete_programs(None)
        assert os.readlink("/proc/thread-self/ns/net") == before

    def test_is_the_same_by_every_path(self, manager, hooked, tmp_path):
        """The second path is one that nobody would find by looking around."""
        trails = Trails(manager, hooked)
        first = hooked.attach(manager, trails.program(1), 10)
        bound = tmp_path / "bound"
        bound.touch()
        subprocess.run(["mount", "--bind", hooked.netns, bound], check=True)
        try:
            second = manager.attach(trails.program(2), hooked.spec(20)._replace(netns=str(bound))).record
            subprocess.run(["umount", hooked.netns], check=True)
            assert [chain.record.interface.netns for chain in manager.chains()] == [str(bound)]
            assert second.details.interface.netns == str(bound)
            third = manager.attach(trails.program(3), hooked.spec(30)._replace(netns=str(bound))).record.id
            manager.detach([first])
            assert [member.link_id for member in manager.chains()[0].members] == [second.id, third]
            manager.delete_programs(None)
        finally:
            subprocess.run(["umount", bound], check=True)
        assert manager.chains() == []
        assert files_below(manager.layout) == set()

    def test_is_found_by_a_process_in_it(self, manager, hooked):
        """Its name is gone, the namespace is not."""
        program = hooked.load(manager, hooked.go_on)
        command = ["ip", "netns", "exec", hooked.end.namespace.name, "cat"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as inside:
            assert inside.stdin is not None
            assert inside.stdout is not None
            inside.stdin.write(b"\n")
            inside.stdin.flush()
            inside.stdout.read(1)  # it runs
            netns = f"/proc/{inside.pid}/ns/net"
            links = [
                hooked.attach(manager, program, 1),
                manager.attach(program, hooked.spec(2)._replace(netns=netns)),
            ]
            delete(hooked.end.namespace)

            manager.detach([links[1].record.id])

            [chain] = manager.chains()
            assert [member.link_id for member in chain.members] == links[:1]
            assert chain.record.revision == 3
            manager.detach(links[:1])
        assert manager.chains() == []


class TestANamespaceThatIsGone:
    @pytest.fixture
    def links(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)
        return [hooked.attach(manager, program, priority) for priority in (1, 2, 3)]

    def test_leaves_its_links_to_be_seen(self, manager, hooked, links):
        delete(hooked.end.namespace)

        assert [link.id for link, _ in manager.links()] == links
        assert manager.link(links[0]).record.details.interface.name == hooked.end.interface
        assert [member.link_id for member in manager.chains()[0].members] == links

    def test_takes_all_its_links_along_when_one_is_detached(self, manager, hooked, links):
        delete(hooked.end.namespace)

        manager.detach(links[1:2])

        assert manager.links() == manager.chains() == []
        with pytest.raises(LinkNotFound):
            manager.link(links[0])
        manager.delete_programs(None)
        assert files_below(manager.layout) == set()

    def test_takes_only_its_own_along(self, manager, hooked, links, veth):
        other = on(hooked.type, veth)
        staying = other.attach(manager, other.load(manager, other.go_on), 1)
        delete(hooked.end.namespace)

        manager.detach(links[:1])

        assert [link.id for link, _ in manager.links()] == [staying]
        assert other.running() is not None

    def test_lets_its_programs_go(self, manager, hooked, links):
        [entry] = manager.programs()
        delete(hooked.end.namespace)

        manager.unload([entry.program_id])

        assert manager.programs() == manager.links() == manager.chains() == []
        assert files_below(manager.layout) == set()

    def test_refuses_what_is_to_happen_in_it(self, manager, hooked, links):
        hook = hooked.hook(manager)
        delete(hooked.end.namespace)

        with pytest.raises(InterfaceNotFound, match="is gone") as refused:
            manager.set_accounting(hook, True)
        assert "link list" in refused.value.hint


class Taken(Exception):
    """Somebody else on the machine made a namespace in the meantime, and got the inode."""


@contextmanager
def reborn(inode: int):
    """A namespace like that of `mortal`, with a certain inode, which is free or about to be."""
    others: list[str] = []
    try:
        while True:
            with mortal() as (first, _):
                if first.namespace.inode == inode:
                    yield first
                    return
                if len(others) == 40:
                    raise Taken
                # Keep the inode busy, so that the next one gets another.
                others.append(f"bpfman-t-{secrets.token_hex(3)}")
                subprocess.run(["ip", "netns", "add", others[-1]], check=True)
    finally:
        for name in others:
            subprocess.run(["ip", "netns", "delete", name], check=True)


def until_not_taken(manager, attempt) -> None:
    for _ in range(10):
        try:
            attempt()
        except Taken:
            manager.delete_programs(None)
        else:
            return
    pytest.fail("no inode came back")


class TestANewNamespaceWithTheInodeOfAnOldOne:
    """Inodes of namespaces are given away again at once."""

    @pytest.mark.parametrize("kind", CHAIN_TYPES)
    def test_does_not_bring_back_a_chain(self, manager, kind):
        def attempt() -> None:
            with mortal() as (end, _):
                old = Hooked(kind, end)
                inode = end.namespace.inode
                trails = Trails(manager, old)
                links = [old.attach(manager, trails.program(number), 10) for number in (1, 2)]
                staying = trails.program(3)
                delete(end.namespace)
                with reborn(inode) as first:
                    self.check(manager, Hooked(kind, first), staying, links)

        until_not_taken(manager, attempt)
        assert files_below(manager.layout) == set()

    def check(self, manager, new: Hooked, program: int, links: list[int]) -> None:
        """`clsact` of the old namespace was ours, that of the new one is not."""
        if new.family == "tc":
            run_tc(new.end, "qdisc", "add", "dev", new.end.interface, "clsact")

        link = manager.attach(program, new.spec(10)).record

        assert (link.details.revision, link.details.position) == (1, 0)
        assert link.id not in links
        assert new.members(manager) == [link.id]
        assert [found.id for found, _ in manager.links()] == [link.id]
        assert new.running() == link.details.chain_program_id
        manager.delete_programs(None)
        assert new.running() is None
        if new.family == "tc":
            assert "clsact" in qdiscs(new.end)

    def test_does_not_take_a_dead_tcx_link_for_a_living_one(self, manager):
        def attempt() -> None:
            program, other = (load(manager, "tcx", "tcx", "tcx_ingress") for _ in range(2))
            with mortal() as (end, _):
                inode = end.namespace.inode
                for each in (program, other):
                    manager.attach(each, tcx(end.interface, "ingress", priority=1, netns=end.namespace.path))
                delete(end.namespace)
                with reborn(inode) as new:
                    spec = tcx(new.interface, "ingress", priority=9, netns=new.namespace.path)
                    link = manager.attach(program, spec).record
                    assert tcx_programs(new, "ingress") == [program]
                    manager.unload([other])
                    assert tcx_programs(new, "ingress") == [program]
                    assert [found.id for found, _ in manager.links()] == [link.id]
                    manager.unload([program])

        until_not_taken(manager, attempt)
        assert files_below(manager.layout) == set()


class TestAnInterface:
    def test_that_is_deleted_can_still_be_detached_from(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)
        links = [hooked.attach(manager, program, priority) for priority in (1, 2, 3)]
        hooked.end.namespace.ip("link", "delete", hooked.end.interface)

        assert [link.id for link, _ in manager.links()] == links
        manager.detach(links[1:2])
        assert [link.id for link, _ in manager.links()] == [links[0], links[2]]
        assert [manager.link(link).record.details.position for link in (links[0], links[2])] == [0, 1]
        manager.unload([program])
        assert manager.links() == manager.chains() == []
        assert files_below(manager.layout) == set()

    def test_that_is_renamed_keeps_its_chain(self, manager, hooked):
        trails = Trails(manager, hooked)
        first = hooked.attach(manager, trails.program(1), 10)
        hooked.end.namespace.ip("link", "set", hooked.end.interface, "name", "renamed0")
        renamed = hooked._replace(end=hooked.end._replace(interface="renamed0"))

        second = renamed.attach(manager, trails.program(2), 20)

        assert renamed.members(manager) == [first, second]
        [chain] = manager.chains()
        assert chain.record.interface.name == "renamed0"
        manager.detach([first])
        assert renamed.running() == manager.chain(renamed.hook(manager)).record.program_id
        manager.detach([second])
        assert renamed.running() is None

    def test_that_moves_to_another_namespace_does_not_keep_what_was_detached(self, manager, end):
        """An XDP link goes along, and we with it; `clsact` and its filters stay behind, which is to say nowhere."""
        hooked = Hooked("xdp", end)
        trails = Trails(manager, hooked)
        links = [hooked.attach(manager, trails.program(number), number) for number in (1, 2)]
        with namespace() as other:
            end.namespace.ip("link", "set", end.interface, "netns", other.name)
            moved = hooked._replace(end=end._replace(namespace=other))
            assert moved.running() is not None
            [finding] = manager.examine()
            assert "moved to another network namespace" in finding.what

            manager.detach(links[:1])
            [chain] = manager.chains()
            assert moved.running() == chain.record.program_id
            assert [member.link_id for member in chain.members] == links[1:]
            manager.detach(links[1:])
            assert moved.running() is None
        assert manager.chains() == []

    @pytest.mark.parametrize("direction", ["ingress", "egress"])
    def test_that_moves_loses_its_filters(self, manager, end, direction):
        hooked = Hooked(f"tc-{direction}", end)
        program = hooked.load(manager, "pipe")
        links = [hooked.attach(manager, program, number) for number in (1, 2)]
        with namespace() as other:
            end.namespace.ip("link", "set", end.interface, "netns", other.name)
            assert filters(end._replace(namespace=other), direction) == []

            manager.detach(links[:1])
            manager.detach(links[1:])
        assert manager.chains() == manager.links() == []

    def test_that_moved_takes_its_tcx_links_along_until_they_are_detached(self, manager, end):
        program = load(manager, "tcx", "tcx", "tcx_ingress")
        link = manager.attach(
            program, tcx(end.interface, "ingress", priority=1, netns=end.namespace.path)
        ).record
        with namespace() as other:
            end.namespace.ip("link", "set", end.interface, "netns", other.name)
            manager.detach([link.id])
            assert link_by_id(link.kernel_link_id) is None
        manager.unload([program])
        assert files_below(manager.layout) == set()

    def test_may_have_the_same_name_in_two_namespaces(self, manager):
        program = load(manager, "xdp_pass", "xdp", "xdp_pass")
        with mortal() as (one, _), mortal() as (two, _):
            for end in (one, two):
                manager.attach(program, xdp(end.interface, priority=1, netns=end.namespace.path))

            assert len(manager.chains()) == 2
            manager.detach([manager.links()[0][0].id])
            assert (Hooked("xdp", one).running(), Hooked("xdp", two).running() is None) == (None, False)
