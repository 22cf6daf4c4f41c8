# SPDX-License-Identifier: Apache-2.0
"""`bpfman map dump`: all entries of a map, by the types its BTF tells."""

from __future__ import annotations

from bpfman.cli.command import Command
from bpfman.cli.flags import OUTPUT
from bpfman.cli.map.which import MAP, PROGRAM, TOTAL, open_map
from bpfman.cli.output import emit_json, emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.entries import entries_json, entry_table, totalled

    with open_map(args) as opened:
        entries = list(opened.items())
        per_cpu = opened.per_cpu and not args.total
        if opened.per_cpu and args.total:
            entries = [(key, totalled(values)) for key, values in entries]
        if args.output == "json":
            emit_json(entries_json(opened, entries))
        else:
            emit_lines(entry_table(entries, per_cpu=per_cpu))


COMMAND = Command(
    run,
    arguments=[MAP],
    flags=[PROGRAM, TOTAL, OUTPUT],
    description="""\
Prints each key with its value, as the types in the program's source have it: numbers, names of enums, structs by \
member. Without such types (BTF), keys and values are bytes. Per-CPU maps have a value for each CPU.

Of a map that changes meanwhile, entries may be missed or seen twice.""",
    examples=[
        ("All entries", "bpfman map dump pkt_totals"),
        ("Added up over all CPUs, for a script", "bpfman map dump pkt_totals --total -o json"),
        ("By the path of a pin", "bpfman map dump /run/bpfman/fs/maps/412/pkt_totals"),
    ],
)
