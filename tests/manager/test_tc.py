# SPDX-License-Identifier: Apache-2.0
"""What is TC's own: one filter of ours, `clsact` and whose it is, filters of others, verdicts on real packets."""

from __future__ import annotations

import re
import select
import subprocess
from typing import IO

import pytest

from bpfman import tc
from bpfman.errors import ForeignProgram, InvalidRequest, TypeMismatch
from bpfman.model.hook import DIRECTIONS
from bpfman.testing.network import ping
from tests.manager.hooks import (
    Hooked,
    Trails,
    counted,
    files_below,
    filters,
    load,
    no_arp,
    on,
    qdiscs,
    run_tc,
)

pytestmark = [pytest.mark.kernel, pytest.mark.network]


@pytest.fixture(params=DIRECTIONS)
def hooked(request, veth) -> Hooked:
    return on(f"tc-{request.param}", veth)


def add_foreign(
    manager, hooked: Hooked, priority: int, *handle: str, protocol: str = "all", verdict: str = "pipe"
) -> None:
    """A filter of somebody else's.  Its program comes from a pin, as `tc` would make folders in our bpffs."""
    pin = manager.program(hooked.load(manager, verdict)).record.pin_path
    run_tc(
        hooked.end, "filter", "add", "dev", hooked.end.interface, hooked.direction, "prio", str(priority), *handle,
        "protocol", protocol, "bpf", "direct-action", "object-pinned", pin,
    )  # fmt: skip


def foreign(hooked: Hooked) -> list[dict]:
    return [each for each in filters(hooked.end, hooked.direction) if each["name"] != "bpfman_chain"]


@pytest.mark.feature("tc")
class TestTheFilter:
    def test_is_the_only_one_whatever_happens_to_the_chain(self, manager, hooked):
        """Looked at after each change; `running` fails on a second one."""
        program = hooked.load(manager, "pipe")
        links = []
        for priority in (50, 10, 90):
            links.append(hooked.attach(manager, program, priority))
            assert hooked.running() == manager.chain(hooked.hook(manager)).record.program_id
        [ours] = filters(hooked.end, hooked.direction)
        assert (ours["priority"], ours["handle"]) == (
            50,
            manager.chain(hooked.hook(manager)).record.filter_handle,
        )
        manager.detach(links[:2])
        assert filters(hooked.end, hooked.direction) == [{**ours, "program": hooked.running()}]

    def test_is_shown_by_tc(self, manager, hooked):
        hooked.attach(manager, hooked.load(manager, "pipe"), 10)

        shown = subprocess.run(
            ["tc", "-n", hooked.end.namespace.name, "filter", "show", "dev", hooked.end.interface, hooked.direction],
            capture_output=True, check=True, text=True,
        ).stdout  # fmt: skip
        assert re.search(r"pref 50 bpf chain 0 handle 0x1 bpfman_chain direct-action", shown), shown

    def test_is_never_seen_twice_by_somebody_who_watches(self, manager, hooked):
        """`tc monitor` is told of each filter as it comes and goes: none goes before the last, none comes beside it."""
        command = ["ip", "netns", "exec", hooked.end.namespace.name, "tc", "monitor"]
        first = hooked.attach(manager, hooked.load(manager, "pipe"), 10)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as monitor:
            assert monitor.stdout is not None
            try:
                while not (line := _told(monitor.stdout, hooked, manager)):
                    pass
                links = [
                    hooked.attach(manager, hooked.load(manager, "pipe"), priority) for priority in (20, 5)
                ]
                manager.detach(links)
                manager.detach([first])
                told = [line]
                while "deleted" not in told[-1]:
                    told.append(monitor.stdout.readline())
            finally:
                monitor.terminate()
        ours = [line for line in told if "bpfman_chain" in line]
        assert ours
        assert [line for line in ours if "handle 0x1 " not in line] == []
        assert [line for line in ours[:-1] if "deleted" in line] == []

    def test_that_was_forgotten_is_taken_over(self, manager, hooked):
        """`dispatcher delete` drops rows and nothing else; what runs is ours all the same."""
        trails = Trails(manager, hooked)
        hooked.attach(manager, trails.program(1), 10)
        [before] = filters(hooked.end, hooked.direction)
        manager.forget_chain(hooked.hook(manager))

        link = hooked.attach(manager, trails.program(2), 10)

        [after] = filters(hooked.end, hooked.direction)
        assert after == {**before, "program": hooked.running()}
        assert trails.run() == [2]
        manager.detach([link])
        assert filters(hooked.end, hooked.direction) == []


