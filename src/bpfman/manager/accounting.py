# SPDX-License-Identifier: Apache-2.0
"""Accounting: who dropped the packet.  On and off by recomposing the same members with and without counters."""

from __future__ import annotations

from bpfman.errors import ChainNotFound, Conflict
from bpfman.manager.chains import Change
from bpfman.manager.place import place_of
from bpfman.model.chain import MemberCount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.kernel import Kernel
    from bpfman.manager.work import Work
    from bpfman.model.chain import Chain, ChainRecord, Member
    from bpfman.model.hook import Hook
    from bpfman.store.layout import Layout
    from bpfman.store.transaction import Transaction


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

    def nothing(_: Transaction) -> None: ...

    def finished(_: Transaction, __: ChainRecord | None) -> None: ...

    place, members = place_of(work, record), work.store.members(hook)
    with Change(
        work, place, members, begin=nothing, cancel=nothing, finish=finished, accounting=on
    ) as change:
        work.run(change.steps())


def ensure_map(work: Work, hook: Hook) -> int:
    """The id of the hook's counters, made and pinned where there are none."""
    from bpfman.chain.accounting import VALUE_SIZE

    path = work.layout.accounting(hook)
    counters = work.kernel.open_pinned_map(path)
    if counters is None:
        counters = work.kernel.create_per_cpu_array("accounting", VALUE_SIZE)
        with counters:
            work.kernel.pin(counters.fd, path)
            return counters.info.id
    with counters:
        return counters.info.id


def free_slot(work: Work, hook: Hook, members: tuple[Member, ...]) -> int:
    """A row of the counters for a new member: one that no member has and, as long as there are such, that nothing
    was ever counted in.  (Clearing one rewrites all, and would lose what is counted meanwhile.)"""
    from bpfman.chain import accounting as layout

    taken = {member.slot for member in members}
    free = [slot for slot in range(layout.SLOTS) if slot not in taken]
    counters = work.kernel.open_pinned_map(work.layout.accounting(hook))
    if counters is None or not free:
        return free[0] if free else 0
    with counters:
        values = counters.split(counters.lookup(layout.KEY))
        for slot in free:
            if not any(layout.counts(values, slot, hook.verdicts).values()):
                return slot
        counters.update(layout.KEY, b"".join(layout.without(values, free)))
    return free[0]


def counts(kernel: Kernel, layout: Layout, chain: Chain) -> list[MemberCount]:
    """What was counted for each member, in the order they run.  Conflict when accounting is off."""
    from bpfman.chain import accounting as rows

    hook = chain.record.hook
    counters = kernel.open_pinned_map(layout.accounting(hook)) if chain.record.accounting else None
    if counters is None:
        words = " ".join(word for word in (hook.family, chain.record.interface.name, hook.direction) if word)
        raise Conflict(f"accounting is off for {words}", f"`bpfman chain account on {words}` switches it on")
    with counters:
        values = counters.split(counters.lookup(rows.KEY))
    return [MemberCount(member, rows.counts(values, member.slot, hook.verdicts)) for member in chain.members]
