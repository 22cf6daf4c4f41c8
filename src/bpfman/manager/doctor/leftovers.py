# SPDX-License-Identifier: Apache-2.0
"""Leftovers of changes that were cut short."""

from __future__ import annotations

from functools import partial

from bpfman.errors import StoreError
from bpfman.manager import recovery
from bpfman.manager.doctor.finding import Finding
from bpfman.store import bytecode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.manager.work import Work


def unfinished(work: Work) -> Iterator[Finding]:
    """Rows of changes that were cut short.  The next change puts them right; so does a repair."""
    repair = partial(recovery.recover, work, _fail)
    rows = work.store.unfinished()
    for program in (*rows.loading, *rows.unloading):
        verb = "load" if program in rows.loading else "unload"
        subject = f"program {program.program_id} ({program.name})"
        yield Finding(subject, f"its {verb} was cut short", "clear away what is left of it", repair)
    for link in (*rows.attaching, *rows.detaching):
        verb = "attaching" if link in rows.attaching else "detaching"
        yield Finding(f"link {link.id}", f"{verb} it was cut short", "clear away what is left of it", repair)
    for chain in work.store.switching():
        yield Finding(
            f"chain at {chain.hook}", "a change of it was cut short", "settle what the hook runs", repair
        )


def _fail(message: str) -> None:
    raise StoreError(message)


def staging(work: Work) -> Iterator[Finding]:
    """A copy that was being made; no row tells of it when the load never came that far."""
    if bytecode.stale_staging(work.layout):
        clear = partial(bytecode.clear_staging, work.layout, work.lock)
        yield Finding(
            f"directory {work.layout.staging}", "a load that was cut short left files", "remove them", clear
        )
