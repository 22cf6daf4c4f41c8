# SPDX-License-Identifier: Apache-2.0
"""Pins and copies that no record knows: the database was lost, or is an older one.

What is below the runtime directory and named as we name things is ours alone, so it may be removed; other names are
others', and left alone."""

from __future__ import annotations

import os
from functools import partial

from bpfman.manager.doctor.finding import Finding
from bpfman.model.hook import CHAIN_TYPES, ORDERED_TYPES
from bpfman.store import bytecode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpfman.manager.work import Work

_REMOVE = "remove it; what nothing else holds ends"


def examine(work: Work) -> Iterator[Finding]:
    found = [*_programs(work), *_shared_maps(work), *_links(work), *_chains(work)]
    if found and not work.store.programs():
        what = "knows no program at all, but there are some left: it was lost, or moved away"
        remedy = "none: its records cannot be brought back. What it knew is below: load and attach it again"
        yield Finding(f"database {work.layout.database}", what, remedy)
    yield from found


def _programs(work: Work) -> Iterator[Finding]:
    """Each with all that is left of it."""
    layout, kernel, records = work.layout, work.kernel, work.store.programs()
    ids, sets = {record.program_id for record in records}, {record.map_set_id for record in records}
    pins = _numbers(kernel.pins_in(layout.fs), "prog_") - ids
    maps = _numbers(kernel.pins_in(f"{layout.fs}/maps")) - sets
    copies = _numbers(os.listdir(layout.programs_dir)) - ids
    for program_id in sorted(pins | maps | copies):
        left = [layout.program_pin(program_id)] if program_id in pins else []
        left += [layout.map_dir(program_id)] if program_id in maps else []
        left += [layout.program_dir(program_id)] if program_id in copies else []
        names = ", ".join(os.path.relpath(path, layout.runtime_dir) for path in left)
        yield Finding(
            f"program {program_id}{_about(work, program_id)}",
            f"no record knows what is left of it in {layout.runtime_dir}: {names}",
            _REMOVE,
            partial(_remove_program, work, program_id, maps=program_id in maps),
        )


def _numbers(names: list[str], prefix: str = "") -> set[int]:
    numbers = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return {int(number) for number in numbers if number.isdecimal()}


def _about(work: Work, program_id: int) -> str:
    """What the note beside the copy says, so that somebody can load it again."""
    note = bytecode.provenance(work.layout, program_id)
    if note is None:
        return ""
    return f" ({note.program_name}, from {note.source})" if note.source else f" ({note.program_name})"


def _remove_program(work: Work, program_id: int, *, maps: bool) -> None:
    layout = work.layout
    if maps:
        _remove_directory(work, layout.map_dir(program_id))
    work.kernel.unpin(layout.program_pin(program_id))
    bytecode.remove(layout, program_id)


def _shared_maps(work: Work) -> Iterator[Finding]:
    for name in work.kernel.pins_in(work.layout.shared_dir):
        if not work.store.shared_map_users(name):
            path = work.layout.shared_map(name)
            yield _stray(path, "map", _REMOVE, partial(work.kernel.unpin, path))


def _links(work: Work) -> Iterator[Finding]:
    known = {link.pin_path for link in work.store.links()}
    for directory in ("links", *ORDERED_TYPES):
        for name in work.kernel.pins_in(f"{work.layout.fs}/{directory}"):
            path = f"{work.layout.fs}/{directory}/{name}"
            if path not in known:
                yield _stray(path, "link", "detach and remove it", partial(work.kernel.remove_link, path))


def _chains(work: Work) -> Iterator[Finding]:
    layout, kernel = work.layout, work.kernel
    known = {layout.chain_dir(chain.hook) for chain in work.store.chains()}
    for kind in CHAIN_TYPES:
        for name in kernel.pins_in(f"{layout.fs}/{kind}"):
            path = f"{layout.fs}/{kind}/{name}"
            # Others (iproute2) make directories of theirs in any bpffs they find.
            if path not in known and name.replace("_", "", 1).isdecimal():
                yield _stray(
                    path, "chain", "detach and remove it", partial(_remove_chain, work, kind, path, name)
                )


def _stray(path: str, kind: str, remedy: str, remove: Callable[[], object]) -> Finding:
    return Finding(f"pin {path}", f"no record knows this {kind}", remedy, remove)


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
