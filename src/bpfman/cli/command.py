# SPDX-License-Identifier: Apache-2.0
"""What a command is: its arguments, flags, help and the function that runs it, declared as values.

One declaration feeds the parser, the help, the completions, the man pages and docs/commands.md, so that they cannot
disagree.  There is no argparse here because a command is a process: importing argparse takes longer (6 ms) than all
that `program list` does itself, and its errors, exit status and help are not the ones users of bpfman know.

Nothing here parses or prints; plain classes, because making a namedtuple class is what costs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Arguments:
    """The values of one command line, as attributes: `args.program_id`, `args.output`."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


class Flag:
    """`--name VALUE`, or a switch when there is no `metavar`.

    `parse` turns the text of one occurrence into a value and raises UsageError or InvalidRequest.  With `repeat` the
    value is a list, one item an occurrence; with `greedy` an occurrence takes all words up to the next flag (the
    older command line's way).  `complete` names what a shell offers for the value (see generate/)."""

    __slots__ = (
        "about",
        "choices",
        "complete",
        "default",
        "env",
        "greedy",
        "metavar",
        "name",
        "parse",
        "repeat",
        "required",
        "short",
    )

    def __init__(
        self,
        name: str,
        short: str = "",
        metavar: str = "",
        about: str = "",
        *,
        parse: Callable[[str], object] = str,
        choices: Sequence[str] = (),
        default: object = None,
        env: str = "",
        repeat: bool = False,
        greedy: bool = False,
        required: bool = False,
        complete: str = "",
    ) -> None:
        self.name = name
        self.short = short
        self.metavar = metavar
        self.about = about
        self.parse = parse
        self.choices = tuple(choices)
        self.default = default
        self.env = env
        self.repeat = repeat
        self.greedy = greedy
        self.required = required
        self.complete = complete

    @property
    def key(self) -> str:
        """The attribute of Arguments that holds the value."""
        return self.name.replace("-", "_")

    def __str__(self) -> str:
        return f"--{self.name}"


class Argument:
    """A positional word.  `many` takes all that remain (at least one, unless `optional`)."""

    __slots__ = ("about", "choices", "complete", "key", "many", "metavar", "optional", "parse")

    def __init__(
        self,
        key: str,
        metavar: str,
        about: str,
        *,
        parse: Callable[[str], object] = str,
        choices: Sequence[str] = (),
        many: bool = False,
        optional: bool = False,
        complete: str = "",
    ) -> None:
        self.key = key
        self.metavar = metavar
        self.about = about
        self.parse = parse
        self.choices = tuple(choices)
        self.many = many
        self.optional = optional
        self.complete = complete

    def __str__(self) -> str:
        shown = f"{self.metavar}..." if self.many else self.metavar
        return f"[{shown}]" if self.optional else shown


class Command:
    """One command: what it takes, what its help says beyond the line in the tree, and what runs it."""

    __slots__ = ("arguments", "description", "examples", "flags", "needs_root", "run")

    def __init__(
        self,
        run: Callable[[Arguments], None],
        *,
        arguments: Sequence[Argument] = (),
        flags: Sequence[Flag] = (),
        description: str = "",
        examples: Sequence[tuple[str, str]] = (),
        needs_root: bool = True,
    ) -> None:
        self.run = run
        self.arguments = tuple(arguments)
        self.flags = tuple(flags)
        self.description = description  # paragraphs, separated by an empty line
        self.examples = tuple(examples)  # (what it does, the command)
        self.needs_root = needs_root


class Leaf:
    """A command's place in the tree.  Its declaration stays in `module` under `attribute` until it is needed."""

    __slots__ = ("about", "attribute", "hidden", "module")

    def __init__(self, about: str, module: str, attribute: str = "COMMAND", *, hidden: bool = False) -> None:
        self.about = about
        self.module = module
        self.attribute = attribute
        self.hidden = hidden

    def load(self) -> Command:
        module = __import__(f"bpfman.cli.{self.module}", fromlist=[self.attribute])
        command: Command = getattr(module, self.attribute)
        return command


class Group:
    """A noun, or a verb with verbs of its own.

    `default` is the child that is meant when no child is named.  With `id_first` one word may stand before the child
    (`attach 12 xdp …`, the older command line) and becomes its first argument."""

    __slots__ = ("about", "children", "default", "hidden", "id_first")

    def __init__(
        self,
        about: str,
        children: dict[str, Group | Leaf],
        *,
        default: str = "",
        hidden: bool = False,
        id_first: bool = False,
    ) -> None:
        self.about = about
        self.children = children
        self.default = default
        self.hidden = hidden
        self.id_first = id_first


class UsageError(Exception):
    """The command line cannot be understood: exit status 80, after a line on how it is used."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
