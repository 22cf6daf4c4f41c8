# SPDX-License-Identifier: Apache-2.0
"""The manual pages, as roff: bpfman(1), and one for each group and command."""

from __future__ import annotations

from bpfman.cli.command import Group
from bpfman.cli.flags import GLOBAL
from bpfman.cli.generate.walk import groups, leaves
from bpfman.cli.help import flag_about, usage_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bpfman.cli.command import Command, Flag, Leaf
    from bpfman.cli.generate.walk import Path


def pages() -> Iterator[tuple[str, str]]:
    """(file name, text) of every page."""
    for path, group in groups():
        yield _file(path), _page(path, group, None, _group_parts(path, group))
    for path, leaf, command in leaves():
        yield _file(path), _page(path, leaf, command, _command_parts(path, command))


def _title(path: Path) -> str:
    return "-".join(("bpfman", *path))


def _file(path: Path) -> str:
    return _title(path) + ".1"


def _page(path: Path, node: Group | Leaf, command: Command | None, parts: Iterable[str]) -> str:
    head = [
        '.\\" SPDX-License-Identifier: Apache-2.0',
        '.\\" Generated from the commands of bpfman.',
        f'.TH "{_title(path).upper()}" 1 "" "bpfman" "bpfman manual"',
        ".nh",  # hyphens in the middle of a flag or a path would be taken for part of it
        ".ad l",
        ".SH NAME",
        f"{_text(_title(path))} \\- {_text(node.about.rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_text(usage_line(path, command))}",
    ]
    return "\n".join([*head, *parts]) + "\n"


def _group_parts(path: Path, group: Group) -> Iterator[str]:
    yield ".SH COMMANDS"
    for name, child in group.children.items():
        if not child.hidden:
            yield f".TP\n.BR {_text(_title((*path, name)))} (1)\n{_text(child.about)}"
    yield from _flags("GLOBAL FLAGS", GLOBAL)
    if not path:
        yield from _root_parts()


def _root_parts() -> Iterator[str]:
    yield ".SH EXIT STATUS\n0 on success, 1 on failure, 80 for a command line that cannot be understood."
    yield ".SH FILES"
    for path, about in (
        ("/run/bpfman", "The database and, in fs, the pins of programs, links and maps."),
        ("/etc/bpfman/bpfman.toml", "The configuration."),
    ):
        yield f".TP\n.I {_text(path)}\n{_text(about)}"


def _command_parts(path: Path, command: Command) -> Iterator[str]:
    yield ".SH DESCRIPTION\n" + "\n.PP\n".join(_text(each) for each in command.description.split("\n\n"))
    if command.arguments:
        yield ".SH ARGUMENTS"
        yield from (f".TP\n.I {_text(each.metavar)}\n{_text(each.about)}" for each in command.arguments)
    yield from _flags("FLAGS", command.flags)
    yield from _flags("GLOBAL FLAGS", GLOBAL)
    yield ".SH EXAMPLES"
    for what, line in command.examples:
        yield f"{_text(what)}:\n.PP\n.RS 4\n.nf\n{_text(line)}\n.fi\n.RE\n.PP"
    parent = path[:-1]
    yield f".SH SEE ALSO\n.BR {_text(_title(parent))} (1)"


def _flags(title: str, flags: Iterable[Flag]) -> Iterator[str]:
    listed = tuple(flags)
    if listed:
        yield f".SH {title}"
    for flag in listed:
        short = f"\\fB\\-{flag.short}\\fR, " if flag.short else ""
        value = f"=\\fI{_text(flag.metavar)}\\fR" if flag.metavar else ""
        yield f".TP\n{short}\\fB{_text(str(flag))}\\fR{value}\n{_text(flag_about(flag))}"


def _text(text: str) -> str:
    """Literal text: hyphens stay hyphens that can be pasted, and no line begins a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))
