# SPDX-License-Identifier: Apache-2.0
"""The commands that help shows, one after another, for what is generated from them."""

from __future__ import annotations

from bpfman.cli.command import Group
from bpfman.cli.commands import ROOT
from bpfman.model.kinds import KINDS
from bpfman.model.verdicts import TC, XDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.cli.command import Argument, Command, Flag, Leaf

Path = tuple[str, ...]

# The values that are fixed; what a command or the machine has to be asked for is the shell's part.
WORDS = {
    "program-types": " ".join(KINDS),
    "xdp-verdicts": " ".join(XDP.codes),
    "tc-verdicts": " ".join(TC.codes),
}


def groups(node: Group = ROOT, path: Path = ()) -> Iterator[tuple[Path, Group]]:
    """Every group, the root first."""
    yield path, node
    for name, child in _shown(node):
        if isinstance(child, Group):
            yield from groups(child, (*path, name))


def leaves() -> Iterator[tuple[Path, Leaf, Command]]:
    """Every command with its declaration."""
    for path, group in groups():
        for name, child in _shown(group):
            if not isinstance(child, Group):
                yield (*path, name), child, child.load()


def hidden() -> Iterator[tuple[Path, Group | Leaf]]:
    """What help does not show: whole groups, and commands of groups that it shows."""
    for path, group in groups():
        for name, child in group.children.items():
            if child.hidden:
                yield (*path, name), child


def _shown(group: Group) -> list[tuple[str, Group | Leaf]]:
    return [(name, child) for name, child in group.children.items() if not child.hidden]


def words_of(what: Flag | Argument) -> str:
    """The words a value may be, separated by spaces; "" where they are not fixed."""
    return " ".join(what.choices) or WORDS.get(what.complete, "")


def brief(about: str) -> str:
    """The first words of a help text, for a menu."""
    for end in (". ", "; ", ": ", " ("):
        about = about.partition(end)[0]
    return about.rstrip(".")
