# SPDX-License-Identifier: Apache-2.0
"""`bpfman program get`: one program in full."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command
from bpfman.cli.flags import OUTPUT
from bpfman.cli.session import manager
from bpfman.cli.values import program_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.program import show_program

    show_program(manager(args).program(args.program_id), args.output)


COMMAND = Command(
    run,
    arguments=[Argument("program_id", "ID", "A program, by id.", parse=program_id, complete="program-ids")],
    flags=[OUTPUT],
    description="""\
Shows what was asked at load (Spec), what the kernel says of it now (Status), its links and its maps, and how often \
it ran when the kernel counts that (sysctl kernel.bpf_stats_enabled=1).""",
    examples=[
        ("Show a program", "bpfman program get 412"),
        ("Its tag, for a script", "bpfman program get 412 -o json | jq -r .status.kernel.tag"),
    ],
)
