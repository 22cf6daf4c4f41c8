# SPDX-License-Identifier: Apache-2.0
"""Detaching: links of their own by removing them, members by composing their chain without them.

What is gone already (a pin removed by hand, an interface, a whole namespace) is no obstacle: detaching then clears
the records.
"""

from __future__ import annotations

from bpfman.errors import ForeignProgram
from bpfman.manager.chains import Change, without_lost
from bpfman.manager.place import place_of
from bpfman.manager.plan import Step
from bpfman.model.link import ChainDetails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bpfman.manager.place import Place
    from bpfman.manager.several import Several
    from bpfman.manager.work import Work
    from bpfman.model.chain import ChainRecord
    from bpfman.model.hook import Hook
    from bpfman.model.link import LinkRecord
    from bpfman.store.transaction import Transaction


def detach(work: Work, links: Sequence[LinkRecord], tried: Several) -> None:
    """Detach these; members of one chain leave it in one change."""
    for together in _by_change(links):
        tried.attempt([link.id for link in together], detach_together, work, together)


def detach_together(work: Work, links: Sequence[LinkRecord]) -> None:
    """Detach a link of its own, or members of one chain, in one change."""
    if (hook := chain_hook(links[0])) is not None:
        leave_chain(work, hook, links)
        return
    [link] = links
    work.run(_own_link_steps(work, link))


def _by_change(links: Sequence[LinkRecord]) -> list[list[LinkRecord]]:
    """Links that one change detaches: each of those of their own, the members of each chain."""
    own = [[link] for link in links if chain_hook(link) is None]
    chains: dict[Hook, list[LinkRecord]] = {}
    for link in links:
        if (hook := chain_hook(link)) is not None:
            chains.setdefault(hook, []).append(link)
    return [*own, *chains.values()]


def chain_hook(link: LinkRecord) -> Hook | None:
    """The hook whose chain the link is a member of."""
    return link.details.hook if isinstance(link.details, ChainDetails) else None


def leave_chain(work: Work, hook: Hook, leaving: Collection[LinkRecord]) -> None:
    """Have the hook run the others; with nobody leaving, whoever can still run."""
    chain = work.store.chain(hook)
    if chain is None:  # its rows were dropped by hand; there is nothing to compose
        work.run(forget_steps(work, leaving))
        return
    from bpfman.chain.order import in_order

    ids = {link.id for link in leaving}
    there = work.store.members(hook)
    place = place_of(work, chain)
    if place.gone:
        work.run(_gone_steps(work, place, ids, [member.link_id for member in there]))
        return
    staying, lost = without_lost(work, place, [member for member in there if member.link_id not in ids])
    remaining = in_order(staying)

    def begin(tx: Transaction) -> None:
        for link_id in ids:
            tx.mark_detaching(link_id)

    def cancel(tx: Transaction) -> None:
        for link in leaving:
            tx.finish_link(link.id, link.kernel_link_id)

    def finish(tx: Transaction, _: ChainRecord | None) -> None:
        for link_id in (*ids, *lost):
            tx.remove_link(link_id)

    with Change(work, place, remaining, begin=begin, cancel=cancel, finish=finish) as change:
        try:
            work.run(change.steps())
        except ForeignProgram:
            if place.running is not None or not leaving:
                raise
            # Somebody else has the hook: nothing of ours runs there, so nothing has to be composed to leave.
            gone = [*ids, *lost]
            work.run(
                (_forget_members(work, place, gone, [m.link_id for m in remaining], "which others have"),)
            )


def drop_chain(work: Work, chain: ChainRecord) -> None:
    """Forget a chain whose interface is gone, with all its members."""
    members = [member.link_id for member in work.store.members(chain.hook)]
    work.run(_gone_steps(work, place_of(work, chain), members, members))


def _gone_steps(
    work: Work, place: Place, leaving: Collection[int], there: Collection[int]
) -> tuple[Step, ...]:
    """The interface is gone: nothing runs, only records and pins are left.  With its namespace gone, nobody could
    ever bring the other members back: they go too."""
    staying = [] if place.namespace_gone else [link_id for link_id in there if link_id not in leaving]
    gone = [link_id for link_id in there if link_id not in staying]
    what = _forget_members(work, place, gone, staying, "which is gone")
    if staying:
        return (what,)
    return (
        Step(f"detach from {place}, which is gone", place.take_away),
        Step(f"remove the pins of {place}", place.clear),
        what,
    )


def _forget_members(work: Work, place: Place, gone: list[int], staying: list[int], why: str) -> Step:
    """Only the rows: `staying` are the other members, in their order; the chain's own row goes with the last."""

    def forget() -> None:
        with work.store.writing(work.lock) as tx:
            for link_id in gone:
                tx.remove_link(link_id)
            if staying:
                tx.set_positions({link_id: position for position, link_id in enumerate(staying)})
            else:
                tx.remove_chain(place.record.hook)

    return Step(f"forget {len(gone)} link(s) of {place}, {why}", forget)


def _own_link_steps(work: Work, link: LinkRecord) -> tuple[Step, ...]:
    def begin() -> None:
        with work.store.writing(work.lock) as tx:
            tx.mark_detaching(link.id)

    def cancel() -> None:
        with work.store.writing(work.lock) as tx:
            tx.finish_link(link.id, link.kernel_link_id)

    def remove() -> None:
        ending = work.kernel.release_link(link.pin_path or "")
        if ending is not None:
            work.endings.append(ending)

    return (
        Step(f"record that link {link.id} is about to go", begin, cancel),
        Step(f"detach and unpin {link.pin_path}", remove),
        *forget_steps(work, [link]),
    )


def forget_steps(work: Work, links: Collection[LinkRecord]) -> tuple[Step, ...]:
    def forget() -> None:
        with work.store.writing(work.lock) as tx:
            for link in links:
                tx.remove_link(link.id)

    return (Step(f"forget link {', '.join(str(link.id) for link in links)}", forget),)
