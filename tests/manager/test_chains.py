# SPDX-License-Identifier: Apache-2.0
"""What holds for every chain, whatever the hook: who runs, in which order, and what is shown of it."""

from __future__ import annotations

import os

import pytest

from bpfman.errors import ChainNotFound, InvalidRequest, LinkNotFound
from bpfman.model import verdicts
from bpfman.model.hook import CHAIN_TYPES
from bpfman.testing.network import ping
from tests.manager.hooks import Hooked, Trails, counted, files_below, load, on, verdict_of

pytestmark = [pytest.mark.kernel, pytest.mark.network]


@pytest.fixture(params=CHAIN_TYPES)
def hooked(request, veth) -> Hooked:
    return on(request.param, veth)


class TestOneMember:
    def test_is_shown_with_where_and_how_it_runs(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)

        link = manager.attach(program, hooked.spec(50), metadata={"ring": "canary"})

        record, details = link.record, link.record.details
        assert record.id > 0
        assert (record.program_id, record.kind) == (program, hooked.family)
        assert record.metadata == {"ring": "canary"}
        assert record.created_at > 0
        assert (details.priority, details.position, details.direction) == (50, 0, hooked.direction)
        assert details.interface[:4] == (
            hooked.end.interface,
            hooked.end.ifindex,
            hooked.netns,
            hooked.end.namespace.inode,
        )
        assert (details.chain_program_id, details.revision) == (hooked.running(), 1)
        assert manager.link(record.id) == link

    def test_is_seen_in_the_kernel(self, manager, hooked):
        link = manager.attach(hooked.load(manager, hooked.go_on), hooked.spec(50))

        assert link.status.kernel_seen
        assert link.status.pin_present
        assert os.path.exists(link.record.pin_path)
        if hooked.family == "xdp":
            assert link.status.kernel.id == link.record.kernel_link_id > 0
            assert link.status.kernel.program_id == hooked.running()
            assert link.status.kernel.ifindex == hooked.end.ifindex
        else:
            assert link.record.kernel_link_id is None
            assert link.status.kernel is None

    def test_is_listed_once_with_the_program_it_attaches(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)
        link = manager.attach(program, hooked.spec(50))

        assert [(found, owner.program_id) for found, owner in manager.links()] == [(link.record, program)]
        [entry] = manager.programs()
        assert entry.links == (link.record,)
        assert [each.record for each in manager.program(program).status.links] == [link.record]

    def test_makes_a_chain_of_one(self, manager, hooked):
        link = hooked.attach(manager, hooked.load(manager, hooked.go_on), 50)

        [chain] = manager.chains()
        assert chain == manager.chain(hooked.hook(manager))
        assert chain.record.program_id == hooked.running()
        assert (chain.record.filter_handle is None) == (hooked.family == "xdp")
        assert [(member.link_id, member.position, member.priority) for member in chain.members] == [
            (link, 0, 50)
        ]

    def test_runs_for_each_packet_until_it_is_detached(self, manager, hooked, veth):
        kind = "xdp_counter", "xdp", "xdp_stats"
        if hooked.family == "tc":
            kind = "tc_counter", "tc", "stats"
        program, name = load(manager, *kind), "xdp_stats_map" if hooked.family == "xdp" else "tc_stats_map"
        key = 2 if hooked.family == "xdp" else 0
        link = hooked.attach(manager, program, 50)

        assert ping(veth.b.namespace, veth.a.address) == 1
        seen = counted(manager, name, program, key)
        assert seen > 0

        manager.detach([link])
        assert ping(veth.b.namespace, veth.a.address) == 1
        assert counted(manager, name, program, key) == seen

    def test_detached_leaves_nothing(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)
        there = files_below(manager.layout)
        link = manager.attach(program, hooked.spec(50))
        hook = hooked.hook(manager)

        manager.detach([link.record.id])

        assert hooked.running() is None
        assert manager.links() == []
        assert manager.chains() == []
        with pytest.raises(LinkNotFound, match=f"link {link.record.id} does not exist"):
            manager.link(link.record.id)
        with pytest.raises(ChainNotFound) as missing:
            manager.chain(hook)
        assert (
            str(missing.value) == f"dispatcher ({hook.type}, {hook.nsid}, {hook.ifindex}): record not found"
        )
        assert files_below(manager.layout) == there
        if hooked.family == "xdp":
            from bpfman.bpf.info import link_by_id

            assert link_by_id(link.record.kernel_link_id) is None


