# SPDX-License-Identifier: Apache-2.0
"""The order of a chain's members: priority, then the newest first, then name (contract.md 6.2)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpfman.model.chain import Member


def in_order(members: Iterable[Member], incoming: Member | None = None) -> tuple[Member, ...]:
    """The members in the order they run, with positions 0 to n-1; `incoming` is the one being attached now.

    Among equal priorities the incoming one runs before those that are there, and those keep the order they have:
    that is "newest first", since each was incoming once."""
    there = sorted(members, key=lambda member: (member.priority, member.position))
    if incoming is not None:
        place = next((i for i, m in enumerate(there) if m.priority >= incoming.priority), len(there))
        there.insert(place, incoming)
    return tuple(member._replace(position=position) for position, member in enumerate(there))
