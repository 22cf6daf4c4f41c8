# SPDX-License-Identifier: Apache-2.0
"""What others took away by hand: everything can still be looked at, changed and taken down, and each change heals."""

from __future__ import annotations

import os
import subprocess

import pytest

from bpfman import tcx, tracepoint
from bpfman.bpf.info import link_by_id
from bpfman.errors import ForeignProgram, InvalidRequest
from bpfman.model.hook import CHAIN_TYPES
from bpfman.syscalls import mounts
from tests.manager.hooks import (
    Hooked,
    Trails,
    files_below,
    filters,
    load,
    on,
    qdiscs,
    run_tc,
    tcx_programs,
    until_gone,
    until_runs_no_xdp,
)

pytestmark = [pytest.mark.kernel, pytest.mark.network]


def remove_link_pin(manager, hooked: Hooked) -> None:
    """Nothing else holds the link: it detaches, a moment later."""
    os.unlink(manager.layout.chain_link(hooked.hook(manager)))
    until_runs_no_xdp(hooked.end)


def remove_chain_pin(manager, hooked: Hooked) -> None:
    os.unlink(manager.layout.chain_program(hooked.hook(manager)))


def detach_link(manager, hooked: Hooked) -> None:
    link = manager.chain(hooked.hook(manager)).record.kernel_link_id
    subprocess.run(["bpftool", "link", "detach", "id", str(link)], check=True)


def remove_filter(manager, hooked: Hooked) -> None:
    run_tc(hooked.end, "filter", "del", "dev", hooked.end.interface, hooked.direction)


def remove_clsact(manager, hooked: Hooked) -> None:
    run_tc(hooked.end, "qdisc", "del", "dev", hooked.end.interface, "clsact")


DISTURBANCES = [
    ("xdp", remove_link_pin),
    ("xdp", detach_link),
    ("xdp", remove_chain_pin),
    *((kind, what) for kind in CHAIN_TYPES[1:] for what in (remove_filter, remove_clsact, remove_chain_pin)),
]


class TestAChain:
    @pytest.fixture(params=DISTURBANCES, ids=lambda pair: f"{pair[0]}-{pair[1].__name__}")
    def disturbed(self, request, manager, veth):
        """Three members, of which 2 and 3 are at the same priority; then the disturbance."""
        kind, disturb = request.param
        hooked = on(kind, veth)
        trails = Trails(manager, hooked)
        links = {}
        for number, priority in ((1, 10), (2, 20), (3, 20)):
            links[number] = hooked.attach(manager, trails.program(number), priority)
        disturb(manager, hooked)
        return hooked, trails, links

    def runs(self, manager, hooked):
        return hooked.running() == manager.chain(hooked.hook(manager)).record.program_id

    def test_can_still_be_looked_at(self, manager, disturbed):
        hooked, _, links = disturbed

        assert [link.id for link, _ in manager.links()] == list(links.values())
        assert hooked.members(manager) == [links[1], links[3], links[2]]
        for link in links.values():
            manager.link(link)
        for entry in manager.programs():
            manager.program(entry.program_id)

    def test_is_whole_after_the_next_member_comes(self, manager, disturbed):
        hooked, trails, _ = disturbed

        hooked.attach(manager, trails.program(4), 15)

        assert self.runs(manager, hooked)
        assert trails.run() == [1, 4, 3, 2]
        assert {manager.link(link.id).status.pin_present for link, _ in manager.links()} == {True}

    def test_is_whole_after_the_next_member_leaves(self, manager, disturbed):
        hooked, trails, links = disturbed

        manager.detach([links[3]])

        assert self.runs(manager, hooked)
        assert trails.run() == [1, 2]

    def test_is_whole_after_accounting_was_switched(self, manager, disturbed):
        hooked, trails, _ = disturbed

        manager.set_accounting(hooked.hook(manager), True)

        assert self.runs(manager, hooked)
        assert trails.run() == [1, 3, 2]

    def test_can_be_taken_down_one_by_one(self, manager, disturbed):
        hooked, _, links = disturbed

        for link in links.values():
            manager.detach([link])

        assert hooked.running() is None
        assert manager.chains() == []

    def test_goes_with_its_programs(self, manager, disturbed):
        hooked, _, _ = disturbed

        manager.unload([entry.program_id for entry in manager.programs()])

        assert hooked.running() is None
        assert manager.chains() == manager.links() == manager.programs() == []
        assert files_below(manager.layout) == set()
        assert "clsact" not in qdiscs(hooked.end)


