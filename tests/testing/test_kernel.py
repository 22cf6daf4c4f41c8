# SPDX-License-Identifier: Apache-2.0
"""The fake kernel has what the real one has, and the manager finds the two alike."""

from __future__ import annotations

import errno
import inspect
import os

import pytest

from bpfman import Layout, Manager, ProgramSpec, netkit, tc, tcx, tracepoint, xdp
from bpfman.bpf.kernel import Kernel
from bpfman.errors import (
    AlreadyAttached,
    ChainLimit,
    Conflict,
    ForeignProgram,
    InterfaceNotFound,
    KernelRefused,
    LinkNotFound,
    MapNotFound,
    NamespaceNotFound,
    PartialFailure,
    ProgramNotFound,
)
from bpfman.model.kernel import link_type_name
from bpfman.model.targets import IterAttach, NetfilterAttach, StructOpsAttach, UsdtAttach
from bpfman.testing.faults import PUBLIC, Faults
from bpfman.testing.kernel import FakeKernel
from tests.manager.hooks import OBJECTS, files_below, tcx_programs, wait_until

BROKEN = KernelRefused("the machine is out of order", errno.EIO)


class FaultyKernel(Faults, Kernel):
    """The real one, failing on demand."""


class Side:
    """A manager on a kernel, and an interface there."""

    def __init__(self, layout: Layout, kernel, interface: str, netns: str, xdp_on, tcx_on) -> None:
        self.kernel, self.layout, self.interface, self.netns = kernel, layout, interface, netns
        self.xdp_on, self.tcx_on = xdp_on, tcx_on
        self.manager = self.another()

    def another(self) -> Manager:
        """As the next command would have it."""
        return Manager(self.layout, kernel=self.kernel, warn=lambda message: None)

    def load(self, name: str, *programs: str, **options):
        specs = [ProgramSpec(*program.split(":")) for program in programs]
        found = self.manager.load_file(f"{OBJECTS}/{name}.o", specs, **options)
        ids = [program.record.program_id for program in found]
        return ids[0] if len(ids) == 1 else ids

    def xdp(self, program: int, priority: int) -> int:
        where = xdp(self.interface, priority=priority, netns=self.netns)
        return self.manager.attach(program, where).record.id

    def tc(self, program: int, priority: int) -> int:
        where = tc(self.interface, "ingress", priority=priority, netns=self.netns)
        return self.manager.attach(program, where).record.id

    def tcx(self, program: int, priority: int) -> int:
        where = tcx(self.interface, "ingress", priority=priority, netns=self.netns)
        return self.manager.attach(program, where).record.id

    @property
    def hook(self):
        return self.manager.find_hook("xdp", self.interface, netns=self.netns)

    def members(self) -> list[int]:
        return [member.link_id for member in self.manager.chain(self.hook).members]


def fake_side(tmp_path) -> Side:
    kernel = FakeKernel()
    kernel.add_interface("eth0")
    return Side(
        Layout(str(tmp_path / "run")), kernel, "eth0", "",
        lambda: kernel.xdp_on("eth0"), lambda: kernel.tcx_on("eth0", "ingress"),
    )  # fmt: skip


def real_side(request) -> Side:
    veth = request.getfixturevalue("veth")
    kernel, end = FaultyKernel(), veth.a
    return Side(
        request.getfixturevalue("runtime"), kernel, end.interface, end.namespace.path,
        lambda: Kernel().xdp_program(end.ifindex, end.namespace.path), lambda: tcx_programs(end, "ingress"),
    )  # fmt: skip


@pytest.fixture(params=["fake", pytest.param("real", marks=[pytest.mark.kernel, pytest.mark.network])])
def side(request, tmp_path) -> Side:
    return fake_side(tmp_path) if request.param == "fake" else real_side(request)


class TestTheFake:
    def test_leaves_nothing_of_the_real_one_to_be_called(self):
        missing = [name for name in PUBLIC if name not in vars(FakeKernel)]
        assert missing == []

    @pytest.mark.parametrize("name", sorted(PUBLIC))
    def test_takes_the_same_arguments(self, name):
        real, fake = (inspect.signature(getattr(each, name)) for each in (Kernel, FakeKernel))
        assert list(real.parameters.values()) == list(fake.parameters.values())
        assert real.return_annotation == fake.return_annotation


