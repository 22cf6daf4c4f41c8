# SPDX-License-Identifier: Apache-2.0
"""One line of the table: a figure, and the most it should be."""

from __future__ import annotations

from typing import NamedTuple

DECIMALS = {"x": 2, "ms": 2, "ns": 2, "MB": 1, "bytes": 0}


class Row(NamedTuple):
    """`unit` is one of DECIMALS; `x` is a ratio.  Without a `target` the figure is for information.  `how` says what
    was compared with what, in figures."""

    what: str
    value: float
    unit: str
    target: float | None = None
    how: str = ""

    @property
    def missed(self) -> bool:
        return self.target is not None and self.value > self.target

    @property
    def figure(self) -> str:
        return f"{self.value:,.{DECIMALS[self.unit]}f} {self.unit}"

    @property
    def goal(self) -> str:
        return "" if self.target is None else f"≤ {self.target:g} {self.unit}"

    @property
    def verdict(self) -> str:
        return "" if self.target is None else "MISSED" if self.missed else "ok"
