# SPDX-License-Identifier: Apache-2.0
"""`bpfman program list`: the command that is run most; what it imports is measured."""

from __future__ import annotations

from bpfman.cli.command import Command, Flag, UsageError
from bpfman.cli.filters import program_types
from bpfman.cli.flags import APPLICATION_FILTER, METADATA_FILTER, OUTPUT, QUIET
from bpfman.cli.output import emit_lines
from bpfman.cli.session import manager
from bpfman.model.kernel import program_type_name
from bpfman.model.kinds import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.cli.command import Arguments
    from bpfman.model.program import ProgramEntry


def _selector(text: str) -> object:
    from bpfman.cli.selector import parse_selector

    return parse_selector(text)


def run(args: Arguments) -> None:
    if args.attached and args.unattached:
        raise UsageError("--attached and --unattached are mutually exclusive")
    # What is not ours has no metadata and no links, so filters on those leave nothing of it.
    kernel_too = args.all and not (
        args.attached or args.unattached or args.application or args.metadata_selector or args.selector
    )
    entries = [entry for entry in manager(args).programs(kernel_too=kernel_too) if wanted(entry, args)]
    if args.quiet:
        emit_lines([str(entry.program_id) for entry in entries])
    elif args.output == "json":
        from bpfman.cli.render.program_list import show_json

        show_json(entries)
    else:
        from bpfman.cli.render.program_list import show_table

        show_table(entries)


def wanted(entry: ProgramEntry, args: Arguments) -> bool:
    """Whether an entry passes every filter that was given."""
    types = [name for given in (*args.type, *args.program_type) for name in given]
    if types and not _has_type(entry, types):
        return False
    if (args.attached and not entry.links) or (args.unattached and entry.links):
        return False
    return entry.record is None or _has_metadata(entry.record.metadata, entry.record.application, args)


def _has_type(entry: ProgramEntry, types: list[str]) -> bool:
    """Ours are matched by their own type, others by the kernel's, which tells fewer apart."""
    if entry.record is not None:
        return entry.record.type in types
    if entry.kernel is None:
        return False
    return program_type_name(entry.kernel.type) in [
        KINDS[name].coarse if name in KINDS else name for name in types
    ]


def _has_metadata(metadata: Mapping[str, str], application: str, args: Arguments) -> bool:
    if args.application and application != args.application:
        return False
    if any(metadata.get(key) != value for key, value in args.metadata_selector):
        return False
    return args.selector is None or bool(args.selector.matches(metadata))


COMMAND = Command(
    run,
    flags=[
        QUIET,
        Flag("attached", about="Only programs that have links."),
        Flag("unattached", about="Only programs that have none."),
        Flag(
            "type",
            metavar="TYPE[,...]",
            about="Only programs of these types; may be repeated.",
            parse=program_types,
            repeat=True,
            complete="program-types",
        ),
        Flag(
            "program-type",
            "p",
            "TYPE[,...]",
            "The same as --type.",
            parse=program_types,
            repeat=True,
            complete="program-types",
        ),
        APPLICATION_FILTER,
        METADATA_FILTER,
        Flag(
            "selector",
            "l",
            "EXPRESSION",
            "Only those whose metadata matches a label selector, such as 'team=edge,ring!=canary', "
            "'ring in (a,b)' or '!team'.",
            parse=_selector,
        ),
        Flag("all", "a", about="Also list programs in the kernel that bpfman does not manage."),
        OUTPUT,
    ],
    description="Lists programs by ascending id. All filters that are given must match.",
    examples=[
        ("All programs that bpfman manages", "bpfman program list"),
        ("Everything in the kernel", "bpfman program list --all"),
        (
            "TC programs of one team that are attached nowhere",
            "bpfman program list --type tc -l team=edge --unattached",
        ),
    ],
)
