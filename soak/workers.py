# SPDX-License-Identifier: Apache-2.0
"""Many processes of our own at once, and word from them: what each gives, or how it failed.  All end with us."""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from soak.figure import Wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.context import ForkProcess

_FORK = multiprocessing.get_context("fork")


class Workers:
    """`with Workers(acts) as workers:` each runs in a process of its own; leaving ends those that still run."""

    def __init__(self, acts: Sequence[Callable[[], Any]]) -> None:
        self._acts = acts
        self._running: dict[Connection, ForkProcess] = {}

    def __enter__(self) -> Workers:
        for act in self._acts:
            ours, theirs = _FORK.Pipe(duplex=False)
            process = _FORK.Process(target=_work, args=(act, theirs))
            process.start()
            theirs.close()
            self._running[ours] = process
        return self

    def results(self, pause: float, progress: Callable[[float], None]) -> list[Any]:
        """What they gave, as they ended; meanwhile `progress` is called each so many seconds, with how many passed
        since the beginning.  Wrong as soon as one fails."""
        found, began, told = [], time.monotonic(), time.monotonic()
        while self._running:
            for ready in wait(list(self._running), pause):
                assert isinstance(ready, Connection)
                found.append(self._result(ready))
            if time.monotonic() - told >= pause:
                told = time.monotonic()
                progress(told - began)
        return found

    def expect_no_failure(self) -> None:
        """Of those that do not end by themselves."""
        for ready in wait(list(self._running), 0):
            assert isinstance(ready, Connection)
            self._result(ready)

    def _result(self, ready: Connection) -> Any:
        try:
            failed, result = ready.recv()
        except EOFError:
            failed, result = True, "a process ended without a word"
        process = self._running.pop(ready)
        process.join()
        ready.close()
        process.close()
        if failed:
            raise Wrong(result)
        return result

    def __exit__(self, *_: object) -> None:
        for connection, process in self._running.items():
            process.terminate()
            process.join()
            connection.close()
            process.close()
        self._running.clear()


def _work(act: Callable[[], Any], connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: our parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        connection.send((False, act()))
    except BaseException:  # whatever it is, our parent is to know
        connection.send((True, traceback.format_exc()))
