# SPDX-License-Identifier: Apache-2.0
"""Completion for zsh: a function a command, in the terms of _arguments."""

from __future__ import annotations

from bpfman.cli.flags import GLOBAL
from bpfman.cli.generate.walk import brief, groups, leaves, words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Argument, Command, Flag, Group
    from bpfman.cli.generate.walk import Path

_HEAD = r"""#compdef bpfman
# SPDX-License-Identifier: Apache-2.0
# Zsh completion for bpfman, generated from its commands: put it as _bpfman into a folder of $fpath.

_bpfman_program_ids() { local -a ids=(${(f)"$(bpfman program list -q 2>/dev/null)"}); compadd -a ids }
_bpfman_link_ids() { local -a ids=(${(f)"$(bpfman link list -q 2>/dev/null)"}); compadd -a ids }
_bpfman_images() { local -a names=(${(f)"$(bpfman image list -q 2>/dev/null)"}); compadd -a names }
_bpfman_maps() { local -a names=(${(f)"$(bpfman map list 2>/dev/null | awk 'NR > 1 { print $2 }')"}); compadd -a names }
_bpfman_interfaces() { local -a names=(/sys/class/net/*(N:t)); compadd -a names }
_bpfman_tracepoints() {
    local -a found=(/sys/kernel/tracing/events/*/*(/N))
    compadd -- ${found#/sys/kernel/tracing/events/}
}
"""

_ACTIONS = {
    "program-ids": "_bpfman_program_ids",
    "link-ids": "_bpfman_link_ids",
    "images": "_bpfman_images",
    "maps": "_bpfman_maps",
    "interfaces": "_bpfman_interfaces",
    "tracepoints": "_bpfman_tracepoints",
    "file": "_files",
    "directory": "_files -/",
}
_HELP = "'(-h --help)'{-h,--help}'[Show help]'"


def script() -> str:
    functions = [_group(path, group) for path, group in groups()]
    functions += [_leaf(path, command) for path, _, command in leaves()]
    return _HEAD + "\n" + "\n".join(functions) + '\n_bpfman "$@"\n'


def _name(path: Path) -> str:
    return "_".join(("_bpfman", *path))


def _group(path: Path, group: Group) -> str:
    shown = [(name, child) for name, child in group.children.items() if not child.hidden]
    described = "\n".join(f"        {_quoted(f'{name}:{child.about}')}" for name, child in shown)
    cases = "\n".join(f"            {name}) {_name((*path, name))} ;;" for name, _ in shown)
    flags = "".join(f" \\\n        {flag}" for flag in (_HELP, *map(_flag, GLOBAL)))
    return f"""\
{_name(path)}() {{
    local state line
    local -a commands=(
{described}
    )
    _arguments -C{flags} \\
        '1: :->command' '*:: :->rest'
    case $state in
    command) _describe command commands ;;
    rest)
        case $line[1] in
{cases}
        esac ;;
    esac
}}
"""


def _leaf(path: Path, command: Command) -> str:
    specs = [_HELP, *map(_flag, (*command.flags, *GLOBAL))]
    specs += [_argument(place, argument) for place, argument in enumerate(command.arguments, 1)]
    lines = " \\\n        ".join(["_arguments", *specs])
    return f"{_name(path)}() {{\n    {lines}\n}}\n"


def _flag(flag: Flag) -> str:
    repeat = "*" if flag.repeat else ""
    about = _escaped(brief(flag.about))
    value = f":{_escaped(flag.metavar)}:{_action(flag)}" if flag.metavar else ""
    long = f"{flag}=" if flag.metavar else str(flag)
    if not flag.short:
        return _quoted(f"{repeat}{long}[{about}]{value}")
    short = f"-{flag.short}" + ("+" if flag.metavar else "")
    exclusive = "*" if flag.repeat else f"(-{flag.short} {flag})"
    return f"{_quoted(exclusive)}{{{short},{long}}}{_quoted(f'[{about}]{value}')}"


def _argument(place: int, argument: Argument) -> str:
    where = "*" if argument.many else str(place)
    optional = ":" if argument.optional and not argument.many else ""
    return _quoted(f"{where}:{optional}{_escaped(argument.metavar)}:{_action(argument)}")


def _action(what: Flag | Argument) -> str:
    words = words_of(what)
    return f"({words})" if words else _ACTIONS.get(what.complete, " ")


def _escaped(text: str) -> str:
    for letter in "\\[]:":
        text = text.replace(letter, "\\" + letter)
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
