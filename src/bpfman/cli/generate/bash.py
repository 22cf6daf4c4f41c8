# SPDX-License-Identifier: Apache-2.0
"""Completion for bash, without the bash-completion package: tables by command, and one function that walks them."""

from __future__ import annotations

from bpfman.cli.flags import GLOBAL
from bpfman.cli.generate.walk import groups, leaves, words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpfman.cli.command import Argument, Flag

_SCRIPT = r"""# SPDX-License-Identifier: Apache-2.0
# Bash completion for bpfman, generated from its commands: source it, or put it into
# /usr/share/bash-completion/completions/bpfman.

# The commands below a group.
_bpfman_commands() {
    case "$1" in
@COMMANDS@
    esac
}

# The flags of a command.
_bpfman_flags() {
    case "$1" in
@FLAGS@
    esac
    echo "@GLOBAL_FLAGS@"
}

# What a flag's value is; nothing for a flag without one.
_bpfman_flag_value() {
    case "$1 $2" in
@FLAG_VALUES@
    esac
    case "$2" in
@GLOBAL_VALUES@
    esac
}

# What the argument at a place is; the last one of a command may be repeated.
_bpfman_argument() {
    case "$1 $2" in
@ARGUMENTS@
    esac
}

# The words to choose from.
_bpfman_words() {
    case "$1" in
    words:*) echo "${1#words:}" ;;
    program-ids) bpfman program list -q 2>/dev/null ;;
    link-ids) bpfman link list -q 2>/dev/null ;;
    images) bpfman image list -q 2>/dev/null ;;
    maps) bpfman map list 2>/dev/null | awk 'NR > 1 { print $2 }' ;;
    interfaces) ls /sys/class/net 2>/dev/null ;;
    tracepoints) (cd /sys/kernel/tracing/events 2>/dev/null && printf '%s\n' */*/ | sed 's,/$,,') ;;
    esac
}

_bpfman() {
    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}"
    local path="" places=0 skip="" word value words i
    # "=" is a word of its own here: --type=xdp is three words.
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $previous == "=" ]]; then
        previous="${COMP_WORDS[COMP_CWORD - 2]}"
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if [[ -n $skip ]]; then
            [[ $word == "=" ]] || skip=""
        elif [[ $word == "=" ]]; then
            skip=yes
        elif [[ $word == -* ]]; then
            value="$(_bpfman_flag_value "$path" "$word")"
            [[ -n $value ]] && skip=yes
        elif [[ " $(_bpfman_commands "$path") " == *" $word "* ]]; then
            path="${path:+$path }$word"
        else
            places=$((places + 1))
        fi
    done
    value=""
    if [[ $previous == -* ]]; then
        value="$(_bpfman_flag_value "$path" "$previous")"
    elif [[ $current != -* ]]; then
        words="$(_bpfman_commands "$path")"
        value="${words:+words:$words}"
        [[ -n $value ]] || value="$(_bpfman_argument "$path" $((places + 1)))"
        [[ -n $value ]] || value="$(_bpfman_argument "$path" more)"
    else
        value="words:$(_bpfman_flags "$path")"
    fi
    case "$value" in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    directory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(_bpfman_words "$value")" -- "$current") ;;
    esac
}

complete -F _bpfman bpfman
"""


def script() -> str:
    parts = {
        "COMMANDS": _cases(
            (" ".join(path), " ".join(name for name, child in group.children.items() if not child.hidden))
            for path, group in groups()
        ),
        "FLAGS": _cases((" ".join(path), _names(command.flags)) for path, _, command in leaves()),
        "GLOBAL_FLAGS": _names(GLOBAL) + " --help",
        "FLAG_VALUES": _cases(
            (f"{' '.join(path)} {name}", sort)
            for path, _, command in leaves()
            for flag in command.flags
            for name, sort in _flag_sorts(flag)
        ),
        "GLOBAL_VALUES": _cases(pair for flag in GLOBAL for pair in _flag_sorts(flag)),
        "ARGUMENTS": _cases(
            (f"{' '.join(path)} {place}", sort)
            for path, _, command in leaves()
            for place, sort in _argument_sorts(command.arguments)
        ),
    }
    text = _SCRIPT
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def _cases(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f'    "{pattern}") echo "{value}" ;;' for pattern, value in pairs if value)


def _names(flags: Iterable[Flag]) -> str:
    return " ".join(str(flag) for flag in flags)


def _flag_sorts(flag: Flag) -> Iterable[tuple[str, str]]:
    if flag.metavar:
        yield str(flag), _sort(flag)
        if flag.short:
            yield f"-{flag.short}", _sort(flag)


def _argument_sorts(arguments: Iterable[Argument]) -> Iterable[tuple[str, str]]:
    for place, argument in enumerate(arguments, 1):
        yield "more" if argument.many else str(place), _sort(argument)


def _sort(what: Flag | Argument) -> str:
    """What the value is; "any" where nothing can be offered."""
    words = words_of(what)
    return f"words:{words}" if words else what.complete or "any"