class TestOrder:
    def test_is_by_priority(self, manager, hooked):
        trails = Trails(manager, hooked)
        for priority in (70, 0, 1 << 40, 50):
            hooked.attach(manager, trails.program(priority % 100), priority)

        assert trails.run() == [0, 50, 70, (1 << 40) % 100]

    def test_of_equals_is_newest_first(self, manager, hooked):
        trails = Trails(manager, hooked)
        first, second, third = (trails.program(number) for number in (1, 2, 3))
        for program, priority in ((first, 50), (second, 50), (third, 50), (first, 10), (second, 90)):
            hooked.attach(manager, program, priority)

        assert trails.run() == [1, 3, 2, 1, 2]

    def test_of_equals_survives_what_happens_to_others(self, manager, hooked):
        trails = Trails(manager, hooked)
        links = [hooked.attach(manager, trails.program(number), 50) for number in (1, 2, 3, 4)]

        manager.detach([links[1]])
        assert trails.run() == [4, 3, 1]
        hooked.attach(manager, trails.program(5), 20)
        assert trails.run() == [5, 4, 3, 1]

    def test_has_positions_without_gaps(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)
        links = [hooked.attach(manager, program, priority) for priority in (50, 30, 40, 30)]

        def positions():
            return {link: manager.link(link).record.details.position for link in links}

        assert positions() == {links[0]: 3, links[1]: 1, links[2]: 2, links[3]: 0}
        manager.detach([links.pop(1)])
        assert positions() == {links[0]: 2, links[1]: 1, links[2]: 0}
        assert hooked.members(manager) == [links[2], links[1], links[0]]

    @pytest.mark.parametrize("priority", [-1, 1 << 64])
    def test_has_no_place_for_impossible_priorities(self, manager, hooked, priority):
        program = hooked.load(manager, hooked.go_on)
        there = files_below(manager.layout)

        with pytest.raises(InvalidRequest):
            manager.attach(program, hooked.spec(priority))

        assert hooked.running() is None
        assert manager.links() == []
        assert files_below(manager.layout) == there

    def test_says_what_is_wrong_with_a_negative_priority(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)

        with pytest.raises(InvalidRequest, match=f"{hooked.family} priority must be non-negative, got -7"):
            manager.attach(program, hooked.spec(-7))


class TestProceedOn:
    def test_is_kept_as_given(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)
        known = verdicts.BY_FAMILY[hooked.family]
        asked: dict[tuple[str, ...], int] = {(): known.mask(known.codes[name] for name in known.default)}
        asked |= {(name.upper(),): 1 << known.bit(code) for name, code in known.codes.items()}

        for names, mask in asked.items():
            link = hooked.attach(manager, program, 50, *names)
            assert manager.link(link).record.details.proceed_on == mask, names
        assert {member.proceed_on for member in manager.chain(hooked.hook(manager)).members} == set(
            asked.values()
        )

    def test_of_an_unknown_verdict_is_refused_with_those_there_are(self, hooked):
        with pytest.raises(InvalidRequest, match="invalid proceed-on action") as refused:
            hooked.spec(50, "perhaps")
        assert hooked.stop in refused.value.hint

    def test_ends_the_chain_at_the_first_verdict_that_is_not_in_it(self, manager, hooked):
        trails = Trails(manager, hooked)
        known = verdicts.BY_FAMILY[hooked.family].codes
        hooked.attach(manager, trails.program(1), 10)
        hooked.attach(manager, trails.program(2, known[hooked.stop]), 20)
        hooked.attach(manager, trails.program(3), 30)

        assert trails.run() == [1, 2]
        assert verdict_of(hooked.running()) == known[hooked.stop]

    def test_lets_the_packet_pass_when_the_chain_runs_out(self, manager, hooked):
        trails = Trails(manager, hooked)
        known = verdicts.BY_FAMILY[hooked.family]
        for number in (1, 2, 3):
            program = trails.program(number, known.codes[hooked.stop])
            hooked.attach(manager, program, number, hooked.stop)

        assert trails.run() == [1, 2, 3]
        assert verdict_of(hooked.running()) == known.exhausted

    def test_belongs_to_the_link_not_to_the_program(self, manager, hooked):
        known = verdicts.BY_FAMILY[hooked.family]
        program = hooked.load(manager, hooked.stop)
        going = hooked.attach(manager, program, 10, hooked.stop)
        hooked.attach(manager, program, 20)

        assert verdict_of(hooked.running()) == known.codes[hooked.stop]
        hooked.attach(manager, hooked.load(manager, "redirect"), 15)
        assert verdict_of(hooked.running()) == known.codes["redirect"]
        manager.detach([going])
        assert verdict_of(hooked.running()) == known.codes["redirect"]


