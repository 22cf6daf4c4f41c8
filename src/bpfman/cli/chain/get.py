# SPDX-License-Identifier: Apache-2.0
"""`bpfman chain get`: one hook with its members, in the order they run."""

from __future__ import annotations

from bpfman.cli.chain.hook import HOOK, find_hook
from bpfman.cli.command import Command
from bpfman.cli.flags import NETNS, OUTPUT
from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.session import manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.chain import chain_json, chain_lines

    node = manager(args)
    chain = node.chain(find_hook(node, args))
    [status] = node.chain_statuses([chain])
    if args.output == "json":
        emit_json(chain_json(chain, status))
    else:
        emit_lines(chain_lines(chain, status))


COMMAND = Command(
    run,
    arguments=HOOK,
    flags=[NETNS, OUTPUT],
    description="""\
Shows the members of the chain at a hook in the order they run, and the verdicts after which each lets the next \
one run.""",
    examples=[
        ("What runs at eth0's XDP hook", "bpfman chain get xdp eth0"),
        (
            "At a TC hook in a network namespace",
            "bpfman chain get tc eth0 ingress --netns /var/run/netns/blue",
        ),
    ],
)
