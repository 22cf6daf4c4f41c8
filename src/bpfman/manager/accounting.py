# SPDX-License-Identifier: Apache-2.0
"""Accounting: who dropped the packet.  On and off by recomposing the same members with and without counters."""

from __future__ import annotations

from bpfman.errors import ChainLimit, ChainNotFound, Conflict, InterfaceNotFound
from bpfman.manager.chains import Change
from bpfman.manager.place import place_of
from bpfman.model.chain import MemberCount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.bpf.kernel import Kernel
    from bpfman.bpf.map import Map
    from bpfman.manager.work import Work
    from bpfman.model.chain import Chain, Member
    from bpfman.model.hook import Hook
    from bpfman.store.layout import Layout


def chain_not_found(hook: Hook) -> ChainNotFound:
    return ChainNotFound(
        f"dispatcher ({hook.type}, {hook.nsid}, {hook.ifindex}): record not found",
        "nothing is attached there by bpfman; `bpfman chain list` shows the chains there are",
    )


def set_accounting(work: Work, hook: Hook, on: bool) -> None:
    record = work.store.chain(hook)
    if record is None:
        raise chain_not_found(hook)
    if record.accounting == on:
        return

    place, members = place_of(work, record), work.store.members(hook)
    if place.gone:
        raise InterfaceNotFound(
            f"{place} is gone",
            "detach what is left there: `bpfman link list` shows it",
        )
    with Change(work, place, members, accounting=on) as change:
        work.run(change.steps())


def new_map(work: Work, hook: Hook, members: Sequence[Member]) -> int:
    """The id of new counters for a hook, pinned in place of what may be left of older ones."""
    from bpfman.chain.accounting import VALUE_SIZE

    _require_slots(members)
    path = work.layout.accounting(hook)
    with work.kernel.create_per_cpu_array("accounting", VALUE_SIZE) as counters:
        work.kernel.unpin(path)
        work.kernel.pin(counters.fd, path)
        return counters.info.id


def ensure_map(work: Work, hook: Hook, members: Sequence[Member]) -> int:
    """The id of a hook's counters, made anew where somebody removed them; a row that gets a new owner is zero."""
    counters = work.kernel.open_pinned_map(work.layout.accounting(hook))
    if counters is None:
        return new_map(work, hook, members)
    _require_slots(members)
    there = {member.link_id: member.slot for member in work.store.members(hook)}
    with counters:
        _clear(counters, hook, [m.slot for m in members if m.link_id not in there], set(there.values()))
        return counters.info.id


def _clear(counters: Map, hook: Hook, wanted: Sequence[int], taken: set[int]) -> None:
    """Set rows to zero if one of those wanted is not.  That rewrites all, and loses what is counted meanwhile; so
    every row that nobody has is cleared at once, and the next time is far off."""
    from bpfman.chain import accounting as layout

    values = counters.split(counters.lookup(layout.KEY))
    if any(any(layout.counts(values, slot, hook.verdicts).values()) for slot in wanted):
        free = [slot for slot in range(layout.SLOTS) if slot not in taken]
        counters.update(layout.KEY, b"".join(layout.without(values, free)))


def _require_slots(members: Sequence[Member]) -> None:
    """Members that came when all rows were taken share one: their counts could not be told apart."""
    if len({member.slot for member in members}) < len(members):
        from bpfman.chain.accounting import SLOTS

        raise ChainLimit(
            f"accounting has room for {SLOTS} members of a hook, this one has {len(members)}",
            "switch accounting off, or detach members and attach them again",
        )


def free_slot(work: Work, hook: Hook, members: Sequence[Member]) -> int:
    """A row of the counters for a new member: one that no member has and, as long as there are such, that nothing
    was ever counted in."""
    from bpfman.chain import accounting as layout

    taken = {member.slot for member in members}
    free = [slot for slot in range(layout.SLOTS) if slot not in taken] or [0]
    counters = work.kernel.open_pinned_map(work.layout.accounting(hook))
    if counters is None:
        return free[0]
    with counters:
        values = counters.split(counters.lookup(layout.KEY))
    return next(
        (slot for slot in free if not any(layout.counts(values, slot, hook.verdicts).values())), free[0]
    )


def counts(kernel: Kernel, layout: Layout, chain: Chain) -> list[MemberCount]:
    """What was counted for each member, in the order they run.  Conflict when accounting is off."""
    from bpfman.chain import accounting as rows

    hook = chain.record.hook
    counters = kernel.open_pinned_map(layout.accounting(hook)) if chain.record.accounting else None
    if counters is None:
        interface = chain.record.interface
        words = " ".join(word for word in (hook.family, interface.name, hook.direction) if word)
        where = f"{words} --netns {interface.netns}" if interface.netns else words
        raise Conflict(f"accounting is off for {words}", f"`bpfman chain account on {where}` switches it on")
    with counters:
        values = counters.split(counters.lookup(rows.KEY))
    return [MemberCount(member, rows.counts(values, member.slot, hook.verdicts)) for member in chain.members]
