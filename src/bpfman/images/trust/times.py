# SPDX-License-Identifier: Apache-2.0
"""Points in time and the spans that keys and certificates are good for, in Unix seconds."""

from __future__ import annotations

import time

from bpfman.model.value import NamedTuple


class Window(NamedTuple):
    """From `start` to `end`, both included; None where it is open."""

    start: float | None = None
    end: float | None = None

    def __contains__(self, moment: object) -> bool:
        assert isinstance(moment, int | float)
        return (self.start is None or self.start <= moment) and (self.end is None or moment <= self.end)

    def __str__(self) -> str:
        start = f"from {shown(self.start)}" if self.start is not None else ""
        end = f"until {shown(self.end)}" if self.end is not None else ""
        return f"{start} {end}".strip() or "always"


def shown(moment: float) -> str:
    """2026-11-27T10:00:00Z"""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    except (OverflowError, ValueError, OSError):
        return f"{moment:.0f} seconds after 1970"
