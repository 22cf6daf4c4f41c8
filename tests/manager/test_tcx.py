# SPDX-License-Identifier: Apache-2.0
"""TCX: the kernel orders the programs of a hook, ours among those of others."""

from __future__ import annotations

import os
import subprocess

import pytest

from bpfman import tcx
from bpfman.bpf.info import link_by_id
from bpfman.bpf.kernel import Kernel
from bpfman.bpf.link.tcx import supported
from bpfman.bpf.program import Program
from bpfman.errors import AlreadyAttached, InvalidRequest, LinkNotFound, TypeMismatch
from bpfman.model.hook import DIRECTIONS
from bpfman.testing.network import ping
from tests.manager.hooks import counted, files_below, load, no_arp, tcx_programs, u32

pytestmark = [pytest.mark.kernel, pytest.mark.network, pytest.mark.feature("tcx")]

NEXT, DROP = -1, 2


@pytest.fixture(autouse=True)
def _has_tcx(manager):
    with Program.by_id(load(manager, "tc_counter", "tc", "stats")) as program:
        if not supported(program.fd):
            pytest.skip("needs kernel 6.6 or newer")
    manager.delete_programs(None)


class Tcx:
    """One direction of the first end of a pair."""

    def __init__(self, manager, veth, direction: str) -> None:
        self.manager, self.end, self.direction = manager, veth.a, direction

    def spec(self, priority: int):
        return tcx(self.end.interface, self.direction, priority=priority, netns=self.end.namespace.path)

    def program(self, verdict: int = NEXT) -> int:
        values = {"verdict": u32(verdict)}
        return load(self.manager, "tcx", "tcx", f"tcx_{self.direction}", globals=values)

    def attach(self, priority, program=0):
        return self.manager.attach(program or self.program(), self.spec(priority)).record.id

    def order(self) -> list[int]:
        """The ids of the programs as the kernel runs them."""
        return tcx_programs(self.end, self.direction)

    def ranks(self) -> list[int]:
        """The ids of the programs as we show them."""
        links = [link for link, _ in self.manager.links() if link.details.direction == self.direction]
        return [link.program_id for link in sorted(links, key=lambda link: link.details.position)]

    def count(self, program):
        return counted(self.manager, "tcx_stats_map", program, DIRECTIONS.index(self.direction))


@pytest.fixture(params=DIRECTIONS)
def hook(request, manager, veth):
    return Tcx(manager, veth, request.param)


class TestALink:
    def test_is_shown_with_all_that_was_asked(self, manager, hook):
        program = hook.program()

        link = manager.attach(program, hook.spec(50), metadata={"a": "b"})

        record, details = link.record, link.record.details
        assert (record.program_id, record.kind, record.metadata) == (program, "tcx", {"a": "b"})
        assert (details.direction, details.priority, details.position) == (hook.direction, 50, 0)
        assert details.interface[:4] == (
            hook.end.interface,
            hook.end.ifindex,
            hook.end.namespace.path,
            hook.end.namespace.inode,
        )
        assert record.pin_path == manager.layout.fs + (
            f"/tcx-{hook.direction}/link_{hook.end.namespace.inode}_{hook.end.ifindex}_{program}"
        )
        assert link.status.kernel.id == record.kernel_link_id > 0
        assert (link.status.kernel.program_id, link.status.kernel.ifindex) == (program, hook.end.ifindex)
        assert link.status.kernel_seen
        assert link.status.pin_present
        assert manager.link(record.id) == link
        assert [found for found, _ in manager.links()] == [record]

    def test_runs_the_program_itself(self, hook, veth):
        program = hook.program()
        hook.attach(50, program)

        assert ping(veth.b.namespace, veth.a.address) == 1
        assert hook.order() == [program]
        assert hook.count(program) > 0

    def test_is_gone_at_once_when_detached(self, manager, hook, veth):
        program = hook.program()
        there = files_below(manager.layout)
        link = manager.attach(program, hook.spec(50)).record

        manager.detach([link.id])

        assert link_by_id(link.kernel_link_id) is None
        assert hook.order() == []
        assert manager.links() == []
        with pytest.raises(LinkNotFound):
            manager.link(link.id)
        assert files_below(manager.layout) == there
        seen = hook.count(program)
        assert ping(veth.b.namespace, veth.a.address) == 1
        assert hook.count(program) == seen

    def test_goes_with_its_program(self, manager, hook):
        program = hook.program()
        hook.attach(50, program)

        manager.unload([program])

        assert hook.order() == []
        assert files_below(manager.layout) == set()


