# SPDX-License-Identifier: Apache-2.0
"""The words that name a dispatcher: TYPE NSID IFINDEX."""

from __future__ import annotations

from bpfman.cli.command import Argument
from bpfman.cli.values import number
from bpfman.model.hook import CHAIN_TYPES, Hook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments

KEY = (
    Argument("type", "TYPE", f"{', '.join(CHAIN_TYPES[:-1])} or {CHAIN_TYPES[-1]}.", choices=CHAIN_TYPES),
    Argument("nsid", "NSID", "The inode number of the network namespace's file.", parse=number),
    Argument("ifindex", "IFINDEX", "The interface's index in that namespace.", parse=number),
)


def hook(args: Arguments) -> Hook:
    return Hook(args.type, args.nsid, args.ifindex)
