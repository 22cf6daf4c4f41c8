# SPDX-License-Identifier: Apache-2.0
"""A request for several things by their ids: each is tried, and at the end it is told which of them failed."""

from __future__ import annotations

from bpfman.errors import BpfmanError, Interrupted, PartialFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TypeVar

    Found = TypeVar("Found")
    Result = TypeVar("Result")


class Several:
    """`failed` is why, by id."""

    def __init__(self, ids: Sequence[int] = ()) -> None:
        self._ids = ids
        self.failed: dict[int, BpfmanError] = {}

    def find(self, find: Callable[[int], Found | None]) -> list[Found]:
        """What the ids stand for, once each; `find` raises for one that is not there, or passes it over by None."""
        found = [self.attempt([each], find, each) for each in dict.fromkeys(self._ids)]
        return [each for each in found if each is not None]

    def attempt(self, ids: Collection[int], act: Callable[..., Result], *arguments: object) -> Result | None:
        """One act for all of these: what it answers, or None when it failed, and then each of them has."""
        try:
            return act(*arguments)
        except Interrupted:  # nor are others tried then
            raise
        except BpfmanError as error:
            self.failed.update(dict.fromkeys(ids, error))
            return None

    def tell(self, noun: str, verb: str) -> None:
        """Raises PartialFailure when some failed, in the order of the request."""
        failures = [
            (f"{noun} {each}", self.failed[each]) for each in dict.fromkeys(self._ids) if each in self.failed
        ]
        if failures:
            raise PartialFailure(f"{len(failures)} of {len(self._ids)} {noun}(s) failed to {verb}", failures)
