# SPDX-License-Identifier: Apache-2.0
"""Decide, then act: a change is a tuple of steps, made first, run by one loop, undone from the end when one fails.

A step's `do` changes one thing and either does it or raises with nothing changed; `undo` takes it back.  The step
that makes the change count (it finishes the rows) comes last.  Who makes a plan reads, but changes nothing.
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

    A step without `undo` is the point of no return: once it is done, nothing is taken back any more, and what fails
    later leaves an unfinished row, by which the next change completes the plan.

    Signals wait until a step is complete, so that what it did and how to undo it are never apart; from the point of no
    return on, and while steps are undone, they wait for the end.  When undoing fails too, that is added to the error's
    notes and the steps before it stay: the unfinished row then has the next change put things right."""
    certain = next((number for number, step in enumerate(steps) if step.undo is None), len(steps))
    undo: list[Callable[[], None]] = []
    try:
        for step in steps[:certain]:
            with _uninterrupted():
                step.do()
                if step.undo is not None:
                    undo.append(step.undo)
            if done is not None:
                done(step)
        with _uninterrupted():
            for step in steps[certain:]:
                step.do()
                undo.clear()
                if done is not None:
                    done(step)
    except BaseException as error:
        with _uninterrupted():
            _take_back(undo, error)
        raise


def _take_back(undo: list[Callable[[], None]], error: BaseException) -> None:
    """Undo from the end.  What comes before a step that cannot be undone is the row that tells of it: it stays."""
    while undo:
        try:
            undo.pop()()
        except Exception as trouble:
            error.add_note(f"undoing failed too: {trouble}; the next change will put it right")
            return


_STOPPING = (_signal.SIGINT, _signal.SIGTERM)


class _uninterrupted:  # noqa: N801 - a verb, like contextlib.suppress
    """`with _uninterrupted():` signals that ask us to stop wait for its end.

    Blocking them is enough for a process of one thread.  Where there are others, one of those may take the signal, and
    Python then runs its handler here all the same: so the handlers only take note meanwhile."""

    def __enter__(self) -> None:
        self._noted: list[int] = []
        self._handlers: dict[int, Callable[[int, object], object]] = {}
        self._before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _STOPPING)
        for number in _STOPPING:
            handler = _signal.getsignal(number)
            if callable(handler):
                try:
                    _signal.signal(number, self._note)
                except ValueError:  # not the main thread: no handler ever runs here
                    return
                self._handlers[number] = handler

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            _signal.signal(number, handler)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._before)
        for number in self._noted:
            self._handlers[number](number, None)

    def _note(self, number: int, _: object) -> None:
        self._noted.append(number)
