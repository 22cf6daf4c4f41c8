# SPDX-License-Identifier: Apache-2.0
"""Leftovers: changes that were cut short, and pins and files that no record knows (a database that was lost, a crash of
something else).  What is below the runtime directory is ours alone, so it may be removed."""

from __future__ import annotations

from functools import partial

from bpfman.errors import StoreError
from bpfman.manager import recovery
from bpfman.manager.doctor.finding import Finding
from bpfman.model.hook import CHAIN_TYPES, ORDERED_TYPES
from bpfman.store import bytecode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def examine(work: Work) -> Iterator[Finding]:
    yield from _pins(work)
    yield from _chain_directories(work)
    yield from _files(work)


def _pins(work: Work) -> Iterator[Finding]:
    layout, kernel, store = work.layout, work.kernel, work.store
    programs = store.programs()
    known = {record.pin_path for record in programs} | {link.pin_path for link in store.links()}
    sets = {str(record.map_set_id) for record in programs}
    for name in kernel.pins_in(layout.fs):
        path = f"{layout.fs}/{name}"
        if name.startswith("prog_") and path not in known:
            yield _stray(path, "program", partial(kernel.unpin, path))
    for name in kernel.pins_in(f"{layout.fs}/maps"):
        if name not in sets:
            path = f"{layout.fs}/maps/{name}"
            yield _stray(path, "map set", partial(_remove_directory, work, path))
    for name in kernel.pins_in(layout.shared_dir):
        if not store.shared_map_users(name):
            path = layout.shared_map(name)
            yield _stray(path, "map", partial(kernel.unpin, path))
    for directory in ("links", *ORDERED_TYPES):
        for name in kernel.pins_in(f"{layout.fs}/{directory}"):
            path = f"{layout.fs}/{directory}/{name}"
            if path not in known:
                yield _stray(path, "link", partial(kernel.remove_link, path))


def _chain_directories(work: Work) -> Iterator[Finding]:
    layout, kernel = work.layout, work.kernel
    known = {layout.chain_dir(chain.hook) for chain in work.store.chains()}
    for kind in CHAIN_TYPES:
        for name in kernel.pins_in(f"{layout.fs}/{kind}"):
            path = f"{layout.fs}/{kind}/{name}"
            # Others (iproute2) make directories of theirs in any bpffs they find.
            if path not in known and name.replace("_", "", 1).isdecimal():
                yield _stray(path, "chain", partial(_remove_chain, work, kind, path, name))


def _stray(path: str, kind: str, remove: Callable[[], object]) -> Finding:
    def repair() -> None:
        remove()

    return Finding(f"pin {path}", f"no record knows this {kind}", "remove it", repair)


def _remove_directory(work: Work, path: str) -> None:
    for name in work.kernel.pins_in(path):
        work.kernel.unpin(f"{path}/{name}")
    work.kernel.remove_directory(path)


def _remove_chain(work: Work, kind: str, path: str, name: str) -> None:
    """Without its row, a TC chain's filter is known by the program that it runs."""
    pinned = work.kernel.pinned_program(f"{path}/chain")
    nsid, _, ifindex = name.partition("_")
    if kind != "xdp" and pinned is not None and nsid.isdigit() and ifindex.isdigit():
        work.kernel.remove_filters_of(pinned.id, kind.partition("-")[2], int(nsid), int(ifindex))
    if "link" in work.kernel.pins_in(path):
        work.kernel.remove_link(f"{path}/link")
    _remove_directory(work, path)


def _files(work: Work) -> Iterator[Finding]:
    import os

    known = {str(record.program_id) for record in work.store.programs()}
    directory = work.layout.programs_dir
    names = os.listdir(directory) if os.path.isdir(directory) else []
    for name in sorted(names):
        if name.isdigit() and name not in known:
            path = f"{directory}/{name}"
            remove = partial(bytecode.remove, work.layout, int(name))
            yield Finding(f"directory {path}", "no record knows this copy of an object", "remove it", remove)
    if bytecode.stale_staging(work.layout):
        clear = partial(bytecode.clear_staging, work.layout, work.lock)
        yield Finding(
            f"directory {work.layout.staging}", "a load that was cut short left files", "remove them", clear
        )
