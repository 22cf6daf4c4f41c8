# SPDX-License-Identifier: Apache-2.0
"""`bpfman link list`: all links, or those of some programs."""

from __future__ import annotations

from bpfman.cli.command import Command, Flag
from bpfman.cli.filters import kind, program_types
from bpfman.cli.flags import APPLICATION_FILTER, METADATA_FILTER, OUTPUT, QUIET
from bpfman.cli.output import emit_lines
from bpfman.cli.session import manager
from bpfman.cli.values import comma_list, program_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments
    from bpfman.model.link import LinkRecord
    from bpfman.model.program import ProgramRecord


def _kinds(text: str) -> list[str]:
    return [kind(item) for item in comma_list(text)]


def run(args: Arguments) -> None:
    rows = [row for row in manager(args).links() if _wanted(*row, args)]
    if args.quiet:
        emit_lines([str(link.id) for link, _ in rows])
    elif args.output == "json":
        from bpfman.cli.render.link_list import show_json

        show_json(rows)
    else:
        from bpfman.cli.render.link_list import show_table

        show_table(rows)


def _wanted(link: LinkRecord, program: ProgramRecord, args: Arguments) -> bool:
    kinds = [name for given in args.kind for name in given]
    if (kinds and link.kind not in kinds) or args.program_id not in (None, link.program_id):
        return False
    return _owner_wanted(program, args)


def _owner_wanted(program: ProgramRecord, args: Arguments) -> bool:
    """Type, application and metadata are asked of the program that owns the link, never of the link."""
    types = [name for given in args.program_type for name in given]
    if types and program.type not in types:
        return False
    if args.application and program.application != args.application:
        return False
    return all(program.metadata.get(key) == value for key, value in args.metadata_selector)


COMMAND = Command(
    run,
    flags=[
        QUIET,
        Flag(
            "program-id",
            metavar="ID",
            about="Only links of this program.",
            parse=program_id,
            complete="program-ids",
        ),
        Flag(
            "kind",
            metavar="KIND[,...]",
            about="Only links of these kinds; may be repeated.",
            parse=_kinds,
            repeat=True,
            complete="program-types",
        ),
        Flag(
            "program-type",
            "p",
            "TYPE[,...]",
            "Only links of programs of these types; may be repeated.",
            parse=program_types,
            repeat=True,
            complete="program-types",
        ),
        APPLICATION_FILTER,
        METADATA_FILTER,
        OUTPUT,
    ],
    description="""\
Lists links. All filters that are given must match; --program-type, --application and --metadata-selector look at \
the program that owns the link.""",
    examples=[
        ("All links", "bpfman link list"),
        ("XDP and TC links of an application", "bpfman link list --kind xdp,tc --application edge-app"),
    ],
)
