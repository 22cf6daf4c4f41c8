# SPDX-License-Identifier: Apache-2.0
"""Names spelled like one that does not exist.  Called only to explain a failure; there may be a million of them."""

from __future__ import annotations

from bpfman.errors import SymbolNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 4000  # candidates that are looked at closely; each costs some 20 us


def symbol_not_found(what: str, wanted: str, names: Iterable[str], hint: str = "") -> SymbolNotFound:
    """The error for a name that does not exist, with those that are spelled alike."""
    alike = near(wanted, names)
    message = f'{what} "{wanted}" not found' + (f"; did you mean: {', '.join(alike)}?" if alike else "")
    return SymbolNotFound(message, hint)


def near(wanted: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Up to `most` names, the nearest first."""
    from difflib import get_close_matches

    low = wanted.lower()
    same = [name for name in names if abs(len(name) - len(wanted)) <= 3]
    if len(same) > _MOST:
        same = [name for name in same if _shares(low, name.lower())]
    if len(same) > _MOST:
        same = [name for name in same if name[:2].lower() == low[:2]][:_MOST]
    found = get_close_matches(wanted, same, most, 0.7)
    contained = sorted((name for name in names if low in name.lower()), key=lambda name: (len(name), name))
    return [*dict.fromkeys([*found, *contained])][:most] if wanted else []


def matching(what: str, wanted: str, names: Iterable[str]) -> list[str]:
    """The names that comma-separated names and patterns (`vfs_*`) mean; SymbolNotFound for one that means none."""
    from fnmatch import filter as matching_pattern

    known = set(names)
    found: set[str] = set()
    for pattern in (each.strip() for each in wanted.split(",")):
        matches = {pattern} & known or set(
            matching_pattern(known, pattern) if set("*?[") & set(pattern) else ()
        )
        if not matches:
            raise symbol_not_found(what, pattern, known)
        found |= matches
    return sorted(found)


def _shares(wanted: str, name: str) -> bool:
    """Whether a name begins or ends as the wanted one does."""
    return name[:2] == wanted[:2] or name[-4:] == wanted[-4:]
