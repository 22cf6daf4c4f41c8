# SPDX-License-Identifier: Apache-2.0
"""Chains: does each hook run what its rows say?"""

from __future__ import annotations

from functools import partial

from bpfman.manager import detaching
from bpfman.manager.chains import without_lost
from bpfman.manager.doctor.finding import Finding
from bpfman.manager.place import place_of
from bpfman.manager.standing import trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.manager.place import Place
    from bpfman.manager.work import Work
    from bpfman.model.chain import ChainRecord
    from bpfman.model.hook import Hook


def examine(work: Work) -> Iterator[Finding]:
    for chain in work.store.chains():
        place = place_of(work, chain)
        subject = f"chain of {place}"
        what = trouble(place, chain)
        if not what:
            yield from _details(work, place, chain, subject)
        elif place.gone:
            drop = partial(_drop, work, chain.hook)
            yield Finding(subject, what, "drop the records of it and its links", drop)
        elif place.moved:
            yield Finding(subject, what, "detach its members, and attach them where the interface is now")
        else:
            how = _how_again(work, place) if place.running is None else "compose it from its records"
            yield Finding(subject, what, how, partial(_rebuild, work, chain.hook))


def _how_again(work: Work, place: Place) -> str:
    members = work.store.members(place.record.hook)
    staying, lost = without_lost(work, place, members)
    if not lost:
        return "attach it again"
    if not staying:
        return "drop its record: the kernel has none of its programs any more"
    return f"attach it again, without link {', '.join(map(str, lost))}, whose program the kernel does not have any more"


def _details(work: Work, place: Place, chain: ChainRecord, subject: str) -> Iterator[Finding]:
    pinned = work.kernel.pinned_program(place.program_pin)
    if pinned is None or pinned.id != chain.program_id:
        what = f"the pin {place.program_pin} of its program is missing or holds another"
        yield Finding(subject, what, "pin it", partial(_pin, work, place, chain.program_id))
    name = place.name_now
    if name != chain.interface.name:
        what = f"its interface is called {name} now"
        yield Finding(subject, what, "record the new name", partial(_rename, work, chain, name))


def _drop(work: Work, hook: Hook) -> None:
    if (chain := work.store.chain(hook)) is not None:  # another repair may have taken it away
        detaching.drop_chain(work, chain)


def _rebuild(work: Work, hook: Hook) -> None:
    if work.store.chain(hook) is not None:
        detaching.leave_chain(work, hook, ())


def _pin(work: Work, place: Place, program_id: int) -> None:
    with work.kernel.open_program(program_id) as program:
        work.kernel.replace_pin(program.fd, place.program_pin)


def _rename(work: Work, chain: ChainRecord, name: str) -> None:
    with work.store.writing(work.lock) as tx:
        tx.rename_interface(chain.hook, name)
