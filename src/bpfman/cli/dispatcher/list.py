# SPDX-License-Identifier: Apache-2.0
"""`bpfman dispatcher list`."""

from __future__ import annotations

from bpfman.cli.command import Command, Flag
from bpfman.cli.flags import OUTPUT
from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.session import manager
from bpfman.cli.values import number
from bpfman.model.hook import CHAIN_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments
    from bpfman.model.hook import Hook


def run(args: Arguments) -> None:
    from bpfman.cli.render.dispatcher import dispatcher_table, summary_json

    chains = [chain for chain in manager(args).chains() if _wanted(chain.record.hook, args)]
    if args.output == "json":
        emit_json({"dispatchers": [summary_json(chain) for chain in chains]})
    else:
        emit_lines(dispatcher_table(chains))


def _wanted(hook: Hook, args: Arguments) -> bool:
    return (
        args.type in (None, hook.type)
        and args.nsid in (None, hook.nsid)
        and args.ifindex in (None, hook.ifindex)
    )


COMMAND = Command(
    run,
    flags=[
        Flag("type", metavar="TYPE", about="Only those of this type.", choices=CHAIN_TYPES),
        Flag(
            "nsid", metavar="NSID", about="Only those in this network namespace, by its inode.", parse=number
        ),
        Flag("ifindex", metavar="IFINDEX", about="Only those on interfaces with this index.", parse=number),
        OUTPUT,
    ],
    description="The chains as the reference implementation shows its dispatchers. See bpfman chain list.",
    examples=[("All dispatchers", "bpfman dispatcher list")],
)