class TestPrograms:
    def test_are_loaded_with_their_maps_and_seen(self, side):
        program = side.load("xdp_counter", "xdp:xdp_stats", metadata={"a": "b"})

        found = side.manager.program(program)
        assert (found.record.name, found.record.type, found.record.metadata) == (
            "xdp_stats",
            "xdp",
            {"a": "b"},
        )
        assert found.status.kernel.id == program
        assert (found.status.kernel.name, found.status.kernel.tag) == ("xdp_stats", found.record.tag)
        [map_status] = found.status.maps
        assert map_status.kernel.name == "xdp_stats_map"
        assert map_status.present
        assert found.status.prog_pin_present
        assert found.status.bytecode_present
        with side.manager.open_map("xdp_stats_map") as stats:
            assert stats.info.max_entries == 5

    def test_are_gone_when_unloaded(self, side):
        program = side.load("xdp_counter", "xdp:xdp_stats")

        side.manager.unload([program])

        assert files_below(side.layout) == set()
        assert side.kernel.program(program) is None
        with pytest.raises(ProgramNotFound):
            side.manager.program(program)
        with pytest.raises(MapNotFound):
            side.manager.open_map("xdp_stats_map")

    def test_share_maps_when_asked(self, side):
        owner = side.load("xdp_counter", "xdp:xdp_stats")
        user = side.load("xdp_counter", "xdp:xdp_stats", map_owner_id=owner)
        ids = [side.manager.program(each).status.maps[0].kernel.id for each in (owner, user)]
        assert len(set(ids)) == 1

        side.manager.unload([owner])
        assert side.manager.program(user).status.maps[0].present
        side.manager.unload([user])
        assert files_below(side.layout) == set()

    def test_of_one_object_come_together(self, side):
        first, second = side.load("two_programs", "xdp:first_xdp", "tc:second_tc")
        assert [entry.program_id for entry in side.manager.programs()] == sorted((first, second))

    def test_whose_pin_was_removed_by_hand_are_dropped_by_the_next_load(self, side):
        program = side.load("xdp_pass", "xdp:xdp_pass")
        os.unlink(side.manager.program(program).record.pin_path)
        assert side.manager.program(program).status.kernel is None

        other = side.load("xdp_pass", "xdp:xdp_pass")

        assert [entry.program_id for entry in side.manager.programs()] == [other]


class TestChains:
    def test_run_what_is_attached_in_order(self, side):
        program = side.load("xdp_pass", "xdp:xdp_pass")
        assert side.xdp_on() is None
        links = [side.xdp(program, priority) for priority in (20, 10, 20)]

        assert side.members() == [links[1], links[2], links[0]]
        chain = side.manager.chain(side.hook).record
        assert (chain.revision, chain.program_id) == (3, side.xdp_on())
        link = side.manager.link(links[0])
        assert link.status.kernel.program_id == chain.program_id
        assert link.status.pin_present

    def test_go_with_the_last_member(self, side):
        programs = [side.load("xdp_pass", "xdp:xdp_pass") for _ in range(2)]
        links = [side.xdp(program, 10) for program in programs]

        side.manager.detach(links[:1])
        assert side.xdp_on() == side.manager.chain(side.hook).record.program_id
        side.manager.detach(links[1:])

        assert side.xdp_on() is None
        assert side.manager.links() == side.manager.chains() == []
        with pytest.raises(LinkNotFound):
            side.manager.link(links[0])
        side.manager.unload(programs)
        assert files_below(side.layout) == set()

    def test_of_tc_are_one_filter(self, side):
        program = side.load("tc_counter", "tc:stats")
        links = [side.tc(program, priority) for priority in (10, 5)]

        [chain] = side.manager.chains()
        assert chain.record.filter_handle == 1
        assert [member.link_id for member in chain.members] == links[::-1]
        interface = side.manager.find_hook("tc", side.interface, "ingress", side.netns)
        assert side.kernel.filter_handles(interface.ifindex, "ingress", side.netns) == {1}
        side.manager.unload([program])
        assert side.kernel.filter_handles(interface.ifindex, "ingress", side.netns) == frozenset()
        assert not side.kernel.has_clsact(interface.ifindex, side.netns)

    def test_count_for_each_member(self, side):
        program = side.load("xdp_pass", "xdp:xdp_pass")
        links = [side.xdp(program, 10) for _ in range(2)]
        side.manager.set_accounting(side.hook, True)

        found = side.manager.counts(side.hook)

        assert [count.member.link_id for count in found] == links[::-1]
        side.manager.set_accounting(side.hook, False)
        with pytest.raises(Conflict):
            side.manager.counts(side.hook)

    def test_heal_when_the_link_was_removed_by_hand(self, side):
        program = side.load("xdp_pass", "xdp:xdp_pass")
        links = [side.xdp(program, 10) for _ in range(2)]
        os.unlink(side.layout.chain_link(side.hook))
        wait_until(lambda: side.xdp_on() is None)  # the real one lets go a moment later

        side.manager.detach(links[:1])

        assert side.xdp_on() == side.manager.chain(side.hook).record.program_id


