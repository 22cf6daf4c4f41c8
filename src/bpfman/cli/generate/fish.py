# SPDX-License-Identifier: Apache-2.0
"""Completion for fish: a `complete` line a command, flag and argument."""

from __future__ import annotations

from bpfman.cli.flags import GLOBAL
from bpfman.cli.generate.walk import brief, groups, leaves, words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Argument, Command, Flag, Group
    from bpfman.cli.generate.walk import Path

_HEAD = r"""# SPDX-License-Identifier: Apache-2.0
# Fish completion for bpfman, generated from its commands: put it into ~/.config/fish/completions/.

# The words so far, without flags and their values.
function __bpfman_words
    set -l skip no
    for word in (commandline -poc)[2..]
        if test $skip = yes
            set skip no
        else if string match -q -- '-*' $word
            contains -- $word @WITH_VALUE@; and set skip yes
        else
            echo $word
        end
    end
end

# Whether these words are the first so far; with -m and -l, whether at least and at most so many follow.
function __bpfman_at
    argparse m/more= l/less= -- $argv
    set -l words (__bpfman_words)
    set -l length (count $argv)
    set -l behind (math (count $words) - $length)
    set -q _flag_more; and test $behind -lt $_flag_more; and return 1
    set -q _flag_less; and test $behind -gt $_flag_less; and return 1
    test $length -eq 0; or test "$words[1..$length]" = "$argv"
end

function __bpfman_tracepoints
    set -l found /sys/kernel/tracing/events/*/*/
    string replace -r '.*/events/' '' -- $found | string trim -r -c /
end

complete -c bpfman -f
complete -c bpfman -l help -s h -d 'Show help'
"""

_ACTIONS = {
    "program-ids": "(bpfman program list -q 2>/dev/null)",
    "link-ids": "(bpfman link list -q 2>/dev/null)",
    "images": "(bpfman image list -q 2>/dev/null)",
    "maps": "(bpfman map list 2>/dev/null | awk 'NR > 1 { print $2 }')",
    "interfaces": "(command ls /sys/class/net)",
    "tracepoints": "(__bpfman_tracepoints)",
    "directory": "(__fish_complete_directories)",
}


def script() -> str:
    lines = [line for path, group in groups() for line in _group(path, group)]
    lines += [line for path, _, command in leaves() for line in _leaf(path, command)]
    lines += [_flag("", flag) for flag in GLOBAL]
    return _HEAD.replace("@WITH_VALUE@", " ".join(_with_value())) + "\n".join(lines) + "\n"


def _with_value() -> list[str]:
    """The flags whose value may be the next word."""
    flags = [*GLOBAL, *(flag for _, _, command in leaves() for flag in command.flags)]
    names = [name for flag in flags if flag.metavar for name in (str(flag), flag.short and f"-{flag.short}")]
    return sorted({name for name in names if name})


def _group(path: Path, group: Group) -> list[str]:
    condition = _at(path, "-l 0")
    return [
        f"complete -c bpfman{condition} -a {name} -d {_quoted(child.about)}"
        for name, child in group.children.items()
        if not child.hidden
    ]


def _leaf(path: Path, command: Command) -> list[str]:
    lines = [_flag(_at(path), flag) for flag in command.flags]
    for place, argument in enumerate(command.arguments):
        condition = _at(path, f"-m {place}" if argument.many else f"-m {place} -l {place}")
        lines += _argument(condition, argument)
    return lines


def _flag(condition: str, flag: Flag) -> str:
    short = f" -s {flag.short}" if flag.short else ""
    value = "" if not flag.metavar else " -rF" if flag.complete == "file" else f" -x{_offered(flag)}"
    return f"complete -c bpfman{condition} -l {flag.name}{short}{value} -d {_quoted(brief(flag.about))}"


def _argument(condition: str, argument: Argument) -> list[str]:
    if argument.complete == "file":
        return [f"complete -c bpfman{condition} -F"]
    offered = _offered(argument)
    return [f"complete -c bpfman{condition}{offered}"] if offered else []


def _offered(what: Flag | Argument) -> str:
    words = words_of(what) or _ACTIONS.get(what.complete, "")
    return f" -a {_quoted(words)}" if words else ""


def _at(path: Path, options: str = "") -> str:
    words = " ".join(filter(None, ["__bpfman_at", options, *path]))
    return f" -n {_quoted(words)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
