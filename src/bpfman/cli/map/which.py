# SPDX-License-Identifier: Apache-2.0
"""How a map is named: NAME with --program where several have it, its id, or the path of its pin."""

from __future__ import annotations

from bpfman.cli.command import Argument, Flag
from bpfman.cli.session import manager
from bpfman.cli.values import program_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.map import Map
    from bpfman.cli.command import Arguments

MAP = Argument("map", "MAP", "A map: its name, its id, or the path of its pin.", complete="maps")
KEY = Argument(
    "key",
    "KEY",
    "A key: a number, an address, a name of an enum, text, JSON for a struct, or bytes as 0x0a000001.",
)
PROGRAM = Flag(
    "program",
    "p",
    "ID",
    "The program whose map it is, where several programs have one of that name.",
    parse=program_id,
    complete="program-ids",
)
TOTAL = Flag("total", "t", about="Of per-CPU maps, add up the values of all CPUs.")


def open_map(args: Arguments) -> Map:
    return manager(args).open_map(args.map, args.program)
