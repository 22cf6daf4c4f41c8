# SPDX-License-Identifier: Apache-2.0
"""How much of everything: as promised, or as little as shows that the soak itself works."""

from __future__ import annotations

from typing import NamedTuple


class Scale(NamedTuple):
    clients: int = 32
    client_seconds: float = 120
    commands: int = 128  # at once
    programs: int = 1000
    interfaces: int = 1000
    members: int = 200  # on each of the hooks that packets pass
    changes: int = 1000  # of these hooks together
    lived_seconds: float = 120


FULL = Scale()
SHORT = Scale(6, 3, 16, 30, 20, 12, 60, 3)


def lasting(minutes: float) -> Scale:
    """As promised; what has no end of its own takes so long together."""
    return FULL._replace(client_seconds=minutes * 30, lived_seconds=minutes * 30)