class TestAHookThatSomebodyElseTook:
    @pytest.fixture
    def taken(self, manager, veth):
        """Our link was detached, and another program put there."""
        hooked = on("xdp", veth)
        program = hooked.load(manager, "pass")
        links = [hooked.attach(manager, program, priority) for priority in (1, 2)]
        detach_link(manager, hooked)
        pin = manager.program(program).record.pin_path
        hooked.end.namespace.ip("link", "set", "dev", hooked.end.interface, "xdp", "pinned", pin)
        return hooked, program, links, hooked.running()

    def test_is_not_taken_back(self, manager, taken):
        hooked, program, links, foreign = taken

        with pytest.raises(ForeignProgram):
            hooked.attach(manager, program, 3)

        assert hooked.running() == foreign
        assert [link.id for link, _ in manager.links()] == links

    def test_does_not_keep_one_of_several_from_leaving(self, manager, taken):
        """Nothing of ours runs there: only its record has to go."""
        hooked, _, links, foreign = taken

        manager.detach(links[:1])

        assert hooked.running() == foreign
        assert hooked.members(manager) == links[1:]
        assert manager.link(links[1]).record.details.position == 0
        [finding] = manager.examine()
        assert "which bpfman did not attach, is there" in finding.what

    def test_does_not_keep_the_last_from_leaving(self, manager, taken):
        hooked, program, _, foreign = taken

        manager.unload([program])

        assert hooked.running() == foreign
        assert manager.chains() == manager.links() == manager.programs() == []
        assert files_below(manager.layout) == set()

    def test_does_not_keep_others_from_being_loaded(self, manager, taken):
        """Not even when the members' programs are gone too, and would be cleared away."""
        hooked, program, _, _ = taken
        staying = load(manager, "xdp_drop", "xdp", "xdp_drop")
        os.unlink(manager.program(program).record.pin_path)

        other = hooked.load(manager, "pass")

        assert {entry.program_id for entry in manager.programs()} >= {staying, other}


class TestALinkOfItsOwn:
    @pytest.fixture(params=["tcx", "tracepoint"])
    def attach(self, request, manager, veth):
        if request.param == "tcx":
            program = load(manager, "tcx", "tcx", "tcx_ingress")
            where = tcx(veth.a.interface, "ingress", priority=1, netns=veth.a.namespace.path)
            return lambda: manager.attach(program, where).record
        program = load(manager, "tracepoint_kill", "tracepoint", "tracepoint_kill")
        return lambda: manager.attach(program, tracepoint("syscalls/sys_enter_kill")).record

    def test_whose_pin_is_gone_can_be_detached(self, manager, attach):
        link = attach()
        os.unlink(link.pin_path)

        assert not manager.link(link.id).status.pin_present
        manager.detach([link.id])

        assert manager.links() == []
        assert link_by_id(link.kernel_link_id) is None
        assert attach().id > link.id

    def test_whose_pin_is_gone_goes_with_its_program(self, manager, attach):
        link = attach()
        os.unlink(link.pin_path)

        manager.unload([link.program_id])

        assert files_below(manager.layout) == set()

    def test_whose_program_is_gone_goes_with_it(self, manager, attach):
        """The link holds the program, whose pin is a name and no more."""
        link = attach()
        os.unlink(manager.program(link.program_id).record.pin_path)
        assert manager.program(link.program_id).status.kernel is not None

        manager.unload([link.program_id])

        assert link_by_id(link.kernel_link_id) is None
        assert files_below(manager.layout) == set()


def test_a_tcx_link_that_was_detached_by_force_can_be_detached(manager, veth):
    program = load(manager, "tcx", "tcx", "tcx_ingress")
    spec = tcx(veth.a.interface, "ingress", priority=1, netns=veth.a.namespace.path)
    link = manager.attach(program, spec).record
    subprocess.run(["bpftool", "link", "detach", "id", str(link.kernel_link_id)], check=True)

    manager.detach([link.id])

    assert manager.links() == []
    assert tcx_programs(veth.a, "ingress") == []
    manager.unload([program])
    assert files_below(manager.layout) == set()


