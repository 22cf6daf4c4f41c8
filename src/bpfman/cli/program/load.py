# SPDX-License-Identifier: Apache-2.0
"""`bpfman program load file`: programs of an object file into the kernel, all or none."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag, UsageError
from bpfman.cli.flags import DRY_RUN, METADATA, OUTPUT
from bpfman.cli.session import manager, prefixed
from bpfman.cli.values import global_value, map_owner_id
from bpfman.errors import BpfmanError
from bpfman.model.kinds import KINDS
from bpfman.model.program import APPLICATION, ProgramSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def program_spec(text: str) -> ProgramSpec:
    """TYPE:NAME, and :ATTACH_FUNC for the types whose target is fixed at load."""
    parts = text.strip().split(":")
    kind = KINDS.get(parts[0].lower())
    if kind is None:
        raise UsageError(f'unknown program type "{parts[0]}" in "{text}"', "types: " + ", ".join(KINDS))
    form = "TYPE:NAME:ATTACH_FUNC" if kind.attach_func else "TYPE:NAME[:HOOK]" if kind.hooks else "TYPE:NAME"
    if not all(parts) or len(parts) not in {2 if kind.hooks else form.count(":") + 1, form.count(":") + 1}:
        raise UsageError(f'expected {form} for {kind.name}, got "{text}"')
    return ProgramSpec(kind.name, parts[1], parts[2] if len(parts) > 2 else None)


def program_specs(text: str) -> list[ProgramSpec]:
    return [program_spec(item) for item in text.split(",")]


def run(args: Arguments) -> None:
    specs = [spec for occurrence in args.programs for spec in occurrence]
    load(args, args.path, specs, dict(args.metadata))


def load(args: Arguments, path: str, specs: list[ProgramSpec], metadata: dict[str, str]) -> None:
    """Load and print; what is common to this and the older command line."""
    from bpfman.cli.render.program import show_programs

    if args.application:
        metadata[APPLICATION] = args.application
    try:
        programs = manager(args).load_file(
            path,
            specs,
            globals=dict(getattr(args, "global")),
            metadata=metadata,
            map_owner_id=args.map_owner_id,
        )
    except BpfmanError as error:
        raise prefixed("failed to load programs: ", error) from None
    show_programs(programs, args.output)


PROGRAMS = Flag(
    "programs",
    metavar="TYPE:NAME[,...]",
    about="The functions to load and their types, such as xdp:count_pkts; comma-separated or repeated. "
    f"Types: {', '.join(KINDS)}.",
    parse=program_specs,
    repeat=True,
    required=True,
)
GLOBAL = Flag(
    "global",
    "g",
    "NAME=HEX",
    "Set a global variable before the program is verified, to these bytes in the machine's order "
    "(a 32-bit 7 is 07000000 on x86-64); may be repeated.",
    parse=global_value,
    repeat=True,
)
APPLICATION_FLAG = Flag(
    "application",
    "a",
    "NAME",
    f"The application they belong to, stored as metadata {APPLICATION}.",
    default="",
)
MAP_OWNER = Flag(
    "map-owner-id",
    metavar="ID",
    about="Use the maps of this program in place of new ones.",
    parse=map_owner_id,
    complete="program-ids",
)

COMMAND = Command(
    run,
    arguments=[Argument("path", "PATH", "The object file, as a BPF compiler writes it.", complete="file")],
    flags=[PROGRAMS, METADATA, GLOBAL, APPLICATION_FLAG, MAP_OWNER, DRY_RUN, OUTPUT],
    description="""\
Loads the named functions of an object file, all of them or none. Each becomes a program with an id of its own, \
pinned so that it stays until it is unloaded. Programs named in one command share the object's maps.

Loading attaches nothing: see bpfman link attach.""",
    examples=[
        ("Load an XDP program", "bpfman program load file meter.o --programs xdp:count_pkts"),
        (
            "Load two that share their maps, as one application, with a variable set",
            """\
bpfman program load file meter.o --programs xdp:count_pkts,tc:count_out \\
    --application edge-app --global limit=07000000""",
        ),
        (
            "See what would be done",
            "bpfman program load file meter.o --programs xdp:count_pkts --dry-run",
        ),
    ],
)
