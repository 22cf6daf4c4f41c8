# SPDX-License-Identifier: Apache-2.0
"""`bpfman dispatcher delete`: a repair tool that touches the store only."""

from __future__ import annotations

from bpfman.cli.command import Command
from bpfman.cli.dispatcher.key import KEY, hook
from bpfman.cli.flags import DRY_RUN
from bpfman.cli.session import manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    manager(args).forget_chain(hook(args))


COMMAND = Command(
    run,
    arguments=KEY,
    flags=[DRY_RUN],
    description="""\
Drops what the store holds of a dispatcher and of its members' links. Nothing in the kernel is touched: what runs \
there goes on running, and bpfman no longer knows of it.""",
    examples=[("Forget a dispatcher", "bpfman dispatcher delete xdp 4026531840 7")],
)