@pytest.mark.parametrize("kind", CHAIN_TYPES)
class TestAProgram:
    """Its pin removed by hand: the kernel has it no more, while its copy runs on in the chain."""

    @pytest.fixture
    def gone(self, manager, veth, kind):
        hooked = on(kind, veth)
        trails = Trails(manager, hooked)
        programs = {number: trails.program(number) for number in (1, 2)}
        links = {number: hooked.attach(manager, programs[number], 10 * number) for number in (1, 2)}
        os.unlink(manager.program(programs[2]).record.pin_path)
        assert manager.program(programs[2]).status.kernel is None
        return hooked, trails, programs, links

    def test_cannot_be_attached(self, manager, gone):
        hooked, _, programs, links = gone

        with pytest.raises(InvalidRequest, match="exists in store but not in kernel") as refused:
            hooked.attach(manager, programs[2], 5)

        assert "load it again" in refused.value.hint
        assert hooked.members(manager) == [links[1], links[2]]

    def test_keeps_its_place_until_something_is_loaded(self, manager, gone):
        hooked, trails, programs, links = gone
        third = hooked.attach(manager, programs[1], 15)
        assert trails.run() == [1, 1, 2]

        trails.program(3)

        assert trails.run() == [1, 1]
        assert hooked.members(manager) == [links[1], third]
        assert programs[2] not in [entry.program_id for entry in manager.programs()]

    def test_can_be_detached_and_unloaded(self, manager, gone):
        hooked, trails, programs, links = gone

        manager.detach([links[2]])
        assert trails.run() == [1]
        manager.unload([programs[2]])
        manager.unload([programs[1]])

        assert hooked.running() is None
        assert files_below(manager.layout) == set()


class TestBpffs:
    """Unmounted by hand, and everything that only its pins held with it."""

    @pytest.fixture(params=CHAIN_TYPES)
    def unmounted(self, request, manager, veth):
        """Members with maps and without, links of their own; of TC the filter holds its program, and that its maps."""
        hooked = on(request.param, veth)
        programs = [hooked.load(manager, hooked.go_on) for _ in range(2)]
        if hooked.family == "xdp":
            programs.append(load(manager, "xdp_pass", "xdp", "xdp_pass"))
        links = [hooked.attach(manager, program, 10) for program in programs]
        own = load(manager, "tracepoint_kill", "tracepoint", "tracepoint_kill")
        links.append(manager.attach(own, tracepoint("syscalls/sys_enter_kill")).record.id)
        mounts.unmount(manager.layout.fs)
        until_gone([*programs, own])
        return hooked, [*programs, own], links

    def test_is_missed_by_nobody_who_only_looks(self, manager, unmounted):
        _, programs, links = unmounted

        assert [link.id for link, _ in manager.links()] == links
        assert [entry.program_id for entry in manager.programs()] == programs
        for program in programs:
            assert manager.program(program).status.kernel is None
        assert [manager.link(link).status.pin_present for link in links] == [False] * len(links)
        assert mounts.mounted_type(manager.layout.fs) is None
        assert len(manager.chains()) == 1

    def test_is_there_again_for_the_next_load(self, manager, unmounted):
        hooked, _, _ = unmounted

        program = hooked.load(manager, hooked.go_on)
        link = hooked.attach(manager, program, 5)

        assert [entry.program_id for entry in manager.programs()] == [program]
        assert hooked.members(manager) == [link]
        assert hooked.running() == manager.chain(hooked.hook(manager)).record.program_id
        manager.unload([program])
        assert hooked.running() is None
        assert files_below(manager.layout) == set()

    def test_does_not_keep_programs_from_being_unloaded(self, manager, unmounted):
        hooked, programs, _ = unmounted

        for program in programs:
            manager.unload([program])

        assert hooked.running() is None
        assert manager.programs() == manager.links() == manager.chains() == []
        assert files_below(manager.layout) == set()

    def test_does_not_keep_links_from_being_detached(self, manager, unmounted):
        hooked, _, links = unmounted

        for link in links:
            manager.detach([link], ignore_missing=True)

        assert hooked.running() is None
        assert manager.links() == manager.chains() == []
        if hooked.family == "tc":
            assert filters(hooked.end, hooked.direction) == []
