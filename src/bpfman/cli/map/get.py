# SPDX-License-Identifier: Apache-2.0
"""`bpfman map get`: the value of one key."""

from __future__ import annotations

from bpfman.cli.command import Command
from bpfman.cli.flags import OUTPUT
from bpfman.cli.map.which import KEY, MAP, PROGRAM, TOTAL, open_map
from bpfman.cli.output import emit_json, emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.entries import plain, totalled, value_lines

    with open_map(args) as opened:
        key = opened.types[0].parse(args.key)
        value = opened.decode_value(opened.lookup(key))
        if opened.per_cpu and args.total:
            value = totalled(value)
        if args.output == "json":
            emit_json({"key": plain(opened.types[0].decode(key)), "value": plain(value)})
        else:
            emit_lines(value_lines(value, per_cpu=opened.per_cpu and not args.total))


COMMAND = Command(
    run,
    arguments=[MAP, KEY],
    flags=[PROGRAM, TOTAL, OUTPUT],
    description="Prints the value of one key, as bpfman map dump would.",
    examples=[
        ("The value of key 2", "bpfman map get pkt_totals 2"),
        ("Of a key that is a struct", """bpfman map get flows '{"src": "10.0.0.1", "port": 53}'"""),
    ],
)