class TestOtherLinks:
    def test_of_tcx_are_in_order_and_once(self, side):
        programs = [side.load("tcx", "tcx:tcx_ingress") for _ in range(3)]
        links = [
            side.tcx(program, priority) for program, priority in zip(programs, (20, 10, 20), strict=True)
        ]
        assert side.tcx_on() == [programs[1], programs[0], programs[2]]
        with pytest.raises(AlreadyAttached):
            side.tcx(programs[0], 5)

        side.manager.detach(links[1:2])
        assert side.tcx_on() == [programs[0], programs[2]]
        side.manager.unload(programs)
        assert files_below(side.layout) == set()

    def test_of_tracepoints_come_and_go(self, side):
        program = side.load("tracepoint_kill", "tracepoint:tracepoint_kill")
        link = side.manager.attach(program, tracepoint("syscalls/sys_enter_kill")).record
        assert side.manager.link(link.id).status.kernel_seen

        side.manager.detach([link.id])

        assert side.kernel.link(link.kernel_link_id) is None


class TestWhatIsNotThere:
    def test_is_told_alike(self, side):
        program = side.load("xdp_pass", "xdp:xdp_pass")
        with pytest.raises(InterfaceNotFound):
            side.manager.attach(program, xdp("none0", priority=1, netns=side.netns))
        with pytest.raises(NamespaceNotFound):
            side.manager.attach(program, xdp(side.interface, priority=1, netns="/no/such/namespace"))
        with pytest.raises(ProgramNotFound):
            side.xdp(program + 100000000, 1)
        with pytest.raises(PartialFailure):
            side.manager.detach([77])
        assert side.manager.links() == []


class TestTrouble:
    """Failures on demand, on either kernel."""

    @pytest.mark.parametrize("method", ["load_bytecode", "update_link", "replace_pin"])
    def test_in_one_step_changes_nothing(self, side, method):
        program = side.load("xdp_pass", "xdp:xdp_pass")
        side.xdp(program, 10)
        before, running, files = side.manager.chains(), side.xdp_on(), files_below(side.layout)
        side.kernel.fail(method, BROKEN)

        with pytest.raises(KernelRefused, match="out of order"):
            side.xdp(program, 20)

        assert (side.manager.chains(), side.xdp_on(), files_below(side.layout)) == (before, running, files)
        assert len(side.manager.links()) == 1
        assert side.manager.examine() == []
        side.xdp(program, 20)

    def test_that_lasts_is_put_right_by_the_next_change(self, side):
        """The new chain runs, and can neither be pinned nor taken back."""
        program = side.load("xdp_pass", "xdp:xdp_pass")
        first = side.xdp(program, 10)
        side.kernel.fail("replace_pin", BROKEN)
        side.kernel.fail("update_link", BROKEN, after=1)

        with pytest.raises(KernelRefused) as refused:
            side.xdp(program, 20)

        assert any("undoing failed too" in note for note in refused.value.__notes__)
        assert [link.id for link, _ in side.manager.links()] == [first]

        side.another().detach([])

        assert side.members() == [first]
        assert side.xdp_on() == side.manager.chain(side.hook).record.program_id
        assert side.manager.examine() == []

    def test_when_loading_leaves_nothing(self, side):
        side.manager.detach([])
        files = files_below(side.layout)
        side.kernel.fail("pin", BROKEN)

        with pytest.raises(KernelRefused):
            side.load("xdp_counter", "xdp:xdp_stats")

        assert files_below(side.layout) == files
        assert side.manager.programs() == []

    def test_is_for_methods_that_there_are(self, side):
        with pytest.raises(ValueError, match="no method reboot"):
            side.kernel.fail("reboot", BROKEN)

    def test_everywhere_ends_when_it_is_mended(self, side):
        side.kernel.fail_all(BROKEN)
        with pytest.raises(KernelRefused):
            side.load("xdp_pass", "xdp:xdp_pass")
        side.kernel.mend()
        side.load("xdp_pass", "xdp:xdp_pass")
        assert "load_object" in side.kernel.calls


