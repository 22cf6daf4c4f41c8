# SPDX-License-Identifier: Apache-2.0
"""`bpfman program delete`: unload, with all that share the maps, or everything; hidden."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag, UsageError
from bpfman.cli.flags import DRY_RUN
from bpfman.cli.session import each, manager
from bpfman.cli.values import program_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    if args.all and args.program_ids:
        raise UsageError("--all and explicit program IDs are mutually exclusive")
    if not args.all and not args.program_ids:
        raise UsageError("provide at least one program ID or use --all")
    targets = None if args.all else args.program_ids
    each(args.program_ids, lambda: manager(args).delete_programs(targets, recursive=args.recursive))


COMMAND = Command(
    run,
    arguments=[
        Argument(
            "program_ids",
            "ID",
            "Programs, by id.",
            parse=program_id,
            many=True,
            optional=True,
            complete="program-ids",
        )
    ],
    flags=[
        Flag("all", about="Remove every program that bpfman manages."),
        Flag("recursive", "r", about="Also remove the programs that use the maps of one that is named."),
        DRY_RUN,
    ],
    description="""\
Removes programs and their links. Without --recursive, programs that share the maps of a removed one stay, and so do \
the maps.""",
    examples=[("Remove everything", "bpfman program delete --all")],
)
