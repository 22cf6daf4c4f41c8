# SPDX-License-Identifier: Apache-2.0
"""Putting right what a crash left: ordinary code, run under the lock whenever a row says that a change is unfinished.

The finished rows are what was reported done, and they are the truth: what was being added is taken back, what was
being taken away goes, and a hook that was being switched runs what its rows say.  Who holds the lock knows that nobody
else is still at it.
"""

from __future__ import annotations

from functools import partial

from bpfman.errors import BpfmanError, Interrupted
from bpfman.manager import detaching, unloading
from bpfman.manager.chains import Change, without_lost
from bpfman.manager.place import place_of
from bpfman.manager.plan import Step
from bpfman.model.link import ChainDetails
from bpfman.store import bytecode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpfman.manager.place import Place
    from bpfman.manager.work import Work
    from bpfman.model.chain import ChainRecord
    from bpfman.model.link import LinkRecord
    from bpfman.model.program import ProgramRecord
    from bpfman.store.transaction import Transaction


def recover(work: Work, warn: Callable[[str], None]) -> None:
    """Finish or take back every unfinished change.  One that cannot be put right now keeps its row, is warned of, and
    is tried again by the next change; it does not stop others."""
    unfinished = work.store.unfinished()
    pending = [*unfinished.attaching, *unfinished.detaching]
    switching = work.store.switching()
    hooks = {chain.hook for chain in switching}
    for chain in switching:
        at_hook = [link for link in pending if detaching.chain_hook(link) == chain.hook]
        _attempt(warn, f"chain at {chain.hook}", partial(_chain, work, chain, at_hook))
    for link in pending:
        if detaching.chain_hook(link) not in hooks:
            _attempt(warn, f"link {link.id}", partial(_own_link, work, link))
    for program in unloading.dependants_first([*unfinished.loading, *unfinished.unloading]):
        _attempt(warn, f"program {program.program_id}", partial(_program, work, program))
    bytecode.clear_staging(work.layout, work.lock)


def _attempt(warn: Callable[[str], None], what: str, act: Callable[[], None]) -> None:
    try:
        act()
    except Interrupted:
        raise
    except BpfmanError as error:
        warn(f"an earlier change was cut short and cannot be put right yet: {what}: {error}")


def _chain(work: Work, chain: ChainRecord, pending: Sequence[LinkRecord]) -> None:
    """Have the hook run what its finished rows say."""
    place = place_of(work, chain)
    members, lost = without_lost(work, place, work.store.members(chain.hook))
    gone = [*lost, *(link.id for link in pending)]

    def finish(tx: Transaction, _: ChainRecord | None) -> None:
        for link_id in gone:
            tx.remove_link(link_id)

    leaving = {link.id for link in work.store.unfinished().detaching}
    untouched = place.running == chain.program_id and not any(link.id in leaving for link in pending)
    if members and (untouched or place.gone):
        work.run(_settle(work, place, finish))
        return
    from bpfman.chain.order import in_order

    ordered = in_order(members)
    with Change(work, place, ordered, finish=finish) as change:
        work.run(change.steps())


def _settle(
    work: Work, place: Place, finish: Callable[[Transaction, ChainRecord | None], None]
) -> tuple[Step, ...]:
    """The hook runs what it should, or can run nothing: only traces of the change go."""
    chain = place.record

    def unpin() -> None:
        work.kernel.unpin(place.replacement_pin)
        if not chain.accounting:
            work.kernel.unpin(work.layout.accounting(chain.hook))

    def forget() -> None:
        with work.store.writing(work.lock) as tx:
            finish(tx, chain)
            tx.end_switch(chain.hook)

    return (
        Step(f"remove the pins of an unfinished change of {place}", unpin),
        Step(f"forget the unfinished change of {place}", forget),
    )


def _program(work: Work, program: ProgramRecord) -> None:
    work.run(unloading.steps(work, program, begun=True))


def _own_link(work: Work, link: LinkRecord) -> None:
    def remove() -> None:
        if link.pin_path and not isinstance(link.details, ChainDetails):
            work.kernel.remove_link(link.pin_path)

    work.run([Step(f"detach link {link.id}", remove), *detaching.forget_steps(work, [link])])
