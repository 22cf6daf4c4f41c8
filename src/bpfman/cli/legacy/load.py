# SPDX-License-Identifier: Apache-2.0
"""`bpfman load file` and `load image`, as bpfman 0.5 and 0.6 had them: --path, --image-url, lists with spaces, metadata
with commas."""

from __future__ import annotations

from bpfman.cli.command import Command, Flag
from bpfman.cli.flags import DRY_RUN, OUTPUT
from bpfman.cli.program.load import APPLICATION_FLAG, MAP_OWNER, load, program_spec
from bpfman.cli.program.load_image import PULL_POLICY, REGISTRY_AUTH, load_image
from bpfman.cli.values import bare_global_value, pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def _run(args: Arguments) -> None:
    load(args, args.path, args.programs, dict(pair for given in args.metadata for pair in given))


def _run_image(args: Arguments) -> None:
    load_image(args, args.image_url, args.programs, dict(pair for given in args.metadata for pair in given))


METADATA = Flag(
    "metadata",
    "m",
    "KEY=VALUE[,...]",
    "Metadata to store with it, comma-separated.",
    parse=pairs,
    repeat=True,
)

PROGRAMS = Flag(
    "programs",
    metavar="TYPE:NAME...",
    about="The functions to load and their types, separated by spaces.",
    parse=program_spec,
    repeat=True,
    greedy=True,
    required=True,
)
GLOBAL = Flag(
    "global",
    "g",
    "NAME=HEX...",
    "Set global variables to these bytes, without 0x, separated by spaces.",
    parse=bare_global_value,
    repeat=True,
    greedy=True,
)
_COMMON = [PROGRAMS, GLOBAL, APPLICATION_FLAG, METADATA, MAP_OWNER, DRY_RUN, OUTPUT]

COMMAND = Command(
    _run,
    flags=[Flag("path", "p", "PATH", "The object file.", required=True, complete="file"), *_COMMON],
    description="The older form of bpfman program load file.",
    examples=[("Load an XDP program", "bpfman load file --path meter.o --programs xdp:count_pkts")],
)

IMAGE = Command(
    _run_image,
    flags=[
        Flag("image-url", "i", "IMAGE", "The image.", required=True, complete="images"),
        Flag("registry-auth", "r", "BASE64", REGISTRY_AUTH.about, parse=REGISTRY_AUTH.parse),
        PULL_POLICY,
        *_COMMON,
    ],
    description="The older form of bpfman program load image.",
    examples=[
        ("Load an XDP program", "bpfman load image -i quay.io/acme/meter:1.2 --programs xdp:count_pkts"),
    ],
)
