# SPDX-License-Identifier: Apache-2.0
"""Programs: is the kernel's the one that was loaded, are its pins and its copy there?"""

from __future__ import annotations

import os
import sys
from functools import partial

from bpfman.bpf.object_summary import ObjectSummary
from bpfman.errors import ObjectError
from bpfman.manager.doctor.finding import Finding
from bpfman.manager.loading import read_object, source_of
from bpfman.manager.reaping import reap
from bpfman.store import bytecode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.manager.work import Work
    from bpfman.model.code import ProgramMap
    from bpfman.model.program import ProgramRecord


def examine(work: Work) -> Iterator[Finding]:
    for record in work.store.programs():
        subject = f"program {record.program_id} ({record.name})"
        found = work.kernel.program(record.program_id)
        if found is not None and record.means(found):
            yield from _pins(work, record, subject)
            yield from _copy(work, record, subject)
            continue
        links = [str(link.id) for link in work.store.links(record.program_id)]
        attached = f", the records of its links ({', '.join(links)})" if links else ""
        what = "is recorded as loaded, but the kernel does not have it"
        if found is not None:
            what = (
                f"is recorded as loaded, but its id is another program's now ({found.name}, tag {found.tag})"
            )
        yield Finding(subject, what, f"drop its record{attached}, its pins and copy", partial(reap, work))


def _pins(work: Work, record: ProgramRecord, subject: str) -> Iterator[Finding]:
    pinned = work.kernel.pinned_program(record.pin_path)
    if pinned is None or pinned.id != record.program_id:
        held = f"holds program {pinned.id}" if pinned else "is missing"
        yield Finding(
            subject, f"its pin {record.pin_path} {held}", "pin it", partial(_pin_program, work, record)
        )
    for each in work.store.program_maps(record.program_id):
        for path in _map_pins(work, record, each):
            if held := _other_map(work, path, each.map_id):
                yield Finding(
                    subject, f"the pin {path} of its map {each.name} {held}", "pin the map",
                    partial(_pin_map, work, each.map_id, path),
                )  # fmt: skip


def _copy(work: Work, record: ProgramRecord, subject: str) -> Iterator[Finding]:
    """The copy is for others to read, and for people who want to know what runs."""
    if wrong := _what_is_wrong_with(record.object_path):
        remedy = "none: it runs without; unload it and load it again to have one"
        yield Finding(subject, f"the copy of its object {record.object_path} {wrong}", remedy)
    if bytecode.provenance(work.layout, record.program_id) is None:
        path = work.layout.provenance(record.program_id)
        what = f"the note {path} on where it came from is missing or damaged"
        yield Finding(subject, what, "write it anew", partial(_write_note, work, record))


def _what_is_wrong_with(path: str) -> str:
    try:
        data = read_object(path)
        ObjectSummary.parse(data, sys.byteorder)
    except ObjectError as error:
        return "is missing" if not os.path.exists(path) else f"is damaged: {error}"
    return ""


def _write_note(work: Work, record: ProgramRecord) -> None:
    kind, source = source_of(record)
    note = bytecode.Provenance(record.name, source, kind, record.created_at)
    bytecode.write_provenance(work.layout, record.program_id, note)


def _map_pins(work: Work, record: ProgramRecord, each: ProgramMap) -> list[str]:
    pins = [] if each.internal else [work.layout.map_pin(record.map_set_id, each.name)]
    return [*pins, work.layout.shared_map(each.name)] if each.shared else pins


def _other_map(work: Work, path: str, map_id: int) -> str:
    """What is wrong with the pin of a map; empty when it holds the map."""
    pinned = work.kernel.open_pinned_map(path)
    if pinned is None:
        return "is missing"
    with pinned:
        return "" if pinned.info.id == map_id else f"holds map {pinned.info.id}"


def _pin_program(work: Work, record: ProgramRecord) -> None:
    with work.kernel.open_program(record.program_id) as program:
        work.kernel.replace_pin(program.fd, record.pin_path)


def _pin_map(work: Work, map_id: int, path: str) -> None:
    with work.kernel.open_map(map_id) as found:
        work.kernel.replace_pin(found.fd, path)
