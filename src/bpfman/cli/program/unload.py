# SPDX-License-Identifier: Apache-2.0
"""`bpfman program unload`: programs out of the kernel, their links first."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command
from bpfman.cli.flags import DRY_RUN, IGNORE_MISSING
from bpfman.cli.session import each, manager
from bpfman.cli.values import program_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    ids = args.program_ids
    each(ids, lambda: manager(args).unload(ids, ignore_missing=args.ignore_missing))


COMMAND = Command(
    run,
    arguments=[
        Argument("program_ids", "ID", "Programs, by id.", parse=program_id, many=True, complete="program-ids")
    ],
    flags=[IGNORE_MISSING, DRY_RUN],
    description="""\
Detaches the programs wherever they are attached, and removes them. Maps that another program still uses stay. \
Prints nothing on success; with several ids, each is attempted.""",
    examples=[
        ("Remove two programs", "bpfman program unload 412 415"),
        (
            "Remove all of an application",
            "bpfman program unload $(bpfman program list -q --application edge-app)",
        ),
    ],
)
