# SPDX-License-Identifier: Apache-2.0
"""Programs in full, in the format that was asked for."""

from __future__ import annotations

from bpfman.cli.output import emit_json, emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.model.program import Program


def show_program(program: Program, output: str) -> None:
    if output == "json":
        from bpfman.cli.render.program_json import program_json

        emit_json(program_json(program))
        return
    from bpfman.cli.render.program_text import program_lines

    emit_lines(program_lines(program))


def show_programs(programs: Sequence[Program], output: str) -> None:
    """What one load gave: JSON in the order asked for, text by id."""
    if output == "json":
        from bpfman.cli.render.program_json import program_json

        emit_json({"programs": [program_json(program) for program in programs]})
        return
    from bpfman.cli.render.program_text import program_lines

    blocks = [
        program_lines(program) for program in sorted(programs, key=lambda program: program.record.program_id)
    ]
    emit_lines([line for block in blocks for line in ["", *block]][1:])
