# SPDX-License-Identifier: Apache-2.0
"""`bpfman chain list`: every hook that members share."""

from __future__ import annotations

from bpfman.cli.command import Command
from bpfman.cli.flags import OUTPUT
from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.session import manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.chain import chain_json, chain_table

    node = manager(args)
    found = node.chains()
    chains = list(zip(found, node.chain_statuses(found), strict=True))
    if args.output == "json":
        emit_json({"chains": [chain_json(*each) for each in chains]})
    else:
        emit_lines(chain_table(chains))


COMMAND = Command(
    run,
    flags=[OUTPUT],
    description="""\
Lists the XDP and TC hooks that bpfman holds. A chain is what runs at a hook: its members in the order of their \
priorities. The revision grows by one each time the members change. RUNS says whether the hook runs it now: \
`bpfman chain get` tells why not, and `bpfman doctor` how to have it back.""",
    examples=[("All chains", "bpfman chain list")],
)
