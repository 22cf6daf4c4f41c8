# SPDX-License-Identifier: Apache-2.0
"""`bpfman chain account on|off|show`: who passed and who dropped how much."""

from __future__ import annotations

from bpfman.cli.chain.hook import HOOK, find_hook
from bpfman.cli.command import Command
from bpfman.cli.flags import DRY_RUN, NETNS, OUTPUT
from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.session import manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def _run_on(args: Arguments) -> None:
    node = manager(args)
    node.set_accounting(find_hook(node, args), True)


def _run_off(args: Arguments) -> None:
    node = manager(args)
    node.set_accounting(find_hook(node, args), False)


def _run_show(args: Arguments) -> None:
    from bpfman.cli.render.accounting import accounting_json, accounting_lines

    node = manager(args)
    chain = node.chain(find_hook(node, args))
    counts = node.counts(chain.record.hook)
    if args.output == "json":
        emit_json(accounting_json(chain, counts))
    else:
        emit_lines(accounting_lines(chain, counts))


ON = Command(
    _run_on,
    arguments=HOOK,
    flags=[NETNS, DRY_RUN],
    description="""\
Starts to count, for each member of the chain, how often it ran and with which verdicts. The chain is exchanged in \
one step while traffic flows; each packet then costs a few nanoseconds more for each member.""",
    examples=[("Count at eth0's XDP hook", "bpfman chain account on xdp eth0")],
)
OFF = Command(
    _run_off,
    arguments=HOOK,
    flags=[NETNS, DRY_RUN],
    description="Stops counting and drops the counts. A chain that is not counted pays nothing for it.",
    examples=[("Stop counting at eth0's XDP hook", "bpfman chain account off xdp eth0")],
)
SHOW = Command(
    _run_show,
    arguments=HOOK,
    flags=[NETNS, OUTPUT],
    description="""\
Shows, for each member, how often it ran, with which verdicts, and with which of them it ended the chain: a drop \
under ENDED HERE is a packet that this member dropped.""",
    examples=[("Who dropped my packet?", "bpfman chain account show xdp eth0")],
)
