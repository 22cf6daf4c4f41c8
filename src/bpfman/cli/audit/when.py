# SPDX-License-Identifier: Apache-2.0
"""A point in time as people type it: a date, a time, or how long ago.  In UTC, as all times that bpfman prints."""

from __future__ import annotations

from bpfman.cli.command import UsageError

_FORMS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def point(text: str) -> float:
    """Seconds since the epoch."""
    import time

    number, unit = text[:-1], text[-1:]
    if number.isascii() and number.isdigit() and unit in _UNITS and len(number) < 10:
        return time.time() - int(number) * _UNITS[unit]
    for form in _FORMS:
        if (found := _parsed(text.removesuffix("Z"), form)) is not None:
            return found
    raise UsageError(
        f'"{text}" is no time', "write 2026-03-04, 2026-03-04T05:06:07, or 90m, 12h, 7d for so long ago"
    )


def _parsed(text: str, form: str) -> float | None:
    import calendar
    import time

    try:
        return float(calendar.timegm(time.strptime(text, form)))
    except ValueError:
        return None
