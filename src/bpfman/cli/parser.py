# SPDX-License-Identifier: Apache-2.0
"""Turns argv into one command and its values.

Called by `cli.main`.  Walks the tree of commands.py word by word and imports the declaration of the one command that
was named.  Flags and words mix freely; global flags are known everywhere, a command's flags once it is named.
Nothing here prints or exits: what cannot be understood is a UsageError.
"""

from __future__ import annotations

from bpfman.cli.command import Arguments, Group, UsageError
from bpfman.errors import InvalidRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bpfman.cli.command import Argument, Command, Flag, Leaf

_SWITCH_VALUES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Parser:
    """Parses one argv.  After `parse`, or after a UsageError, `path`, `node` and `command` say how far it came;
    `help` is "", "short" (-h) or "long" (--help)."""

    def __init__(self, root: Group, flags: Sequence[Flag], environment: Mapping[str, str]) -> None:
        self.node: Group | Leaf = root
        self.path: list[str] = []
        self.command: Command | None = None
        self.help = ""
        self._flags: list[Flag] = list(flags)
        self._environment = environment
        self._words: list[str] = []
        self._given: dict[str, object] = {}
        self._rest: list[str] = []

    def parse(self, argv: Sequence[str]) -> Arguments:
        self._rest = list(argv)[::-1]  # a stack: the next word is the last
        self._read()
        self._enter_defaults()
        return self._bind() if self.command and not self.help else Arguments()

    # words and flags, in the order they come

    def _read(self) -> None:
        while self._rest:
            word = self._rest.pop()
            if word == "--":
                while self._rest:
                    self._word(self._rest.pop())
            elif word.startswith("--"):
                self._long(word)
            elif word.startswith("-") and not word[1:].isdigit() and word != "-":  # -1 is a number
                self._short(word)
            else:
                self._word(word)

    def _word(self, word: str) -> None:
        if word == "help" and not self.path:  # `help program list` is `program list --help`
            self.help = "long"
            return
        while isinstance(self.node, Group):
            if word in self.node.children:
                self._enter(word)
                return
            if self.node.id_first and not self._words:
                break
            if not _default_takes_words(self.node):
                raise UsageError(f'unknown command "{word}"', _near(word, visible(self.node)))
            self._enter_default()
        self._words.append(word)

    def _enter(self, name: str) -> None:
        assert isinstance(self.node, Group)
        self.node = self.node.children[name]
        self.path.append(name)
        if not isinstance(self.node, Group):
            self.command = self.node.load()
            self._flags.extend(self.command.flags)

    def _enter_default(self) -> bool:
        if not isinstance(self.node, Group) or not self.node.default:
            return False
        self._enter(self.node.default)
        return True

    def _enter_defaults(self) -> None:
        while isinstance(self.node, Group) and not self.help and self._enter_default():
            pass
        if isinstance(self.node, Group) and not self.help:
            raise UsageError("expected one of: " + ", ".join(visible(self.node)))

    def _long(self, word: str) -> None:
        name, equals, value = word[2:].partition("=")
        if name == "help":
            self.help = "long"
            return
        flag = self._find(f"--{name}", lambda flag: flag.name == name)
        self._take(flag, value if equals else None)

    def _short(self, word: str) -> None:
        """`-o json`, `-ojson`, `-o=json`, and switches in one word: `-qa`."""
        for index, letter in enumerate(word[1:], 2):
            if letter == "h":
                self.help = self.help or "short"
                continue
            flag = self._find(f"-{letter}", _has_letter(letter))
            if flag.metavar:
                self._take(flag, word[index:].removeprefix("=") if word[index:] else None)
                return
            self._take(flag, None)

    def _find(self, shown: str, matches: Callable[[Flag], bool]) -> Flag:
        """The flag as known here; a flag of the default command makes that the command."""
        while True:
            for flag in self._flags:
                if matches(flag):
                    return flag
            if not self._enter_default():
                raise UsageError(f"unknown flag {shown}", self._near_flag(shown))

    def _near_flag(self, shown: str) -> str:
        name = shown.lstrip("-")
        if isinstance(self.node, Group) and name in visible(self.node):
            return " ".join(["try: bpfman", *self.path, name])
        return _near(shown, map(str, self._flags))

    def _take(self, flag: Flag, value: str | None) -> None:
        if not flag.metavar:
            if value is not None and value.lower() not in _SWITCH_VALUES:
                raise UsageError(f'{flag}: expected true or false, got "{value}"')
            self._given[flag.key] = value is None or _SWITCH_VALUES[value.lower()]
            return
        values = [self._value(flag) if value is None else value]
        while flag.greedy and self._rest and not self._rest[-1].startswith("-"):
            values.append(self._rest.pop())
        for text in values:
            self._store(flag, _parsed(flag, str(flag), text))

    def _value(self, flag: Flag) -> str:
        """The next word; a flag that is known here is no value (a negative number is)."""
        names = {name for known in self._flags for name in (str(known), f"-{known.short}")}
        if not self._rest or self._rest[-1].partition("=")[0] in names:
            raise UsageError(f"{flag} needs a value: {flag} {flag.metavar}")
        return self._rest.pop()

    def _store(self, flag: Flag, value: object) -> None:
        if not flag.repeat:
            self._given[flag.key] = value
            return
        values = self._given.setdefault(flag.key, [])
        assert isinstance(values, list)
        values.append(value)

    # what was given, what was left out

    def _bind(self) -> Arguments:
        assert self.command is not None
        args = Arguments()
        for flag in self._flags:
            setattr(args, flag.key, self._flag_value(flag))
        words = self._words
        for argument in self.command.arguments:
            words = _bind_argument(args, argument, words)
        if words:
            raise UsageError(f'unexpected argument "{words[0]}"')
        missing = [flag for flag in self.command.flags if flag.required and flag.key not in self._given]
        if missing:
            raise UsageError("missing flags: " + ", ".join(f"{flag}={flag.metavar}" for flag in missing))
        return args

    def _flag_value(self, flag: Flag) -> object:
        if flag.key in self._given:
            return self._given[flag.key]
        if flag.env and self._environment.get(flag.env):
            return _parsed(flag, flag.env, self._environment[flag.env])
        return [] if flag.repeat else flag.default if flag.metavar else False


