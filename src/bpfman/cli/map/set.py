# SPDX-License-Identifier: Apache-2.0
"""`bpfman map set`: the value of one key, typed as `map dump` prints it."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command
from bpfman.cli.flags import DRY_RUN
from bpfman.cli.map.which import KEY, MAP, PROGRAM, open_map
from bpfman.cli.output import emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.entries import shown

    with open_map(args) as opened:
        keys, values = opened.types
        key = keys.decode(keys.parse(args.key))
        value = values.decode(values.parse(args.value))
        if args.dry_run:
            where = " on every CPU" if opened.per_cpu else ""
            emit_lines(
                [f"set {shown(key)} to {shown(value)}{where} in map {opened.info.name} ({opened.info.id})"]
            )
        else:
            opened[key] = value


COMMAND = Command(
    run,
    arguments=[MAP, KEY, Argument("value", "VALUE", "A value, in the same forms as a key.")],
    flags=[PROGRAM, DRY_RUN],
    description="""\
Sets the value of one key, adding the key if the map can grow. Of a per-CPU map, the value is set on every CPU. \
Prints nothing on success.""",
    examples=[
        ("A number", "bpfman map set limits 0 1500"),
        ("A struct", """bpfman map set pkt_totals 2 '{"packets": 0, "bytes": 0}'"""),
    ],
)
