# SPDX-License-Identifier: Apache-2.0
"""What is XDP's own: one link for a hook, attach modes, fragments, programs of others."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from bpfman import Manager, ProgramSpec, xdp
from bpfman.bpf.link.link import Link
from bpfman.errors import (
    Conflict,
    ForeignProgram,
    InterfaceNotFound,
    InvalidRequest,
    KernelRefused,
    NamespaceNotFound,
    ProgramNotFound,
    TypeMismatch,
    VerifierRefused,
)
from bpfman.testing.network import ping
from tests.manager.hooks import OBJECTS, Hooked, Trails, counted, files_below, in_kernel, load, on

pytestmark = [pytest.mark.kernel, pytest.mark.network]


@pytest.fixture
def hooked(veth) -> Hooked:
    return on("xdp", veth)


def bpftool(*arguments: str):
    return json.loads(subprocess.run(["bpftool", "-j", *arguments], capture_output=True, check=True).stdout)


@pytest.mark.feature("xdp")
class TestTheLink:
    def test_is_the_same_for_every_member_and_for_the_life_of_the_chain(self, manager, hooked):
        program = hooked.load(manager, "pass")
        links = [hooked.attach(manager, program, 10)]
        kernel_link = manager.link(links[0]).record.kernel_link_id
        links += [hooked.attach(manager, program, priority) for priority in (5, 20)]
        manager.detach(links[:1])

        assert {manager.link(link).record.kernel_link_id for link in links[1:]} == {kernel_link}
        assert manager.chain(hooked.hook(manager)).record.kernel_link_id == kernel_link

    def test_is_told_alike_by_ip_and_bpftool(self, manager, hooked):
        hooked.attach(manager, hooked.load(manager, "pass"), 10)
        hooked.attach(manager, hooked.load(manager, "drop"), 20)
        chain = manager.chain(hooked.hook(manager)).record

        link = bpftool("link", "show", "id", str(chain.kernel_link_id))
        assert (link["type"], link["prog_id"]) == ("xdp", chain.program_id)
        program = bpftool("prog", "show", "id", str(chain.program_id))
        assert (program["type"], program["name"]) == ("xdp", "bpfman_chain")
        assert hooked.running() == chain.program_id

    def test_shows_the_members_names_to_whoever_looks_into_the_chain(self, manager, hooked):
        for name in ("pass", "drop"):
            hooked.attach(manager, hooked.load(manager, name), 10)
        chain = manager.chain(hooked.hook(manager)).record

        info = in_kernel(chain.program_id)
        dump = [
            "bpftool",
            "btf",
            "dump",
            "id",
            str(info.btf_id),
        ]  # not as JSON, which bpftool gets wrong on 5.10
        types = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
        functions = set(re.findall(r"FUNC '(\w+)'", types))
        assert {"bpfman_chain", "xdp_pass", "xdp_drop"} <= functions


@pytest.mark.feature("xdp")
class TestALoneMember:
    def test_runs_without_a_chain_around_it(self, manager, hooked):
        program = hooked.load(manager, "pass")
        hooked.attach(manager, program, 10)

        alone, running = in_kernel(program), in_kernel(hooked.running())
        assert running.verified_insns == alone.verified_insns
        assert running.name == alone.name

    def test_gets_a_chain_with_the_second_and_loses_it_again(self, manager, hooked):
        program = hooked.load(manager, "pass")
        hooked.attach(manager, program, 10)
        alone = in_kernel(hooked.running())

        second = hooked.attach(manager, program, 20)
        assert in_kernel(hooked.running()).name == "bpfman_chain"
        manager.detach([second])
        assert in_kernel(hooked.running())[1:4] == alone[1:4]


@pytest.mark.feature("xdp")
class TestModes:
    def mode(self, hooked: Hooked) -> str:
        [link] = json.loads(hooked.end.namespace.ip("-j", "link", "show", "dev", hooked.end.interface))
        return {1: "native", 2: "generic", 3: "offload"}[link["xdp"]["mode"]]

    def spec(self, hooked: Hooked, mode: str):
        return xdp(hooked.end.interface, priority=10, netns=hooked.netns, mode=mode)

    @pytest.mark.parametrize(
        ("asked", "got"), [("auto", "native"), ("native", "native"), ("generic", "generic")]
    )
    def test_are_taken_as_asked_and_told(self, manager, hooked, veth, asked, got):
        program = load(manager, "xdp_counter", "xdp", "xdp_stats")

        manager.attach(program, self.spec(hooked, asked))

        assert self.mode(hooked) == got
        assert manager.chain(hooked.hook(manager)).record.mode == got
        assert ping(veth.b.namespace, veth.a.address) == 1
        assert counted(manager, "xdp_stats_map", program, 2) > 0

    def test_are_one_for_all_members(self, manager, hooked):
        program = hooked.load(manager, "pass")
        manager.attach(program, self.spec(hooked, "generic"))

        with pytest.raises(Conflict, match="in generic mode, not in native mode"):
            manager.attach(program, self.spec(hooked, "native"))
        manager.attach(program, self.spec(hooked, "auto"))
        manager.attach(program, self.spec(hooked, "generic"))

        assert self.mode(hooked) == "generic"
        assert len(hooked.members(manager)) == 3

    def test_are_generic_where_the_driver_has_nothing_else(self, manager, netns):
        """`lo` has no XDP of its own."""
        program = load(manager, "xdp_pass", "xdp", "xdp_pass")

        manager.attach(program, xdp("lo", priority=1, netns=netns.path))

        assert manager.chain(manager.find_hook("xdp", "lo", netns=netns.path)).record.mode == "generic"
        manager.unload([program])

    @pytest.mark.parametrize("mode", ["native", "offload"])
    def test_that_the_driver_does_not_have_are_refused_with_what_helps(self, manager, netns, mode):
        program = load(manager, "xdp_pass", "xdp", "xdp_pass")
        there = files_below(manager.layout)

        with pytest.raises(KernelRefused) as refused:
            manager.attach(program, xdp("lo", priority=1, netns=netns.path, mode=mode))

        assert "--mode generic" in refused.value.hint
        assert manager.links() == []
        assert files_below(manager.layout) == there

    def test_nobody_knows_are_refused(self, manager, hooked):
        with pytest.raises(InvalidRequest, match='unknown XDP mode "turbo"') as refused:
            manager.attach(hooked.load(manager, "pass"), self.spec(hooked, "turbo"))
        assert "native" in refused.value.hint


@pytest.mark.feature("xdp.frags")
class TestFragments:
    """veth takes packets of several pages only where every program can."""

    @pytest.fixture
    def large(self, hooked, veth):
        for end in (veth.a, veth.b):
            end.namespace.ip("link", "set", end.interface, "mtu", "9000")
        return hooked

    def test_are_supported_where_all_members_do(self, manager, large):
        program = load(manager, "xdp_frags", "xdp", "xdp_frags")
        for priority in (1, 2):
            large.attach(manager, program, priority)

        assert large.running() == manager.chain(large.hook(manager)).record.program_id

    @pytest.mark.feature("explained")
    def test_are_in_the_way_of_a_program_without(self, manager, large):
        program = large.load(manager, "pass")
        there = files_below(manager.layout)

        with pytest.raises(KernelRefused) as refused:
            large.attach(manager, program, 1)

        assert "MTU" in refused.value.hint
        assert "xdp.frags" in refused.value.hint
        assert large.running() is None
        assert files_below(manager.layout) == there

    def test_name_the_member_that_stands_in_the_way(self, manager, large):
        first = large.attach(manager, load(manager, "xdp_frags", "xdp", "xdp_frags"), 1)
        plain = large.load(manager, "pass")
        running, there = large.running(), files_below(manager.layout)

        with pytest.raises(KernelRefused) as refused:
            large.attach(manager, plain, 2)

        assert "because of xdp_pass" in refused.value.hint
        assert large.running() == running
        assert large.members(manager) == [first]
        assert files_below(manager.layout) == there

    def test_are_not_needed_with_a_small_mtu(self, manager, hooked):
        hooked.attach(manager, load(manager, "xdp_frags", "xdp", "xdp_frags"), 1)
        hooked.attach(manager, hooked.load(manager, "pass"), 2)

        assert len(hooked.members(manager)) == 2


@pytest.mark.feature("xdp")
class TestOthers:
    @pytest.fixture
    def foreign(self, manager, hooked):
        """The id of a program that somebody attached with `ip`."""
        pin = manager.program(load(manager, "xdp_pass", "xdp", "xdp_pass")).record.pin_path
        hooked.end.namespace.ip("link", "set", "dev", hooked.end.interface, "xdp", "pinned", pin)
        running = hooked.running()
        assert running is not None
        return running

    def test_program_on_the_hook_is_left_alone(self, manager, hooked, foreign):
        program = hooked.load(manager, "pass")
        there = files_below(manager.layout)

        with pytest.raises(ForeignProgram, match="interface already has an XDP program attached") as refused:
            hooked.attach(manager, program, 10)

        assert f"program {foreign}" in str(refused.value)
        assert hooked.running() == foreign
        assert manager.links() == []
        assert files_below(manager.layout) == there

    def test_program_that_has_left_is_no_obstacle(self, manager, hooked, foreign):
        program = hooked.load(manager, "pass")
        with pytest.raises(ForeignProgram):
            hooked.attach(manager, program, 10)
        hooked.end.namespace.ip("link", "set", "dev", hooked.end.interface, "xdp", "off")

        hooked.attach(manager, program, 10)

        assert hooked.running() == manager.chain(hooked.hook(manager)).record.program_id

    def test_cannot_take_the_hook_from_us(self, manager, hooked):
        hooked.attach(manager, hooked.load(manager, "pass"), 10)
        running = hooked.running()

        with pytest.raises(AssertionError, match="ip -n"):
            hooked.end.namespace.ip(
                "link",
                "set",
                "dev",
                hooked.end.interface,
                "xdp",
                "obj",
                f"{OBJECTS}/xdp_drop.o",
                "sec",
                "xdp",
            )
        assert hooked.running() == running

    def test_chain_that_was_forgotten_is_taken_over(self, manager, hooked):
        """`dispatcher delete` drops rows and nothing else; what runs is ours all the same."""
        trails = Trails(manager, hooked)
        hooked.attach(manager, trails.program(1), 10)
        manager.forget_chain(hooked.hook(manager))
        assert manager.chains() == manager.links() == []
        assert hooked.running() is not None

        link = hooked.attach(manager, trails.program(2), 10)

        assert trails.run() == [2]
        assert hooked.running() == manager.chain(hooked.hook(manager)).record.program_id
        manager.detach([link])
        assert hooked.running() is None


class TestRefusals:
    def test_of_what_the_verifier_does_not_take_leave_the_old_chain(self, manager, hooked):
        """A member without a GPL-compatible licence makes the chain one without, which another's helper needs."""
        first = hooked.attach(manager, load(manager, "nongpl", "xdp", "nongpl"), 10)
        gpl = load(manager, "gpl_helper", "xdp", "gpl_helper")
        before, running, there = manager.chains(), hooked.running(), files_below(manager.layout)

        with pytest.raises(VerifierRefused, match="GPL-only") as refused:
            manager.attach(gpl, hooked.spec(20))

        assert "gpl_helper" in str(refused.value)
        assert refused.value.log
        assert (manager.chains(), hooked.running()) == (before, running)
        assert [link.id for link, _ in manager.links()] == [first]
        assert files_below(manager.layout) == there

    @pytest.mark.parametrize(
        ("kind", "name"), [("tc", "tc_counter:stats"), ("tcx", "tcx:tcx_ingress"),
                           ("tracepoint", "tracepoint_kill:tracepoint_kill")]
    )  # fmt: skip
    def test_of_other_kinds_name_them_and_the_verb(self, manager, hooked, kind, name):
        program = load(manager, name.partition(":")[0], kind, name.partition(":")[2])

        with pytest.raises(
            TypeMismatch, match=f"is a {kind} program: attach xdp takes xdp programs"
        ) as refused:
            hooked.attach(manager, program, 10)

        assert f"link attach {kind} {program}" in refused.value.hint
        assert manager.links() == []

    def test_of_unknown_programs_say_who_knows_them(self, manager, hooked):
        with pytest.raises(ProgramNotFound, match="program 4294967295 does not exist"):
            hooked.attach(manager, 0xFFFFFFFF, 10)
        other = Manager(manager.layout)
        [program] = other.load_file(f"{OBJECTS}/xdp_pass.o", [ProgramSpec("xdp", "xdp_pass")])
        other.unload([program.record.program_id])
        with pytest.raises(ProgramNotFound, match="does not exist"):
            hooked.attach(manager, program.record.program_id, 10)

    def test_of_unknown_interfaces_suggest_near_ones(self, manager, hooked):
        program = hooked.load(manager, "pass")
        name = hooked.end.interface

        with pytest.raises(InterfaceNotFound, match=f'interface "{name[:-1]}"') as refused:
            manager.attach(program, xdp(name[:-1], priority=1, netns=hooked.netns))

        assert name in refused.value.hint
        assert hooked.netns in str(refused.value)

    def test_of_unknown_namespaces_suggest_near_ones(self, manager, hooked):
        program = hooked.load(manager, "pass")

        with pytest.raises(NamespaceNotFound, match="does not exist") as refused:
            manager.attach(program, xdp(hooked.end.interface, priority=1, netns=hooked.netns[:-1]))
        assert hooked.netns in refused.value.hint
        with pytest.raises(NamespaceNotFound, match="is not a network namespace"):
            manager.attach(program, xdp(hooked.end.interface, priority=1, netns="/etc/passwd"))


def test_somebody_who_holds_the_link_does_not_keep_the_program_running(manager, veth, monkeypatch):
    hooked = on("xdp", veth)
    link = manager.attach(hooked.load(manager, "pass"), hooked.spec(1)).record
    monkeypatch.setattr("bpfman.bpf.link.link.GONE_WITHIN", 0.05)
    pinned = Link.pinned(link.pin_path)
    assert pinned is not None
    with pinned:
        manager.detach([link.id])
        assert pinned.info.ifindex == 0
    assert hooked.running() is None
