# SPDX-License-Identifier: Apache-2.0
"""The audit trail as text that fits a terminal of 80 columns: a line for each decision, its reason below it.

Columns have fixed widths, because lines are printed as they come.  Nothing is cut: what is too long has a line of its
own.
"""

from __future__ import annotations

import textwrap

from bpfman.cli.render.times import rfc3339
from bpfman.model.audit import REFUSED, UNSIGNED, UNVERIFIED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.audit import AuditEvent

_COLUMNS = "{:<20}  {:<10}  {:<8}  {}"
_WIDTH = 80
_WORDS = {UNSIGNED: "unsigned", UNVERIFIED: "unverified", REFUSED: "REFUSED"}


def headings() -> str:
    return _COLUMNS.format("TIME", "VERDICT", "USER", "IMAGE")


def event_lines(event: AuditEvent) -> list[str]:
    verdict = _WORDS.get(event.verdict, event.verdict)
    row = _COLUMNS.format(rfc3339(int(event.time)), verdict, _user(event), image := _plain(event.image))
    lines = [row] if len(row) <= _WIDTH else [row.removesuffix(image).rstrip(), f"  {image}"]
    what = ", ".join(filter(None, (f"{event.action} {_programs(event)}".rstrip(), event.digest[:19])))
    why = ": ".join(filter(None, (event.rule, _plain(event.reason)))) + (
        " (as before)" if event.cached else ""
    )
    return [*lines, *_wrapped(what), *_wrapped(why)]


def _user(event: AuditEvent) -> str:
    return _plain(event.who.user) or ("root" if event.who.uid == 0 else str(event.who.uid))


def _programs(event: AuditEvent) -> str:
    return ", ".join(map(_plain, event.programs))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(text: str) -> str:
    """Foreign text in one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
