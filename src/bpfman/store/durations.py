# SPDX-License-Identifier: Apache-2.0
"""Durations as people type them (`500ms`, `1m30s`): the syntax of Go's time.ParseDuration and Duration.String.

Called for `--lock-timeout` and for the environment variables of the database, and to print them back.  Seconds are
floats here; no regular expressions, whose import would cost each command a millisecond.
"""

from __future__ import annotations

from bpfman.errors import InvalidRequest

_SECOND = 10**9
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND}
_NANOSECONDS |= {"µs": 10**3, "μs": 10**3}  # the micro sign and the Greek letter


def parse_duration(text: str) -> float:
    """Seconds, of `0` or one or more numbers with units (`1h`, `2.5s`, `1m30s`).  InvalidRequest for anything else,
    negative durations included: nothing here can wait for less than no time."""
    rest = text.strip()
    if rest == "0":
        return 0.0
    total = 0.0
    while rest:
        number = _prefix(rest, "0123456789.")
        unit = _letters(rest[len(number) :])
        if unit not in _NANOSECONDS or number.count(".") > 1 or not number.strip("."):
            break
        total += float(number) * _NANOSECONDS[unit]
        rest = rest[len(number) + len(unit) :]
    if rest or not text.strip():
        raise InvalidRequest(
            f'invalid duration "{text}"', "a duration is a number with a unit: 500ms, 30s, 5m, 1m30s"
        )
    return total / 10**9


def format_duration(seconds: float) -> str:
    """As Go prints it: `30s`, `500ms`, `1.5s`, `5m0s`, `1h0m0s`, `0s`."""
    nanoseconds = round(seconds * 10**9)
    if nanoseconds < 10**9:
        return next(
            (f"{_decimal(nanoseconds, unit)}{name}" for name, unit in (("ms", 10**6), ("µs", 10**3), ("ns", 1))
             if nanoseconds >= unit),
            "0s",
        )  # fmt: skip
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, 10**9)}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _prefix(text: str, allowed: str) -> str:
    return text[: len(text) - len(text.lstrip(allowed))]


def _letters(text: str) -> str:
    end = next((i for i, letter in enumerate(text) if not letter.isalpha()), len(text))
    return text[:end]


def _decimal(number: int, unit: int) -> str:
    """`number` / `unit` without zeros at the end: (1_500, 1_000) is 1.5."""
    whole, rest = divmod(number, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).rjust(len(str(unit)) - 1, '0').rstrip('0')}"
