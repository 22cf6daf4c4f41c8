# SPDX-License-Identifier: Apache-2.0
"""`bpfman completions` and `bpfman man`: what is generated from the commands, for who installed with pip; hidden."""

from __future__ import annotations

import os

from bpfman.cli.command import Argument, Command, Flag, UsageError
from bpfman.cli.output import emit
from bpfman.errors import BpfmanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpfman.cli.command import Arguments

FILES = {"bash": "bpfman.bash", "zsh": "_bpfman", "fish": "bpfman.fish"}


def completion(shell: str) -> str:
    """The completion script of a shell."""
    from bpfman.cli.generate import bash, fish, zsh

    return {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}[shell]()


def _run_completions(args: Arguments) -> None:
    """`completions SHELL` prints; `completions --shell SHELL DIR`, the older form, writes a file."""
    if args.shell:
        _write(args.target, [(FILES[args.shell], completion(args.shell))])
    elif args.target in FILES:
        emit(completion(args.target))
    else:
        raise UsageError(f'SHELL must be one of {", ".join(FILES)}, got "{args.target}"')


def _run_man(args: Arguments) -> None:
    from bpfman.cli.generate.man import pages

    _write(args.directory, pages())


def _write(directory: str, files: Iterable[tuple[str, str]]) -> None:
    try:
        os.makedirs(directory, exist_ok=True)
        for name, text in files:
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise BpfmanError(f"cannot write into {directory}: {error.strerror}") from None


COMPLETIONS = Command(
    _run_completions,
    arguments=[Argument("target", "SHELL", f"One of {', '.join(FILES)}; with --shell, a directory.")],
    flags=[
        Flag(
            "shell", metavar="SHELL", about="Write the script into a directory instead.", choices=tuple(FILES)
        )
    ],
    description="Prints a script that completes bpfman's commands, flags, ids and interfaces.",
    examples=[("Complete in this shell", "source <(bpfman completions bash)")],
    needs_root=False,
)
MAN = Command(
    _run_man,
    arguments=[Argument("directory", "DIR", "Where to write them.", complete="directory")],
    description="Writes the manual pages, one for each command.",
    examples=[("Read one", "bpfman man /tmp/man && man /tmp/man/bpfman-program-load-file.1")],
    needs_root=False,
)
