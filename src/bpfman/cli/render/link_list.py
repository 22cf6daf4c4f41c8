# SPDX-License-Identifier: Apache-2.0
"""`link list` as a table (contract.md 3.2) and as JSON (2.4: records only)."""

from __future__ import annotations

from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.render.attachment import attachment_cell
from bpfman.cli.render.layout import NO_CELL, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.model.link import LinkRecord
    from bpfman.model.program import ProgramRecord


def show_table(links: Sequence[tuple[LinkRecord, ProgramRecord]]) -> None:
    headers = [
        "LINK ID",
        "KERNEL LINK ID",
        "KIND",
        "PROGRAM ID",
        "APPLICATION",
        "FUNCTION NAME",
        "ATTACHMENT",
    ]
    rows = [_row(link, program) for link, program in links]
    if not any(row[4] for row in rows):
        for row in (headers, *rows):
            del row[4]
    emit_lines(table(headers, rows))


def _row(link: LinkRecord, program: ProgramRecord) -> list[str]:
    return [
        str(link.id),
        str(link.kernel_link_id or NO_CELL),
        link.kind,
        str(link.program_id),
        program.application,
        program.name or NO_CELL,
        attachment_cell(link.details),
    ]


def show_json(links: Sequence[tuple[LinkRecord, ProgramRecord]]) -> None:
    from bpfman.cli.render.link_json import record_json

    emit_json({"links": [record_json(link) for link, _ in links]})