def _default_takes_words(group: Group) -> bool:
    """`program load PATH` means `program load file PATH`; `program lst` is a mistyped `program list`."""
    default = group.children.get(group.default)
    if default is None or isinstance(default, Group):
        return default is not None
    return bool(default.load().arguments)


def _has_letter(letter: str) -> Callable[[Flag], bool]:
    return lambda flag: flag.short == letter


def visible(group: Group) -> list[str]:
    """The names of a group's commands that help shows."""
    return [name for name, child in group.children.items() if not child.hidden]


def _bind_argument(args: Arguments, argument: Argument, words: list[str]) -> list[str]:
    if not words and not argument.optional:
        raise UsageError(f"missing argument {argument}")
    taken = words if argument.many else words[:1]
    values = [_parsed(argument, argument.metavar, word) for word in taken]
    setattr(args, argument.key, values if argument.many else next(iter(values), None))
    return words[len(taken) :]


def _parsed(what: Flag | Argument, shown: str, text: str) -> object:
    if what.choices and text not in what.choices:
        raise UsageError(f'{shown} must be one of {", ".join(what.choices)}, got "{text}"')
    try:
        return what.parse(text)
    except (UsageError, InvalidRequest) as error:
        raise UsageError(f"{shown}: {error}", error.hint) from None


def _near(word: str, known: Iterable[str]) -> str:
    """A hint with the known words that look like a mistyped one."""
    import difflib

    near = difflib.get_close_matches(word, sorted(known))
    return "did you mean " + " or ".join(near) + "?" if near else ""