def _told(output: IO[str], hooked: Hooked, manager) -> str:
    """Changes the chain until the monitor, which takes a moment to start, tells of it."""
    link = hooked.attach(manager, hooked.load(manager, "pipe"), 30)
    manager.detach([link])
    readable, _, _ = select.select([output], [], [], 0.05)
    return output.readline() if readable else ""


@pytest.mark.feature("tc")
class TestClsact:
    def test_that_we_made_goes_with_the_last_filter_of_both_directions(self, manager, veth):
        ingress, egress = on("tc-ingress", veth), on("tc-egress", veth)
        program = ingress.load(manager, "pipe")
        assert "clsact" not in qdiscs(veth.a)
        first = [ingress.attach(manager, program, 10), egress.attach(manager, program, 10)]
        second = ingress.attach(manager, program, 10)

        manager.detach(first[:1])
        assert "clsact" in qdiscs(veth.a)
        manager.detach([second])
        assert "clsact" in qdiscs(veth.a)
        manager.detach(first[1:])
        assert "clsact" not in qdiscs(veth.a)

    def test_that_was_there_stays(self, manager, hooked):
        run_tc(hooked.end, "qdisc", "add", "dev", hooked.end.interface, "clsact")

        manager.detach([hooked.attach(manager, hooked.load(manager, "pipe"), 10)])

        assert "clsact" in qdiscs(hooked.end)
        assert filters(hooked.end, hooked.direction) == []

    @pytest.mark.parametrize("direction", DIRECTIONS)
    def test_that_others_use_by_now_stays(self, manager, hooked, direction):
        link = hooked.attach(manager, hooked.load(manager, "pipe"), 10)
        other = Hooked(f"tc-{direction}", hooked.end)
        add_foreign(manager, other, 7)

        manager.detach([link])

        assert len(foreign(other)) == 1
        assert "clsact" in qdiscs(hooked.end)

    def test_is_as_it_was_when_the_attachment_fails(self, manager, hooked):
        """Somebody's filter of another protocol is at our priority: the kernel takes one protocol a priority."""
        program = hooked.load(manager, "pipe")
        run_tc(hooked.end, "qdisc", "add", "dev", hooked.end.interface, "clsact")
        add_foreign(manager, hooked, 50, protocol="ip")
        there = files_below(manager.layout)

        with pytest.raises(ForeignProgram, match="bpf filter of somebody else at priority 50") as refused:
            hooked.attach(manager, program, 10)

        assert f"tc filter show dev {hooked.end.interface} {hooked.direction}" in refused.value.hint
        assert manager.links() == []
        assert files_below(manager.layout) == there
        assert "clsact" in qdiscs(hooked.end)


class TestOthers:
    @pytest.mark.parametrize("priority", [1, 50, 60])
    def test_filters_survive_all_that_happens_to_the_chain(self, manager, hooked, priority):
        run_tc(hooked.end, "qdisc", "add", "dev", hooked.end.interface, "clsact")
        add_foreign(manager, hooked, priority)
        add_foreign(manager, hooked, priority)
        before = foreign(hooked)
        assert len(before) == 2

        program = hooked.load(manager, "pipe")
        links = [hooked.attach(manager, program, 10), hooked.attach(manager, program, 20)]
        assert foreign(hooked) == before
        manager.detach(links[:1])
        assert foreign(hooked) == before
        manager.detach(links[1:])
        assert filters(hooked.end, hooked.direction) == before

    def test_filters_that_come_later_at_our_priority_survive_too(self, manager, hooked):
        program = hooked.load(manager, "pipe")
        links = [hooked.attach(manager, program, 10)]
        add_foreign(manager, hooked, 50)
        before = foreign(hooked)

        links.append(hooked.attach(manager, program, 20))
        manager.detach(links)

        assert filters(hooked.end, hooked.direction) == before

    def test_filter_under_the_handle_that_ours_had_is_not_taken_for_ours(self, manager, hooked):
        trails = Trails(manager, hooked)
        links = [hooked.attach(manager, trails.program(number), 10) for number in (1, 2)]
        run_tc(hooked.end, "filter", "del", "dev", hooked.end.interface, hooked.direction)
        add_foreign(manager, hooked, 50, "handle", "0x1")
        before = foreign(hooked)

        manager.detach(links[:1])
        assert foreign(hooked) == before
        assert trails.run() == [2]
        assert hooked.running() == manager.chain(hooked.hook(manager)).record.program_id
        manager.detach(links[1:])
        assert filters(hooked.end, hooked.direction) == before

    def test_ingress_qdisc_is_in_the_way_in_either_direction(self, manager, hooked):
        run_tc(hooked.end, "qdisc", "add", "dev", hooked.end.interface, "ingress")
        program = hooked.load(manager, "pipe")
        there = files_below(manager.layout)

        with pytest.raises(ForeignProgram, match="ingress where TC programs require clsact"):
            hooked.attach(manager, program, 10)

        assert "ingress" in qdiscs(hooked.end)
        assert manager.links() == []
        assert files_below(manager.layout) == there

    @pytest.mark.parametrize("ours", [True, False])
    def test_ingress_qdisc_that_took_our_place_does_not_keep_us_from_leaving(self, manager, hooked, ours):
        if not ours:
            run_tc(hooked.end, "qdisc", "add", "dev", hooked.end.interface, "clsact")
        program = hooked.load(manager, "pipe")
        links = [hooked.attach(manager, program, 10) for _ in range(2)]
        run_tc(hooked.end, "qdisc", "del", "dev", hooked.end.interface, "clsact")
        run_tc(hooked.end, "qdisc", "add", "dev", hooked.end.interface, "ingress")

        manager.unload([program])

        assert manager.links() == manager.chains() == []
        assert links
        assert "ingress" in qdiscs(hooked.end)
        assert files_below(manager.layout) == set()


