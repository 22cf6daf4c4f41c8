# SPDX-License-Identifier: Apache-2.0
"""Accounting: who dropped the packet, counted while traffic flows, and nothing where it is off."""

from __future__ import annotations

import os

import pytest

from bpfman.bpf.program import Program
from bpfman.chain import accounting as layout
from bpfman.errors import ChainNotFound, Conflict
from bpfman.model.hook import CHAIN_TYPES, Hook
from bpfman.testing.network import ping
from tests.manager.hooks import PACKET, Hooked, files_below, in_kernel, no_arp, on

pytestmark = [pytest.mark.kernel, pytest.mark.network]


@pytest.fixture(params=CHAIN_TYPES)
def hooked(request, veth) -> Hooked:
    return on(request.param, veth)


def send(hooked: Hooked, packets: int) -> None:
    """Has the hook's program run on so many packets."""
    with Program.by_id(hooked.running() or 0) as program:
        for _ in range(packets):
            program.test_run(PACKET, room=256)


def counts(manager, hooked: Hooked) -> list[dict[str, int]]:
    """What was counted for each member, in order, without zeros."""
    found = manager.counts(hooked.hook(manager))
    assert [count.member.link_id for count in found] == hooked.members(manager)
    return [{name: runs for name, runs in count.verdicts.items() if runs} for count in found]


def account(manager, hooked: Hooked, on: bool = True) -> None:
    manager.set_accounting(hooked.hook(manager), on)


@pytest.mark.feature("xdp")
class TestCounts:
    def test_say_who_dropped_what(self, manager, hooked):
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 10)
        hooked.attach(manager, hooked.load(manager, hooked.stop), 20)
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 30)
        account(manager, hooked)

        send(hooked, 7)

        assert counts(manager, hooked) == [{hooked.go_on: 7}, {hooked.stop: 7}, {}]
        assert [count.runs for count in manager.counts(hooked.hook(manager))] == [7, 7, 0]

    def test_are_of_real_packets_too(self, manager, veth):
        no_arp(veth)
        hooked = on("xdp", veth)
        hooked.attach(manager, hooked.load(manager, "pass"), 10)
        account(manager, hooked)
        assert ping(veth.b.namespace, veth.a.address, count=3) == 3
        assert counts(manager, hooked) == [{"pass": 3}]

        hooked.attach(manager, hooked.load(manager, "drop"), 20)
        assert ping(veth.b.namespace, veth.a.address, timeout=0.2) == 0
        assert counts(manager, hooked) == [{"pass": 4}, {"drop": 1}]

    def test_tell_verdicts_that_nobody_knows_apart(self, manager, hooked):
        every = "pass,drop,aborted,tx,redirect,dispatcher_return"
        if hooked.family == "tc":
            every = "ok,shot,pipe,unspec,stolen,queued,repeat,reclassify,redirect,trap,dispatcher_return"
        for verdict in ("unknown", "dispatcher_return", hooked.stop, "redirect"):
            hooked.attach(manager, hooked.load(manager, verdict), 10, *every.split(","))
        account(manager, hooked)

        send(hooked, 2)

        # The newest runs first; a verdict outside the known range ends the chain.
        expected = [{"redirect": 2}, {hooked.stop: 2}, {"dispatcher_return": 2}, {"other": 2}]
        assert counts(manager, hooked) == expected

    def test_are_kept_for_each_link_of_a_program(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)
        for priority in (10, 20):
            hooked.attach(manager, program, priority)
        hooked.attach(manager, hooked.load(manager, hooked.stop), 15)
        account(manager, hooked)

        send(hooked, 3)

        assert counts(manager, hooked) == [{hooked.go_on: 3}, {hooked.stop: 3}, {}]


