# SPDX-License-Identifier: Apache-2.0
"""The audit trail as text that fits a terminal of 80 columns: a line for each decision, its reason below it.

Columns have fixed widths, because lines are printed as they come.  Nothing is cut: names that are too long push on.
"""

from __future__ import annotations

import textwrap

from bpfman.cli.render.times import rfc3339
from bpfman.model.audit import REFUSED, UNSIGNED, UNVERIFIED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.audit import AuditEvent

_COLUMNS = "{:<20}  {:<10}  {:<6}  {:<10}  {}"
_WIDTH = 80
_WORDS = {UNSIGNED: "unsigned", UNVERIFIED: "unverified", REFUSED: "REFUSED"}


def headings() -> str:
    return _COLUMNS.format("TIME", "VERDICT", "ACTION", "USER", "IMAGE")


def event_lines(event: AuditEvent) -> list[str]:
    user = event.who.user or str(event.who.uid)
    verdict = _WORDS.get(event.verdict, event.verdict)
    row = (rfc3339(int(event.time)), verdict, event.action, _plain(user), _plain(event.image))
    below = [", ".join(filter(None, (_programs(event), event.digest[:19])))]
    below.append(
        ": ".join(filter(None, (event.rule, _plain(event.reason)))) + (" (as before)" if event.cached else "")
    )
    return [_COLUMNS.format(*row), *(line for each in below if each for line in _wrapped(each))]


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
