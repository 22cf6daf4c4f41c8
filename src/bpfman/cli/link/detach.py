# SPDX-License-Identifier: Apache-2.0
"""`bpfman link detach`: programs off their hooks."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command
from bpfman.cli.flags import DRY_RUN, IGNORE_MISSING
from bpfman.cli.session import each, manager
from bpfman.cli.values import link_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    ids = args.link_ids
    each(ids, lambda: manager(args).detach(ids, ignore_missing=args.ignore_missing))


COMMAND = Command(
    run,
    arguments=[Argument("link_ids", "ID", "Links, by id.", parse=link_id, many=True, complete="link-ids")],
    flags=[IGNORE_MISSING, DRY_RUN],
    description="""\
Takes programs off their hooks; they stay loaded. At an XDP or TC hook the other members go on without a gap. \
Prints nothing on success; with several ids, each is attempted.""",
    examples=[("Detach two links", "bpfman link detach 3 4")],
)
