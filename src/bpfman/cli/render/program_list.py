# SPDX-License-Identifier: Apache-2.0
"""`program list` as a table (contract.md 3.2) and as JSON (2.3)."""

from __future__ import annotations

from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.render.layout import NO_CELL, table
from bpfman.model.kernel import program_type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.model.program import ProgramEntry


def show_table(entries: Sequence[ProgramEntry]) -> None:
    headers = ["PROGRAM ID", "APPLICATION", "TYPE", "FUNCTION NAME", "LINK IDS"]
    rows = [_row(entry) for entry in entries]
    if not any(row[1] for row in rows):
        for row in (headers, *rows):
            del row[1]
    emit_lines(table(headers, rows))


def _row(entry: ProgramEntry) -> list[str]:
    links = " ".join(str(link.id) for link in entry.links)
    return [str(entry.program_id), _application(entry), _type(entry), _function(entry), links or NO_CELL]


def show_json(entries: Sequence[ProgramEntry]) -> None:
    emit_json({"programs": [_entry_json(entry) for entry in entries]})


def _entry_json(entry: ProgramEntry) -> dict[str, object]:
    from bpfman.cli.render import kernel_json
    from bpfman.cli.render.program_json import record_json

    return {
        "program_id": entry.program_id,
        "managed": entry.record is not None,
        "application": _application(entry),
        "type": _type(entry),
        "function_name": _function(entry),
        "links": [link.id for link in entry.links],
        "record": record_json(entry.record) if entry.record else None,
        "kernel": kernel_json.program_json(entry.kernel),
    }


def _application(entry: ProgramEntry) -> str:
    return entry.record.application if entry.record else ""


def _type(entry: ProgramEntry) -> str:
    if entry.record:
        return entry.record.type
    return program_type_name(entry.kernel.type) if entry.kernel else ""


def _function(entry: ProgramEntry) -> str:
    if entry.record:
        return entry.record.name
    return entry.kernel.name if entry.kernel else ""
