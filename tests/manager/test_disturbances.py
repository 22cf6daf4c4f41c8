# SPDX-License-Identifier: Apache-2.0
"""What others do to hooks and links with `ip`, `tc` and `bpftool`: what is seen of it, that a repair helps and leaves
what is theirs alone, and that everything can still be taken down."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time

import pytest

from bpfman import ProgramSpec, tcx
from bpfman.errors import ForeignProgram
from bpfman.model.hook import CHAIN_TYPES
from bpfman.model.targets import CgroupAttach, PerfEventAttach
from bpfman.syscalls import mounts
from bpfman.testing import cgroups
from tests.manager.hooks import (
    OBJECTS,
    Trails,
    files_below,
    filters,
    load,
    on,
    qdiscs,
    run_tc,
    tcx_programs,
)

REFUSED = re.compile("busy|can't replace active", re.IGNORECASE)
CPUS = os.cpu_count() or 1
pytestmark = [pytest.mark.kernel, pytest.mark.network]


def ip(end, *arguments):
    return end.namespace.ip(*arguments)


def tell(manager) -> list[str]:
    return [finding.what for finding in manager.examine()]


def tell_when_there_is_something(manager) -> str:
    """The kernel lets go of a cgroup a moment later."""
    deadline = time.monotonic() + 5
    while not (told := tell(manager)):
        assert time.monotonic() < deadline
    [only] = told
    return only


def everything_goes(manager) -> None:
    manager.delete_programs(None)
    assert manager.programs() == manager.links() == manager.chains() == []
    assert files_below(manager.layout) == set()


@pytest.fixture
def theirs(tmp_path):
    """The pins of two programs of somebody else's, xdp and tc, in a bpffs of theirs."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    mounts.mount("bpf", str(folder), "bpf")
    for name, file, kind in (("xdp", "xdp_drop", "xdp"), ("tc", "tcx", "classifier")):
        command = ["bpftool", "prog", "load", f"{OBJECTS}/{file}.o", folder / name, "type", kind]
        subprocess.run(command, check=True)
    yield {name: str(folder / name) for name in ("xdp", "tc")}
    mounts.unmount(str(folder))


class TestXdp:
    @pytest.fixture
    def two(self, manager, veth):
        hooked = on("xdp", veth)
        trails = Trails(manager, hooked)
        return hooked, trails, [hooked.attach(manager, trails.program(n), 10 * n) for n in (1, 2)]

    def test_off_is_refused_by_the_kernel(self, manager, two):
        hooked, trails, _ = two
        with pytest.raises(AssertionError, match=REFUSED):
            ip(hooked.end, "link", "set", "dev", hooked.end.interface, "xdp", "off")
        assert tell(manager) == []
        assert trails.run() == [1, 2]

    def test_nor_can_another_program_be_put_there(self, manager, two, theirs):
        hooked, trails, _ = two
        with pytest.raises(AssertionError, match=REFUSED):
            ip(
                hooked.end,
                "-force",
                "link",
                "set",
                "dev",
                hooked.end.interface,
                "xdp",
                "pinned",
                theirs["xdp"],
            )
        assert tell(manager) == []
        assert trails.run() == [1, 2]

    def test_a_program_that_is_there_already_stays(self, manager, veth, theirs):
        hooked = on("xdp", veth)
        ip(hooked.end, "link", "set", "dev", hooked.end.interface, "xdp", "pinned", theirs["xdp"])
        there = hooked.running()
        program = hooked.load(manager, "pass")

        with pytest.raises(ForeignProgram):
            hooked.attach(manager, program, 1)

        assert hooked.running() == there
        assert tell(manager) == []
        ip(hooked.end, "link", "set", "dev", hooked.end.interface, "xdp", "off")
        hooked.attach(manager, program, 1)
        assert tell(manager) == []

    def test_a_larger_mtu_is_refused_or_does_no_harm(self, manager, two):
        """veth refuses packets in several buffers while a program without frags support is there."""
        hooked, trails, _ = two
        subprocess.run(
            ["ip", "-n", hooked.end.namespace.name, "link", "set", hooked.end.interface, "mtu", "9000"],
            check=False,
            capture_output=True,
        )
        assert tell(manager) == []
        assert trails.run() == [1, 2]
        hooked.attach(manager, trails.program(3), 30)
        assert trails.run() == [1, 2, 3]


