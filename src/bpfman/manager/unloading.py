# SPDX-License-Identifier: Apache-2.0
"""Unloading: detach, unpin, let go of the maps that nobody else uses, forget.

What is gone already is no obstacle, so this is also how dead records and half-done loads are cleared away.
"""

from __future__ import annotations

from bpfman.manager import detaching
from bpfman.manager.plan import Step
from bpfman.manager.several import Several
from bpfman.store import bytecode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bpfman.manager.work import Work
    from bpfman.model.program import ProgramRecord


def unload(work: Work, records: Sequence[ProgramRecord], tried: Several) -> None:
    """Detach their links, then take them out of the kernel and the store, in this order.

    The members of a chain leave it in one change, whichever of the programs they are of.  A program of which a link
    cannot be detached stays."""
    links = [link for record in records for link in work.store.links(record.program_id)]
    detached = Several()
    detaching.detach(work, links, detached)
    tried.failed.update(
        {link.program_id: detached.failed[link.id] for link in links if link.id in detached.failed}
    )
    for record in records:
        if record.program_id not in tried.failed:
            tried.attempt([record.program_id], _remove, work, record)


def unload_all(work: Work, records: Sequence[ProgramRecord]) -> None:
    """The same as one request: raises the first failure."""
    tried = Several()
    unload(work, records, tried)
    for error in tried.failed.values():
        raise error


def _remove(work: Work, record: ProgramRecord) -> None:
    work.run(steps(work, record))  # who uses its maps is asked when those before it have gone


def dependants_first(records: Iterable[ProgramRecord]) -> list[ProgramRecord]:
    """An order to unload in: who uses the maps of another goes before that one."""
    return sorted(records, key=lambda record: record.map_owner_id is None)


def steps(work: Work, record: ProgramRecord, *, begun: bool = False) -> tuple[Step, ...]:
    """The plan once nothing is attached; `begun` for a row that says so already."""
    program_id = record.program_id

    def mark() -> None:
        with work.store.writing(work.lock) as tx:
            tx.mark_unloading(program_id)

    def restore() -> None:
        with work.store.writing(work.lock) as tx:
            tx.finish_program(program_id)

    def forget() -> None:
        with work.store.writing(work.lock) as tx:
            tx.remove_program(program_id)

    def unpin_program() -> None:
        work.kernel.remove_directory(work.layout.map_dir(record.map_set_id))
        work.kernel.unpin(record.pin_path)

    plan = (
        *(_unpin(work, path) for path in _map_pins(work, record)),
        Step(f"unpin program {program_id} ({record.name}) from {record.pin_path}", unpin_program),
        Step(f"remove {work.layout.program_dir(program_id)}", lambda: bytecode.remove(work.layout, program_id)),
        Step(f"forget program {program_id}", forget),
    )  # fmt: skip
    return plan if begun else (Step(f"record that program {program_id} is about to go", mark, restore), *plan)


def _unpin(work: Work, path: str) -> Step:
    def unpin() -> None:
        work.kernel.unpin(path)

    return Step(f"unpin map {path}", unpin)


def _map_pins(work: Work, record: ProgramRecord) -> list[str]:
    """The pins of maps that nobody else uses.  They go first and the program last: as long as it is pinned, the kernel
    has all of it."""
    layout, store = work.layout, work.store
    pins: list[str] = []
    if not [user for user in store.map_users(record.map_set_id) if user != record.program_id]:
        pins += [layout.map_pin(record.map_set_id, name) for name in _set_maps(work, record)]
    for each in store.program_maps(record.program_id):
        if each.shared and set(store.shared_map_users(each.name)) <= {record.program_id}:
            pins.append(layout.shared_map(each.name))
    return pins


def _set_maps(work: Work, record: ProgramRecord) -> list[str]:
    """The names pinned in a map set's directory.  The last user may know fewer maps than the owner had, so the
    directory itself is asked too."""
    names = {each.name for each in work.store.program_maps(record.program_id) if not each.internal}
    return sorted(names | set(work.kernel.pins_in(work.layout.map_dir(record.map_set_id))))
