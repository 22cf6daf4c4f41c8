# SPDX-License-Identifier: Apache-2.0
"""`bpfman list programs` and `bpfman list links`: today's lists under the older command line's names.

Its flags are all among today's, but for lists of metadata with commas.
"""

from __future__ import annotations

from bpfman.cli.command import Command, Flag
from bpfman.cli.link import list as links
from bpfman.cli.program import list as programs
from bpfman.cli.values import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def _run_programs(args: Arguments) -> None:
    _flatten(args)
    programs.run(args)


def _run_links(args: Arguments) -> None:
    _flatten(args)
    links.run(args)


def _flatten(args: Arguments) -> None:
    args.metadata_selector = [pair for given in args.metadata_selector for pair in given]


_SELECTOR = Flag(
    "metadata-selector",
    "m",
    "KEY=VALUE[,...]",
    "Only those with this metadata, comma-separated.",
    parse=pairs,
    repeat=True,
)


def _older(command: Command) -> tuple[Flag, ...]:
    return tuple(_SELECTOR if flag.name == _SELECTOR.name else flag for flag in command.flags)


PROGRAMS = Command(
    _run_programs,
    flags=_older(programs.COMMAND),
    description="The older form of bpfman program list.",
    examples=[("List the programs of an application", "bpfman list programs --application edge-app")],
)
LINKS = Command(
    _run_links,
    flags=_older(links.COMMAND),
    description="The older form of bpfman link list.",
    examples=[("List the links of an application", "bpfman list links --application edge-app")],
)
