# SPDX-License-Identifier: Apache-2.0
"""Help as a person reads it, from the declarations.  Called by `cli.main`, imported only when help is shown.

Fits 80 columns whatever the terminal, so that it reads the same in a manual, a log and a narrow window.
"""

from __future__ import annotations

import textwrap

from bpfman.cli.command import Group
from bpfman.cli.flags import GLOBAL
from bpfman.cli.parser import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.cli.command import Command, Flag, Leaf

WIDTH = 80
_LABEL_WIDTH = 28  # longer labels have their text on the next line


def usage_line(path: Sequence[str], command: Command | None) -> str:
    """`bpfman link get ID [flags]`."""
    words = ["bpfman", *path]
    if command is None:
        return " ".join([*words, "<command> [flags]"])
    words += [str(argument) for argument in command.arguments]
    words += [f"{flag}={flag.metavar}" for flag in command.flags if flag.required]
    return " ".join([*words, "[flags]"])


def usage_text(path: Sequence[str], node: Group | Leaf, command: Command | None) -> str:
    """What is shown above a usage error."""
    shown = "".join(f"  {name}\n" for name in visible(node)) if isinstance(node, Group) else ""
    commands = f"\nCommands:\n{shown}" if shown else ""
    more = " ".join(["bpfman", *path, "--help"])
    return f'{_usage(path, command)}\n{commands}\nRun "{more}" for more.\n'


def help_text(path: Sequence[str], node: Group | Leaf, command: Command | None, *, compact: bool) -> str:
    """The help of a command or group; compact is what -h asks for."""
    parts = [_usage(path, command), node.about]
    if command is not None:
        parts += _command_parts(command, compact=compact)
    elif isinstance(node, Group):
        parts.append(_commands(node))
    if not compact:
        parts.append("Global flags:\n" + _rows(_flag_rows(GLOBAL)))
    if command is not None and command.examples and not compact:
        parts.append("Examples:\n" + "\n\n".join(_example(*example) for example in command.examples))
    if command is None:
        more = " ".join(["bpfman", *path, "<command> --help"])
        parts.append(f'Run "{more}" for more on a command.')
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _usage(path: Sequence[str], command: Command | None) -> str:
    return textwrap.fill(
        f"Usage: {usage_line(path, command)}",
        WIDTH,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _command_parts(command: Command, *, compact: bool) -> list[str]:
    parts = [] if compact else [_paragraphs(command.description)]
    if command.arguments:
        parts.append("Arguments:\n" + _rows([(each.metavar, each.about) for each in command.arguments]))
    rows = [*_flag_rows(command.flags), ("-h, --help", "Show this help; -h is shorter.")]
    parts.append("Flags:\n" + _rows(rows))
    return parts


def _commands(group: Group) -> str:
    rows = []
    for name in visible(group):
        child = group.children[name]
        rows.append((name, child.about + (" (default)" if name == group.default else "")))
    return "Commands:\n" + _rows(rows)


def _flag_rows(flags: Sequence[Flag]) -> list[tuple[str, str]]:
    return [(flag_label(flag), flag_about(flag)) for flag in flags]


def flag_label(flag: Flag) -> str:
    """`-o, --output=FORMAT`."""
    short = f"-{flag.short}, " if flag.short else "    "
    return short + str(flag) + (f"={flag.metavar}" if flag.metavar else "")


def flag_about(flag: Flag) -> str:
    return f"{flag.about} [${flag.env}]" if flag.env else flag.about


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    """Labels at the left, their text wrapped at the right."""
    width = min(max((len(label) for label, _ in rows), default=0), _LABEL_WIDTH)
    lines = []
    for label, text in rows:
        wrapped = textwrap.wrap(text, WIDTH - width - 4, break_long_words=False, break_on_hyphens=False)
        if len(label) > width:
            lines.append(f"  {label}")
        first = label if len(label) <= width else ""
        lines += [f"  {'' if index else first:<{width}}  {line}" for index, line in enumerate(wrapped)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _paragraphs(text: str) -> str:
    wrap = (
        textwrap.fill(each, WIDTH, break_long_words=False, break_on_hyphens=False)
        for each in text.split("\n\n")
    )
    return "\n\n".join(wrap)


def _example(what: str, line: str) -> str:
    return textwrap.indent(f"# {what}\n{line}", "  ")
