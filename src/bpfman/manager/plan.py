# SPDX-License-Identifier: Apache-2.0
"""Decide, then act: a change is a tuple of steps, made first, run by one loop, undone from the end when one fails.

A step's `do` changes one thing and either does it or raises with nothing changed; `undo` takes it back.  The step
that makes the change count (it finishes the rows) comes last of those that can fail.  Who makes a plan reads, but
changes nothing.
"""

from __future__ import annotations

# The C module under `signal`, which adds only enums to it, and a millisecond.
import _signal  # type: ignore[import-not-found]

from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Step(NamedTuple):
    """`what` is what --dry-run prints, as an order: "pin program 12 at ..."."""

    what: str
    do: Callable[[], None]
    undo: Callable[[], None] | None = None


class Planned(Exception):
    """Raised in place of a change by a manager that was made with dry_run=True; `steps` are sentences."""

    def __init__(self, steps: Sequence[str]) -> None:
        super().__init__("; ".join(steps))
        self.steps = tuple(steps)


def run(steps: Sequence[Step], done: Callable[[Step], None] | None = None) -> None:
    """Do all steps, or none: whatever was done is undone when one raises.  `done` is told of each.

    Signals wait until a step is complete, so that what it did and how to undo it are never apart.  When undoing
    fails too, that is added to the error's notes; the unfinished row then has the next change put it right."""
    from contextlib import ExitStack

    with ExitStack() as undo:
        for step in steps:
            with _uninterrupted():
                step.do()
                if step.undo is not None:
                    undo.callback(step.undo)
            if done is not None:
                done(step)
        undo.pop_all()


class _uninterrupted:  # noqa: N801 - a verb, like contextlib.suppress
    """`with _uninterrupted():` signals that ask us to stop wait for its end."""

    def __enter__(self) -> None:
        self._before = _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT, _signal.SIGTERM))

    def __exit__(self, *_: object) -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._before)