class TestOnlyInMemory:
    """What a test of a user's may want, and would take long or a machine of its own for real."""

    @pytest.fixture
    def side(self, tmp_path) -> Side:
        return fake_side(tmp_path)

    def test_somebody_else_may_hold_the_hook(self, side):
        foreign = side.load("xdp_drop", "xdp:xdp_drop")
        with side.kernel.open_program(foreign) as program:
            link = side.kernel.attach_xdp(program.fd, 1, "", "auto")
        with link, pytest.raises(ForeignProgram):
            side.xdp(foreign, 1)
        side.xdp(foreign, 1)

    def test_links_of_netkit_are_in_order_and_know_their_side(self, side):
        programs = [side.load("netkit", "netkit:on_peer") for _ in range(3)]
        for program, priority in zip(programs, (20, 10, 20), strict=True):
            side.manager.attach(program, netkit("eth0", "peer", priority=priority))
        side.manager.attach(programs[0], netkit("eth0", "primary", priority=1))

        assert side.kernel.tcx_on("eth0", "peer") == [programs[1], programs[0], programs[2]]
        assert side.kernel.tcx_on("eth0", "primary") == programs[:1]

    @pytest.mark.parametrize(
        ("file", "program", "target", "link_type"),
        [
            ("struct_ops", "struct_ops:counted", StructOpsAttach(), "struct_ops"),
            ("usdt", "usdt:on_marker", UsdtAttach("/bin/marked", "demo:plain"), "uprobe_multi"),
            ("other_kinds", "netfilter:on_netfilter", NetfilterAttach("ipv4", "input"), "netfilter"),
            ("other_kinds", "iter:on_iter:task", IterAttach(), "iter"),
        ],
    )
    def test_links_of_other_kinds_are_of_the_types_that_the_kernel_makes(
        self, side, file, program, target, link_type
    ):
        loaded = side.load(file, program)
        link = side.manager.attach(loaded, target)

        assert link_type_name(link.status.kernel.type) == link_type
        assert side.manager.examine() == []
        side.manager.unload([loaded])
        assert side.kernel.link(link.record.kernel_link_id) is None
        assert files_below(side.layout) == set()

    def test_an_interface_or_a_namespace_may_go(self, side):
        side.kernel.add_interface("veth0", "/run/netns/blue")
        program = side.load("xdp_pass", "xdp:xdp_pass")
        links = [
            side.manager.attach(program, xdp("veth0", priority=priority, netns="/run/netns/blue")).record.id
            for priority in (1, 2)
        ]
        mine = side.xdp(program, 1)

        side.kernel.remove_namespace("/run/netns/blue")
        side.manager.detach(links[:1])
        assert [link.id for link, _ in side.manager.links()] == [mine]
        side.kernel.remove_interface("eth0")
        side.manager.detach([mine])
        assert side.manager.chains() == []

    def test_more_members_than_can_be_counted_are_told(self, side, monkeypatch):
        monkeypatch.setattr("bpfman.chain.accounting.SLOTS", 2)
        program = side.load("xdp_pass", "xdp:xdp_pass")
        links = [side.xdp(program, 10) for _ in range(3)]

        with pytest.raises(ChainLimit, match="accounting has room for 2 members of a hook, this one has 3"):
            side.manager.set_accounting(side.hook, True)
        assert side.manager.chain(side.hook).record.revision == 3
        side.manager.detach(links[1:2])
        with pytest.raises(ChainLimit):  # two, that were given one row
            side.manager.set_accounting(side.hook, True)
        assert side.manager.examine() == []
