# SPDX-License-Identifier: Apache-2.0
"""`bpfman load file`, as bpfman 0.5 and 0.6 had it: --path, lists with spaces, metadata with commas."""

from __future__ import annotations

from bpfman.cli.command import Command, Flag
from bpfman.cli.flags import DRY_RUN, OUTPUT
from bpfman.cli.program.load import APPLICATION_FLAG, MAP_OWNER, load, program_spec
from bpfman.cli.values import bare_global_value, pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def _run(args: Arguments) -> None:
    load(args, args.path, args.programs, dict(pair for given in args.metadata for pair in given))


METADATA = Flag(
    "metadata",
    "m",
    "KEY=VALUE[,...]",
    "Metadata to store with it, comma-separated.",
    parse=pairs,
    repeat=True,
)

COMMAND = Command(
    _run,
    flags=[
        Flag("path", "p", "PATH", "The object file.", required=True, complete="file"),
        Flag(
            "programs",
            metavar="TYPE:NAME...",
            about="The functions to load and their types, separated by spaces.",
            parse=program_spec,
            repeat=True,
            greedy=True,
            required=True,
        ),
        Flag(
            "global",
            "g",
            "NAME=HEX...",
            "Set global variables to these bytes, without 0x, separated by spaces.",
            parse=bare_global_value,
            repeat=True,
            greedy=True,
        ),
        APPLICATION_FLAG,
        METADATA,
        MAP_OWNER,
        DRY_RUN,
        OUTPUT,
    ],
    description="The older form of bpfman program load file.",
    examples=[("Load an XDP program", "bpfman load file --path meter.o --programs xdp:count_pkts")],
)
