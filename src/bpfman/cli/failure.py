# SPDX-License-Identifier: Apache-2.0
"""How a failure is told: `bpfman: error: …` on stderr, what to do next, and for the verifier its whole log.

Called by `cli.main` with whatever a command raised.  Scripts match on the first line; people read on.
"""

from __future__ import annotations

import sys

from bpfman.errors import BpfmanError, PartialFailure, VerifierRefused

# What the verifier prints after its reason.
_STATISTICS = ("processed ", "verification time ", "stack depth ", "insns processed ")


def show_error(message: str, hint: str = "") -> None:
    """The one line, and the hint in a line of its own."""
    complain(f"bpfman: error: {message}")
    _show_hint(hint)


def show_failure(error: BpfmanError) -> None:
    if isinstance(error, PartialFailure):
        for what, reason in error.failures:
            complain(f"{what}: {reason}")
            _show_hint(reason.hint)
    if isinstance(error, VerifierRefused):
        _show_refusal(error)
    else:
        show_error(str(error), error.hint)


def complain(text: str) -> None:
    """A line on stderr; when that is closed or full there is nobody left to tell."""
    if sys.stderr is not None:
        try:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        except OSError:
            pass


def _show_hint(hint: str) -> None:
    if hint:
        complain(f"  hint: {hint}")


def _show_refusal(error: VerifierRefused) -> None:
    show_error(str(error))
    for line in verifier_reason(error.log):
        complain(f"  {line}")
    _show_hint(error.hint)
    if error.log.strip():
        complain("verifier log:")
        complain(error.log.rstrip("\n"))


def verifier_reason(log: str) -> list[str]:
    """The end of a verifier's log without its statistics: the line of source and the instruction it stopped at, and
    why."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    while lines and lines[-1].startswith(_STATISTICS):
        lines.pop()
    reason = lines[-3:]
    source = [line for line in lines if line.startswith(";")][-1:]
    return reason if not source or source[0] in reason else [*source, *reason]
