# SPDX-License-Identifier: Apache-2.0
"""`bpfman link get`: one link in full."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command
from bpfman.cli.flags import OUTPUT
from bpfman.cli.session import manager
from bpfman.cli.values import link_id
from bpfman.errors import ProgramNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments
    from bpfman.manager import Manager


def run(args: Arguments) -> None:
    from bpfman.cli.render.link import show_link

    node = manager(args)
    link = node.link(args.link_id)
    function = "" if args.output == "json" else _function(node, link.record.program_id)
    show_link(link, args.output, function)


def _function(node: Manager, program_id: int) -> str:
    """The name of the link's program; unknown if it was unloaded since the link was read."""
    try:
        return node.program(program_id).record.name
    except ProgramNotFound:
        return "None"


COMMAND = Command(
    run,
    arguments=[Argument("link_id", "ID", "A link, by id.", parse=link_id, complete="link-ids")],
    flags=[OUTPUT],
    description="Shows where a program is attached, and whether the kernel and the pin still agree.",
    examples=[("Show a link", "bpfman link get 3")],
)
