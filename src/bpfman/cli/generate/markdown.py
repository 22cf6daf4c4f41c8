# SPDX-License-Identifier: Apache-2.0
"""docs/commands.md: every command on one page."""

from __future__ import annotations

from bpfman.cli.flags import GLOBAL
from bpfman.cli.generate.walk import groups, hidden, leaves
from bpfman.cli.help import flag_about, flag_label, usage_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bpfman.cli.command import Command, Flag, Group, Leaf
    from bpfman.cli.generate.walk import Path

_HEAD = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Generated from the declarations in src/bpfman/cli by `make generated`. -->

# Commands

`bpfman [global flags] NOUN VERB [arguments] [flags]`. Flags may stand before or after arguments. `bpfman help NOUN
VERB` and `--help` explain a command, `-h` does so in short. Exit status: 0 on success, 1 on failure, 80 for a command
line that cannot be understood. Results go to stdout, errors and what to do about them to stderr.
"""

_HIDDEN = """\
## Hidden commands

These work but are left out of help and completions: what only scripts use, the reference implementation's names, and
the command line of bpfman 0.5 and 0.6 that tutorials still show.
"""


def page() -> str:
    parts = [_HEAD, "## Global flags", _flag_table(GLOBAL)]
    commands = {path: (leaf, command) for path, leaf, command in leaves()}
    for path, group in sorted(groups(), key=lambda pair: not pair[0]):  # what has no noun comes last
        if path:
            parts.append(_group(path, group))
        for name in group.children:
            if (*path, name) in commands:
                parts.append(_command((*path, name), *commands[*path, name]))
    rows = "\n".join(f"| `bpfman {' '.join(path)}` | {_cell(node.about)} |" for path, node in hidden())
    parts += [_HIDDEN, f"| Command | |\n|---|---|\n{rows}"]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _group(path: Path, group: Group) -> str:
    heading = "#" * (1 + len(path))
    return f"{heading} bpfman {' '.join(path)}\n\n{group.about}"


def _command(path: Path, leaf: Leaf, command: Command) -> str:
    return "\n\n".join(_command_parts(path, leaf, command))


def _command_parts(path: Path, leaf: Leaf, command: Command) -> Iterator[str]:
    yield f"{'#' * (1 + len(path))} bpfman {' '.join(path)}"
    yield leaf.about
    yield f"```\n{usage_line(path, command)}\n```"
    yield command.description
    if command.arguments:
        rows = "\n".join(f"| `{each.metavar}` | {_cell(each.about)} |" for each in command.arguments)
        yield f"| Argument | |\n|---|---|\n{rows}"
    if command.flags:
        yield _flag_table(command.flags)
    examples = "\n\n".join(f"# {what}\n{line}" for what, line in command.examples)
    yield f"```sh\n{examples}\n```"


def _flag_table(flags: Iterable[Flag]) -> str:
    rows = "\n".join(f"| `{_label(flag)}` | {_cell(flag_about(flag))} |" for flag in flags)
    return f"| Flag | |\n|---|---|\n{rows}"


def _label(flag: Flag) -> str:
    return _cell(flag_label(flag).strip())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
