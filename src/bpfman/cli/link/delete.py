# SPDX-License-Identifier: Apache-2.0
"""`bpfman link delete`: detach, then unload a program left with no links; hidden."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag
from bpfman.cli.flags import DRY_RUN
from bpfman.cli.session import each, manager
from bpfman.cli.values import link_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    ids = args.link_ids
    each(ids, lambda: manager(args).delete_links(ids, recursive=args.recursive))


COMMAND = Command(
    run,
    arguments=[Argument("link_ids", "ID", "Links, by id.", parse=link_id, many=True, complete="link-ids")],
    flags=[
        Flag("recursive", "r", about="With a program that is unloaded, also unload those that use its maps."),
        DRY_RUN,
    ],
    description="Detaches links, and unloads each program that has none left.",
    examples=[("Detach a link, and unload its program if that was the last", "bpfman link delete 3")],
)
