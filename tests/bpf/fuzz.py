# SPDX-License-Identifier: Apache-2.0
"""What fuzzing the readers of this layer needs: many examples, and a bound on work that no clock decides.

Work is counted in lines of Python run, which unlike time are the same on any machine.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hypothesis import settings

from bpfman.errors import BpfmanError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

fuzz = settings(deadline=None, max_examples=300)


class TooMuchWork(BaseException):
    """More lines were run than allowed.  Not an Exception, so that nothing on the way takes it for its own."""


def limited(lines: int, call: Callable[..., Any], *arguments: Any) -> Any:
    """The call's result; TooMuchWork once it has run that many lines."""
    left = lines

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise TooMuchWork(f"more than {lines} lines")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return call(*arguments)
    finally:
        sys.settrace(before)


def refusal(error: type[BpfmanError], call: Callable[..., Any], *arguments: Any) -> str:
    """What the call's error says, or nothing when it succeeds; any other exception comes through."""
    try:
        call(*arguments)
    except error as refused:
        return str(refused)
    return ""


def changed(data: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    """The data with some bytes replaced; a place beyond its end counts from the beginning again."""
    out = bytearray(data)
    for place, new in changes:
        at = place % len(out)
        out[at : at + len(new)] = new[: len(out) - at]
    return bytes(out)
