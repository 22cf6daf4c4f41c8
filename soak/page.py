# SPDX-License-Identifier: Apache-2.0
"""The figures as a page of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soak.figure import Figure

HEAD = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by `python -m soak --write docs/soak.md`; do not edit. -->
# Under load

What bpfman went through, as told by `make soak ARGS='--write docs/soak.md'`. Where a figure must be something, it says
so, and a run in which one is not fails. Times are this machine's, among the load that the soak itself makes.

"""


def markdown(machine: Mapping[str, str], results: Mapping[str, tuple[str, Sequence[Figure]]]) -> str:
    """`results`: name of a load -> (what it is, figures)."""
    parts = [HEAD + "".join(f"- {name}: {value}\n" for name, value in machine.items())]
    for load, (about, figures) in results.items():
        head = f"## {about}\n\nAgain: `make soak ARGS={load}`\n\n| | | must be | |\n|---|---|---|---|\n"
        parts.append(head + "".join(_row(figure) for figure in figures))
    return "\n".join(parts)


def _row(figure: Figure) -> str:
    cells = (figure.what, figure.value.replace("|", "\\|"), figure.must, figure.verdict)
    return "".join(f"| {cell} " for cell in cells) + "|\n"


def line(figure: Figure) -> str:
    """A figure as text for a terminal."""
    must = f"must be {figure.must}" if figure.must else ""
    return f"  {figure.what:<70} {figure.value}  {must:<20} {figure.verdict}".rstrip()