@pytest.mark.feature("tc")
class TestVerdicts:
    """On real packets; echo requests that reach the other end, or do not."""

    @pytest.mark.parametrize(
        ("verdict", "arrives"),
        [("unspec", True), ("ok", True), ("pipe", True), ("shot", False), ("stolen", False), ("queued", True),
         ("dispatcher_return", True)],
    )  # fmt: skip
    def test_of_a_lone_member_are_the_kernels(self, manager, veth, verdict, arrives):
        no_arp(veth)
        hooked = on("tc-ingress", veth)
        program = hooked.load(manager, verdict)
        hooked.attach(manager, program, 10)

        assert ping(veth.b.namespace, veth.a.address, timeout=0.3) == arrives
        with manager.open_map("runs", program) as runs:
            assert sum(sum(values) for _, values in runs.items()) == 1

    def test_stop_the_chain_unless_the_member_goes_on_after_them(self, manager, hooked, veth):
        no_arp(veth)
        counter = load(manager, "tc_counter", "tc", "stats")
        hooked.attach(manager, counter, 30)
        dropping = hooked.attach(manager, hooked.load(manager, "shot"), 20)
        assert ping(veth.a.namespace, veth.b.address, timeout=0.2) == 0
        assert counted(manager, "tc_stats_map", counter, 0) == 0

        hooked.attach(manager, hooked.load(manager, "shot"), 21, "shot", "pipe")
        manager.detach([dropping])
        assert ping(veth.a.namespace, veth.b.address) == 1
        assert counted(manager, "tc_stats_map", counter, 0) == 1

    def test_let_later_filters_of_others_run_or_not(self, manager, veth):
        """`ok` ends classification, `unspec` hands on to the next filter."""
        no_arp(veth)
        hooked = on("tc-ingress", veth)
        hooked.attach(manager, hooked.load(manager, "unspec"), 10)
        add_foreign(manager, hooked, 60, verdict="shot")
        assert ping(veth.b.namespace, veth.a.address, timeout=0.2) == 0

        hooked.attach(manager, hooked.load(manager, "ok"), 5)
        assert ping(veth.b.namespace, veth.a.address) == 1


class TestRefusals:
    def test_of_unknown_directions(self, manager, veth):
        program = load(manager, "tc_counter", "tc", "stats")
        with pytest.raises(InvalidRequest, match='tc direction must be ingress or egress, got "sideways"'):
            manager.attach(program, tc(veth.a.interface, "sideways", priority=1, netns=veth.a.namespace.path))

    @pytest.mark.parametrize(("kind", "name"), [("xdp", "xdp_pass:xdp_pass"), ("tcx", "tc_counter:stats")])
    def test_of_other_kinds_name_them(self, manager, hooked, kind, name):
        program = load(manager, name.partition(":")[0], kind, name.partition(":")[2])

        with pytest.raises(TypeMismatch, match=f"is a {kind} program: attach tc takes tc programs"):
            hooked.attach(manager, program, 10)
        assert "clsact" not in qdiscs(hooked.end)