class TestTc:
    @pytest.fixture(params=CHAIN_TYPES[1:])
    def two(self, request, manager, veth):
        hooked = on(request.param, veth)
        trails = Trails(manager, hooked)
        return hooked, trails, [hooked.attach(manager, trails.program(n), 10 * n) for n in (1, 2)]

    def add_theirs(self, hooked, theirs, verb: str, handle: str) -> None:
        """A filter at our priority, of a program that lets everything through."""
        run_tc(
            hooked.end, "filter", verb, "dev", hooked.end.interface, hooked.direction, "prio", "50", "handle", handle,
            "bpf", "da", "pinned", theirs["tc"],
        )  # fmt: skip

    def of_theirs(self, hooked) -> list[dict]:
        return [each for each in filters(hooked.end, hooked.direction) if each["name"] != "bpfman_chain"]

    def test_a_filter_of_theirs_beside_ours_stays(self, manager, two, theirs):
        hooked, trails, links = two
        self.add_theirs(hooked, theirs, "add", "7")
        [before] = self.of_theirs(hooked)

        hooked.attach(manager, trails.program(3), 30)
        manager.detach(links)

        assert trails.run() == [3]
        assert tell(manager) == []
        everything_goes(manager)
        assert self.of_theirs(hooked) == [before]
        assert "clsact" in qdiscs(hooked.end)

    def test_a_filter_of_theirs_in_the_place_of_ours_stays_and_ours_goes_beside_it(
        self, manager, two, theirs
    ):
        """Same priority, same handle."""
        hooked, trails, _ = two
        self.add_theirs(hooked, theirs, "replace", "1")
        [before] = self.of_theirs(hooked)
        assert tell(manager) == ["the hook does not run it: its filter is gone"]

        assert manager.repair() == []

        assert self.of_theirs(hooked) == [before]
        assert trails.run() == [1, 2]
        assert hooked.running() == manager.chain(hooked.hook(manager)).record.program_id
        everything_goes(manager)
        assert self.of_theirs(hooked) == [before]

    def test_a_filter_of_another_kind_at_our_priority_is_told_of(self, manager, two):
        hooked, _, links = two
        run_tc(hooked.end, "filter", "del", "dev", hooked.end.interface, hooked.direction)
        run_tc(
            hooked.end, "filter", "add", "dev", hooked.end.interface, hooked.direction, "prio", "50",
            "protocol", "ip", "u32", "match", "u32", "0", "0",
        )  # fmt: skip

        [left] = manager.repair()

        assert "filter" in left.remedy
        assert "priority 50" in left.remedy
        assert [link.id for link, _ in manager.links()] == links
        everything_goes(manager)
        shown = hooked.end.namespace.run(
            "tc", "filter", "show", "dev", hooked.end.interface, hooked.direction
        )
        assert "u32" in shown

    def test_an_ingress_qdisc_in_place_of_clsact_is_told_of(self, manager, two):
        hooked, _, _ = two
        run_tc(hooked.end, "qdisc", "del", "dev", hooked.end.interface, "clsact")
        run_tc(hooked.end, "qdisc", "add", "dev", hooked.end.interface, "ingress")

        [left] = manager.repair()

        assert "qdisc ingress" in left.remedy
        everything_goes(manager)
        assert "ingress" in qdiscs(hooked.end)


@pytest.mark.parametrize("kind", CHAIN_TYPES)
class TestAnInterfaceThatIsMadeAnew:
    """Its number is another's, or the same; its name is another's, or the same."""

    @pytest.fixture
    def two(self, manager, veth, kind):
        hooked = on(kind, veth)
        trails = Trails(manager, hooked)
        return hooked, trails, [hooked.attach(manager, trails.program(n), 10 * n) for n in (1, 2)]

    def again(self, hooked, name, index):
        """The old one goes, a new one comes."""
        end = hooked.end
        ip(end, "link", "del", end.interface)
        peer = ("peer", "name", "other-end")
        ip(end, "link", "add", name, "index", str(index), "type", "veth", *peer)
        return hooked._replace(end=end._replace(interface=name, ifindex=index))

    def test_with_another_number_is_another(self, manager, two):
        hooked, trails, links = two
        new = self.again(hooked, hooked.end.interface, hooked.end.ifindex + 100)
        assert tell(manager) == ["its interface is gone, or moved away"]

        third = new.attach(manager, trails.program(3), 5)

        assert trails_at(new, manager, trails) == [3]
        assert {link.id for link, _ in manager.links()} == {*links, third}
        assert manager.repair() == []
        assert [link.id for link, _ in manager.links()] == [third]
        everything_goes(manager)

    def test_with_the_same_name_and_number_is_as_good_as_the_old_one(self, manager, two):
        hooked, _, _ = two
        new = self.again(hooked, hooked.end.interface, hooked.end.ifindex)
        assert new.running() is None
        assert len(tell(manager)) == 1

        assert manager.repair() == []

        assert new.running() == manager.chain(new.hook(manager)).record.program_id
        everything_goes(manager)
        assert new.running() is None

    def test_with_the_same_number_and_another_name_gets_nothing_of_the_old_one(self, manager, two):
        hooked, trails, _ = two
        new = self.again(hooked, "somethingelse", hooked.end.ifindex)
        assert tell(manager) == [f"its interface is gone: number {hooked.end.ifindex} is somethingelse now"]

        third = new.attach(manager, trails.program(3), 5)

        assert [link.id for link, _ in manager.links()] == [third]
        assert trails_at(new, manager, trails) == [3]
        assert tell(manager) == []

    def test_with_the_same_number_and_another_name_is_left_alone_by_a_repair(self, manager, two):
        hooked, _, _ = two
        new = self.again(hooked, "somethingelse", hooked.end.ifindex)

        assert manager.repair() == []

        assert new.running() is None
        assert manager.links() == manager.chains() == []
        everything_goes(manager)