class TestRevision:
    def test_grows_by_one_with_each_change(self, manager, hooked):
        program, other = hooked.load(manager, hooked.go_on), hooked.load(manager, hooked.go_on)
        first = hooked.attach(manager, program, 10)
        hook = hooked.hook(manager)
        seen = [manager.chain(hook).record]

        second = hooked.attach(manager, program, 5)
        seen.append(manager.chain(hook).record)
        hooked.attach(manager, other, 7)
        hooked.attach(manager, other, 8)
        seen += [manager.chain(hook).record]
        manager.detach([first])
        seen += [manager.chain(hook).record]
        manager.set_accounting(hook, True)
        seen += [manager.chain(hook).record]
        manager.set_accounting(hook, True)  # nothing to change
        manager.unload([other])  # two members, one change
        seen += [manager.chain(hook).record]

        assert [record.revision for record in seen] == [1, 2, 4, 5, 6, 7]
        assert len({record.program_id for record in seen}) == len(seen)
        assert manager.link(second).record.details.revision == 7

    def test_starts_again_when_the_chain_does(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)
        links = [hooked.attach(manager, program, 10) for _ in range(3)]
        before = manager.chain(hooked.hook(manager)).record
        manager.detach(links)

        link = manager.attach(program, hooked.spec(10)).record

        after = manager.chain(hooked.hook(manager)).record
        assert (before.revision, after.revision, link.details.revision) == (3, 1, 1)
        assert after.program_id != before.program_id
        assert link.id > max(links)

    def test_of_others_changes_nothing_of_a_member_but_its_place(self, manager, hooked):
        program = hooked.load(manager, hooked.go_on)
        link = manager.attach(program, hooked.spec(50), metadata={"a": "b"}).record

        others = [hooked.attach(manager, program, priority) for priority in (10, 90)]
        manager.detach(others[1:])

        now = manager.link(link.id).record
        moved = now.details._replace(position=0, revision=1, chain_program_id=link.details.chain_program_id)
        assert now.details.position == 1
        assert now._replace(details=moved) == link


class TestTogether:
    def test_one_program_may_be_there_several_times(self, manager, hooked):
        trails = Trails(manager, hooked)
        program = trails.program(4)
        links = [hooked.attach(manager, program, 50) for _ in range(5)]

        assert trails.run() == [4] * 5
        assert len(set(links)) == 5
        assert hooked.members(manager) == links[::-1]

    def test_unloading_a_program_detaches_it_everywhere(self, manager, hooked):
        trails = Trails(manager, hooked)
        staying, going = trails.program(1), trails.program(2)
        for priority in (1, 2, 3):
            hooked.attach(manager, going, priority)
        kept = hooked.attach(manager, staying, 2)

        manager.unload([going])

        assert trails.run() == [1]
        assert hooked.members(manager) == [kept]
        manager.unload([staying])
        assert hooked.running() is None
        assert manager.chains() == []
        assert files_below(manager.layout) == set()

    def test_the_hook_keeps_running_while_members_come_and_go_in_any_order(self, manager, hooked):
        trails = Trails(manager, hooked)
        numbers = {}
        for number, priority in ((1, 30), (2, 10), (3, 20), (4, 10)):
            numbers[hooked.attach(manager, trails.program(number), priority)] = number
        assert trails.run() == [4, 2, 3, 1]

        first, second, third, _ = numbers
        for link in (third, first, second):
            del numbers[link]
            manager.detach([link])
            assert trails.run() == [numbers[link] for link in hooked.members(manager)]
            assert hooked.running() == manager.chain(hooked.hook(manager)).record.program_id
        assert trails.run() == [4]


def test_hooks_of_one_interface_know_nothing_of_each_other(manager, veth):
    hooks = {kind: on(kind, veth) for kind in CHAIN_TYPES}
    links = {}
    for kind, hooked in hooks.items():
        program = hooked.load(manager, hooked.go_on)
        links[kind] = [hooked.attach(manager, program, 10), hooked.attach(manager, program, 20)]

    manager.detach(links["tc-ingress"])

    assert hooks["tc-ingress"].running() is None
    for kind in ("xdp", "tc-egress"):
        assert hooks[kind].members(manager) == links[kind]
        assert manager.chain(hooks[kind].hook(manager)).record.revision == 2
        assert hooks[kind].running() is not None
    assert [chain.record.hook.type for chain in manager.chains()] == ["tc-egress", "xdp"]
