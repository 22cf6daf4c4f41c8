# SPDX-License-Identifier: Apache-2.0
"""What a load tells: figures, each with what it must be; how times are summed up; and that something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Wrong(Exception):
    """Something happened that must not; the text says what."""


class Figure(NamedTuple):
    """`must` is empty for what is for information only."""

    what: str
    value: str
    must: str = ""
    right: bool = True

    @property
    def verdict(self) -> str:
        return "" if not self.must else "ok" if self.right else "WRONG"


def exactly(what: str, found: int, wanted: int) -> Figure:
    return Figure(what, f"{found:,}", f"{wanted:,}", found == wanted)


def at_most(what: str, found: float, most: float, unit: str) -> Figure:
    return Figure(what, f"{found:,.2f} {unit}", f"at most {most:g} {unit}", found <= most)


def none_of(what: str, found: Sequence[str]) -> Figure:
    """A list that must be empty; its beginning is shown."""
    shown = "none" if not found else f"{len(found)}: {'; '.join(found[:5])}"
    return Figure(what, shown, "none", not found)


def times(what: str, seconds: Sequence[float]) -> Figure:
    return Figure(what, f"p50 {ms(seconds, 50)}, p99 {ms(seconds, 99)} ({len(seconds):,} times)")


def took(what: str, seconds: float) -> Figure:
    return Figure(what, f"{seconds:.2f} s")


def ms(seconds: Sequence[float], percent: int) -> str:
    return f"{percentile(seconds, percent) * 1e3:.1f} ms"


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many per cent of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