class TestOrder:
    def test_is_by_priority_and_then_by_age(self, hook):
        programs = {}
        for name, priority in (("c", 50), ("a", 0), ("e", 90), ("d", 50), ("b", 10), ("f", 1 << 40)):
            programs[name] = hook.program()
            hook.attach(priority, programs[name])

        wanted = [programs[name] for name in "abcdef"]
        assert hook.order() == wanted
        assert hook.ranks() == wanted

    def test_stays_whoever_leaves(self, manager, hook):
        links = {hook.attach(priority): priority for priority in (30, 10, 20, 10)}
        programs = {link: manager.link(link).record.program_id for link in links}
        expected = sorted(links, key=lambda link: (links[link], link))

        for link in (expected[1], expected[3], expected[0]):
            manager.detach([link])
            expected.remove(link)
            assert hook.order() == hook.ranks() == [programs[each] for each in expected]
            assert [manager.link(each).record.details.position for each in expected] == list(
                range(len(expected))
            )

    def test_leaves_programs_of_others_in_their_place(self, manager, hook):
        """Two of somebody else's, with two of ours between them, and one in front."""
        kernel = Kernel()
        others = [hook.program() for _ in range(2)]
        ours = [hook.program() for _ in range(3)]

        def foreign(program: int):
            with kernel.open_program(program) as opened:
                return kernel.attach_tcx(
                    opened.fd, hook.end.ifindex, hook.direction, hook.end.namespace.path, None
                )

        with foreign(others[0]) as first:
            hook.attach(50, ours[1])
            with foreign(others[1]) as last:
                hook.attach(60, ours[2])
                hook.attach(40, ours[0])
                assert hook.order() == [others[0], *ours, others[1]]
                manager.unload(ours)
                assert hook.order() == others
                assert first.info.ifindex == last.info.ifindex == hook.end.ifindex

    def test_is_what_packets_meet(self, hook, veth):
        no_arp(veth)
        late, drops, early = hook.program(), hook.program(DROP), hook.program()
        for priority, program in ((30, late), (20, drops), (10, early)):
            hook.attach(priority, program)

        assert ping(veth.b.namespace, veth.a.address, timeout=0.2) == 0
        assert [hook.count(program) for program in (early, drops, late)] == [1, 1, 0]

    def test_is_found_though_a_neighbour_was_taken_away_by_hand(self, manager, hook):
        """Rows whose links are gone are nobody's neighbours."""
        first, gone, last = hook.program(), hook.program(), hook.program()
        hook.attach(10, first)
        dead = hook.attach(20, gone)
        os.unlink(manager.link(dead).record.pin_path)

        hook.attach(20, last)

        assert hook.order() == [first, last]
        assert not manager.link(dead).status.pin_present
        manager.detach([dead])
        assert hook.order() == hook.ranks() == [first, last]

    def test_knows_nothing_of_the_other_direction(self, manager, veth):
        hooks = [Tcx(manager, veth, direction) for direction in DIRECTIONS]
        programs = [hook.program() for hook in hooks]
        links = [hook.attach(10, program) for hook, program in zip(hooks, programs, strict=True)]

        manager.detach(links[:1])

        assert [hook.order() for hook in hooks] == [[], programs[1:]]


class TestTheSameProgram:
    def test_is_refused_twice_at_one_hook_whatever_the_priority(self, manager, hook):
        program = hook.program()
        link = hook.attach(50, program)
        there = files_below(manager.layout)

        with pytest.raises(AlreadyAttached) as refused:
            hook.attach(10, program)

        where = f"{hook.end.interface} (netns {hook.end.namespace.path}) {hook.direction}"
        assert f"is already attached to {where} as link {link}; detach it first" in str(refused.value)
        assert f"link detach {link}" in refused.value.hint
        assert hook.order() == [program]
        assert [found.id for found, _ in manager.links()] == [link]
        assert files_below(manager.layout) == there

    def test_may_be_at_several_hooks(self, manager, veth):
        program = load(manager, "tcx", "tcx", "tcx_ingress")
        places = [(end, direction) for end in (veth.a, veth.b) for direction in DIRECTIONS]
        for end, direction in places:
            manager.attach(program, tcx(end.interface, direction, priority=1, netns=end.namespace.path))

        assert len({link.kernel_link_id for link, _ in manager.links()}) == len(places)

    def test_may_come_back(self, manager, hook):
        program = hook.program()
        first = hook.attach(50, program)
        manager.detach([first])

        assert hook.attach(50, program) > first
        assert hook.order() == [program]

    def test_replaces_its_own_link_that_somebody_took_away(self, manager, hook):
        program = hook.program()
        dead = manager.link(hook.attach(50, program)).record
        subprocess.run(["bpftool", "link", "detach", "id", str(dead.kernel_link_id)], check=True)
        assert hook.order() == []

        link = hook.attach(50, program)

        assert hook.order() == [program]
        assert [found.id for found, _ in manager.links()] == [link]
        manager.detach([link])
        assert hook.order() == []
        manager.unload([program])
        assert files_below(manager.layout) == set()


class TestRefusals:
    def test_of_negative_priorities_and_unknown_directions(self, manager, hook):
        with pytest.raises(InvalidRequest, match="tcx priority must be non-negative, got -1"):
            hook.attach(-1)
        with pytest.raises(InvalidRequest, match='tcx direction must be ingress or egress, got "both"'):
            manager.attach(hook.program(), tcx(hook.end.interface, "both", priority=1))

    def test_of_tc_programs_name_the_verb(self, manager, hook):
        program = load(manager, "tc_counter", "tc", "stats")
        with pytest.raises(TypeMismatch, match="is a tc program: attach tcx takes tcx programs"):
            hook.attach(1, program)
