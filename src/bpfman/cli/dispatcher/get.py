# SPDX-License-Identifier: Apache-2.0
"""`bpfman dispatcher get`."""

from __future__ import annotations

from bpfman.cli.command import Command
from bpfman.cli.dispatcher.key import KEY, hook
from bpfman.cli.flags import OUTPUT
from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.session import manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.dispatcher import dispatcher_json, dispatcher_lines

    node = manager(args)
    chain = node.chain(hook(args))
    owners = {link.id: (link, program) for link, program in node.links()}
    if args.output == "json":
        emit_json(dispatcher_json(chain, owners))
    else:
        emit_lines(dispatcher_lines(chain, owners))


COMMAND = Command(
    run,
    arguments=KEY,
    flags=[OUTPUT],
    description="One chain as the reference implementation shows its dispatchers. See bpfman chain get.",
    examples=[("A dispatcher", "bpfman dispatcher get xdp 4026531840 7")],
)
