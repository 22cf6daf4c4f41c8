# SPDX-License-Identifier: Apache-2.0
"""Hooks as a person says them: `xdp eth0`, `tc eth0 ingress --netns /var/run/netns/blue`."""

from __future__ import annotations

from bpfman.cli.command import Argument, UsageError
from bpfman.model.hook import DIRECTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments
    from bpfman.manager import Manager
    from bpfman.model.hook import Hook

HOOK = (
    Argument("family", "xdp|tc", "The sort of hook.", choices=("xdp", "tc")),
    Argument("interface", "INTERFACE", "The network interface.", complete="interfaces"),
    Argument("direction", "ingress|egress", "Which way, for tc.", choices=DIRECTIONS, optional=True),
)


def find_hook(manager: Manager, args: Arguments) -> Hook:
    if args.family == "tc" and not args.direction:
        raise UsageError(
            "a tc hook has a direction: ingress or egress", f"as in: tc {args.interface} ingress"
        )
    if args.family == "xdp" and args.direction:
        raise UsageError(f'an xdp hook has no direction, got "{args.direction}"')
    return manager.find_hook(args.family, args.interface, args.direction or "", args.netns)
