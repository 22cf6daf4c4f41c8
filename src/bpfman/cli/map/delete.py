# SPDX-License-Identifier: Apache-2.0
"""`bpfman map delete`: one key out of a map."""

from __future__ import annotations

from bpfman.cli.command import Command
from bpfman.cli.flags import DRY_RUN
from bpfman.cli.map.which import KEY, MAP, PROGRAM, open_map
from bpfman.cli.output import emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.entries import shown

    with open_map(args) as opened:
        keys = opened.types[0]
        key = keys.parse(args.key)
        if args.dry_run:
            shown_key = shown(keys.decode(key))
            emit_lines([f"delete {shown_key} from map {opened.info.name} ({opened.info.id})"])
        else:
            opened.delete(key)


COMMAND = Command(
    run,
    arguments=[MAP, KEY],
    flags=[PROGRAM, DRY_RUN],
    description="""\
Removes one key with its value. Elements of arrays cannot be removed; set them to 0. Prints nothing on success.""",
    examples=[("Unblock an address", "bpfman map delete blocked 10.0.0.1")],
)
