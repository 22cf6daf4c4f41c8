# SPDX-License-Identifier: Apache-2.0
"""`bpfman map list`: the maps of managed programs."""

from __future__ import annotations

from bpfman.cli.command import Command
from bpfman.cli.flags import OUTPUT, QUIET
from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.session import manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.maps import managed_map_json, map_table

    maps = manager(args).maps()
    if args.quiet:
        emit_lines([str(found.kernel.id) for found in maps if found.kernel])
    elif args.output == "json":
        emit_json({"maps": [managed_map_json(found) for found in maps]})
    else:
        emit_lines(map_table(maps))


COMMAND = Command(
    run,
    flags=[QUIET, OUTPUT],
    description="""\
Lists the maps of the programs that bpfman manages, by their full names. Maps of the compiler's own (.rodata, .bss) \
have no pin.""",
    examples=[("All maps", "bpfman map list")],
)
