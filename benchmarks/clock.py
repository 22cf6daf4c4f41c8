# SPDX-License-Identifier: Apache-2.0
"""How things are timed: in turns, so that what slows the machine for a while slows all that is compared."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def cpu_seconds(act: Callable[[], object]) -> float:
    """What the processor spent on it, without what it waited."""
    began = time.thread_time()
    act()
    return time.thread_time() - began


def in_turns(rounds: int, *timed: Callable[[], float]) -> list[list[float]]:
    """Call each of `timed` once a round; what each gave, one list for each."""
    results: list[list[float]] = [[] for _ in timed]
    for _ in range(rounds):
        for act, result in zip(timed, results, strict=True):
            result.append(act())
    return results


def median(times: Sequence[float]) -> float:
    return statistics.median(times)


def ms(seconds: float) -> float:
    return seconds * 1e3