def trails_at(hooked, manager, trails):
    """What runs at a hook."""
    chain = manager.chain(hooked.hook(manager)).record
    assert hooked.running() == chain.program_id
    return trails.run_of(chain.program_id)


class TestLinksOfTheirOwn:
    def test_a_tcx_link_that_was_detached_by_force_is_told_of(self, manager, veth):
        program = load(manager, "tcx", "tcx", "tcx_ingress")
        where = tcx(veth.a.interface, "ingress", priority=1, netns=veth.a.namespace.path)
        link = manager.attach(program, where).record
        subprocess.run(["bpftool", "link", "detach", "id", str(link.kernel_link_id)], check=True)
        [told] = tell(manager)
        assert f"kernel link {link.kernel_link_id} hangs nowhere: somebody detached it by force" in told

        assert manager.repair() == []

        assert manager.links() == []
        again = manager.attach(program, where).record
        assert again.id > link.id
        assert tcx_programs(veth.a, "ingress") == [program]
        assert tell(manager) == []

    def test_a_tcx_link_whose_interface_is_gone_is_told_of(self, manager, veth):
        program = load(manager, "tcx", "tcx", "tcx_ingress")
        manager.attach(program, tcx(veth.a.interface, "ingress", priority=1, netns=veth.a.namespace.path))
        ip(veth.a, "link", "del", veth.a.interface)
        [told] = tell(manager)
        assert "what it was attached to is gone" in told

        assert manager.repair() == []

        everything_goes(manager)

    @pytest.mark.feature("cgroup_skb")
    def test_a_cgroup_that_is_gone_is_told_of(self, manager):
        [program] = manager.load_file(
            f"{OBJECTS}/other_kinds.o", [ProgramSpec("cgroup_skb", "on_cgroup_skb")]
        )
        with cgroups.cgroup() as path:
            manager.attach(program.record.program_id, CgroupAttach(cgroup=path))
            assert tell(manager) == []
        told = tell_when_there_is_something(manager)
        assert "what it was attached to is gone" in told

        assert manager.repair() == []

        assert manager.links() == []

    @pytest.mark.feature("perf_event")
    @pytest.mark.skipif(CPUS == 1, reason="needs more than one CPU")
    def test_a_sampler_that_lost_a_cpu_is_told_of(self, manager):
        [program] = manager.load_file(
            f"{OBJECTS}/other_kinds.o", [ProgramSpec("perf_event", "on_perf_event")]
        )
        link = manager.attach(program.record.program_id, PerfEventAttach("cpu-clock", frequency=9)).record
        assert tell(manager) == []
        os.unlink(f"{link.pin_path}/1")

        [finding] = manager.examine()

        assert f"samples {CPUS - 1} of {CPUS} CPUs" in finding.what
        assert manager.repair() == [finding._replace(repair=None)]
        manager.detach([link.id])
        assert tell(manager) == []


class TestMaps:
    def test_whose_pins_were_removed_are_pinned_again(self, manager):
        program = load(manager, "xdp_counter", "xdp", "xdp_stats")
        [entry] = manager.maps()
        os.unlink(entry.pin_path)
        assert [each.kernel for each in manager.maps()] == [entry.kernel]
        [told] = tell(manager)
        assert "of its map xdp_stats_map is missing" in told

        assert manager.repair() == []

        with manager.open_map("xdp_stats_map", program) as found:
            assert found.info.id == entry.kernel.id
        everything_goes(manager)

    def test_that_are_shared_by_name_are_pinned_again_at_both_places(self, manager):
        load(manager, "pin_by_name", "xdp", "pin_by_name")
        shared = manager.layout.shared_map("pinned_count")
        os.unlink(shared)
        [told] = tell(manager)
        assert f"the pin {shared} of its map pinned_count is missing" in told

        assert manager.repair() == []

        other = load(manager, "pin_by_name", "xdp", "pin_by_name")
        assert len({each.kernel.id for each in manager.maps()}) == 1
        assert len(manager.program(other).status.maps) >= 1
        everything_goes(manager)


def test_a_chain_can_be_told_from_others_by_independent_tools(manager, veth):
    """`bpftool net` shows the same programs that we record."""
    for kind in CHAIN_TYPES:
        hooked = on(kind, veth)
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 1)
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 2)
    shown = json.loads(veth.a.namespace.run("bpftool", "-j", "net", "show"))
    ids = {each["id"] for family in ("xdp", "tc") for each in shown[0][family] if "id" in each}
    assert ids >= {chain.record.program_id for chain in manager.chains() if chain.record.hook.family == "tc"}
