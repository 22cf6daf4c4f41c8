# SPDX-License-Identifier: Apache-2.0
"""The two layouts of text output: tables and trees of labels.

Nothing is cut, wrapped or coloured, whatever the terminal: what is printed can be read by a script.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NONE = "None"  # an absent value in a tree
NO_CELL = "<none>"  # an absent value in a table


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns aligned by spaces, at least two between them; no rows, no lines."""
    cells = list(rows)
    if not cells:
        return []
    cells.insert(0, headers)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


class Tree:
    """A block of `Label: value` lines: fields sorted by label, then sections, each a Tree or one value."""

    __slots__ = ("fields", "sections")

    def __init__(self, fields: Mapping[str, str], sections: Mapping[str, Tree | str] | None = None) -> None:
        self.fields = fields
        self.sections = sections or {}

    def lines(self, depth: int = 0) -> list[str]:
        indent = "  " * depth
        width = max(map(len, self.fields), default=0) + 1
        lines = [
            f"{indent}{label + ':':<{width}} {value}".rstrip() for label, value in sorted(self.fields.items())
        ]
        for label, section in self.sections.items():
            if isinstance(section, str):
                lines.append(f"{indent}{label}: {section}")
            else:
                lines += [f"{indent}{label}:", *section.lines(depth + 1)]
        return lines


def joined(pairs: Mapping[str, str]) -> str:
    """`a=1, b=2`, sorted, or None."""
    return ", ".join(f"{key}={value}" for key, value in sorted(pairs.items())) or NONE