class TestWhatHappensToTheChain:
    @pytest.fixture
    def counting(self, manager, hooked):
        """Two members that let packets on, five packets."""
        links = [
            hooked.attach(manager, hooked.load(manager, hooked.go_on), priority) for priority in (10, 20)
        ]
        account(manager, hooked)
        send(hooked, 5)
        return links

    def test_does_not_touch_the_counts_of_those_who_stay(self, manager, hooked, counting):
        other = hooked.load(manager, hooked.go_on)
        between = hooked.attach(manager, other, 15)
        hooked.attach(manager, other, 0)
        send(hooked, 1)
        manager.detach([between])
        send(hooked, 1)

        assert counts(manager, hooked) == [{hooked.go_on: 2}, {hooked.go_on: 7}, {hooked.go_on: 7}]

    def test_is_counted_from_zero_for_those_who_come(self, manager, hooked, counting):
        program = manager.link(counting[0]).record.program_id
        manager.detach(counting[:1])

        again = hooked.attach(manager, program, 10)

        assert again not in counting
        assert counts(manager, hooked) == [{}, {hooked.go_on: 5}]

    def test_gives_no_newcomer_the_counts_of_an_old_slot(self, manager, hooked, counting):
        """Not even where something was counted in every slot: after 256 members, that is."""
        with manager.open_map(manager.layout.accounting(hooked.hook(manager))) as counters:
            one = b"\1" + bytes(7)
            values = counters.split(counters.lookup(layout.KEY))
            mine = {member.slot for member in manager.chain(hooked.hook(manager)).members}
            for number, value in enumerate(values):
                rows = [value[at : at + layout.ROW] for at in range(0, len(value), layout.ROW)]
                dirty = one * layout.VERDICTS
                values[number] = b"".join(row if slot in mine else dirty for slot, row in enumerate(rows))
            counters.update(layout.KEY, b"".join(values))

        hooked.attach(manager, hooked.load(manager, hooked.go_on), 30)

        assert counts(manager, hooked) == [{hooked.go_on: 5}, {hooked.go_on: 5}, {}]

    def test_ends_the_counting_with_the_last_member(self, manager, hooked, counting):
        hook = hooked.hook(manager)
        manager.detach(counting)
        assert not os.path.exists(manager.layout.accounting(hook))
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 10)

        assert not manager.chain(hook).record.accounting
        with pytest.raises(Conflict):
            manager.counts(hook)

    def test_goes_on_where_somebody_removed_the_counters(self, manager, hooked, counting):
        os.unlink(manager.layout.accounting(hooked.hook(manager)))

        hooked.attach(manager, hooked.load(manager, hooked.go_on), 30)
        send(hooked, 2)

        assert counts(manager, hooked) == [{hooked.go_on: 2}] * 3


class TestTheSwitch:
    def test_is_off_at_first(self, manager, hooked):
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 10)

        assert not manager.chain(hooked.hook(manager)).record.accounting
        words = f"{hooked.family} {hooked.end.interface} {hooked.direction}".strip()
        with pytest.raises(Conflict, match=f"accounting is off for {words}") as off:
            manager.counts(hooked.hook(manager))
        assert f"bpfman chain account on {words}" in off.value.hint

    def test_starts_from_zero(self, manager, hooked):
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 10)
        for packets in (3, 4):
            account(manager, hooked)
            send(hooked, packets)
            assert counts(manager, hooked) == [{hooked.go_on: packets}]
            account(manager, hooked, False)

    def test_leaves_nothing_behind_when_off(self, manager, hooked):
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 10)
        there, before = files_below(manager.layout), in_kernel(hooked.running())
        account(manager, hooked)
        assert files_below(manager.layout) > there
        assert in_kernel(hooked.running()).tag != before.tag

        account(manager, hooked, False)

        assert files_below(manager.layout) == there
        assert in_kernel(hooked.running()).tag == before.tag

    def test_changes_nothing_when_it_is_there_already(self, manager, hooked):
        hooked.attach(manager, hooked.load(manager, hooked.go_on), 10)
        for wanted in (False, True):
            account(manager, hooked, wanted)
            before = manager.chains()
            account(manager, hooked, wanted)
            assert manager.chains() == before

    def test_is_for_hooks_that_have_a_chain(self, manager):
        hook = Hook("xdp", 1, 2)
        for act in (lambda: manager.set_accounting(hook, True), lambda: manager.counts(hook)):
            with pytest.raises(ChainNotFound, match=r"dispatcher \(xdp, 1, 2\): record not found"):
                act()
