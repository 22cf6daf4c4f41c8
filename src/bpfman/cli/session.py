# SPDX-License-Identifier: Apache-2.0
"""From a command's arguments to the manager that does the work; imported by commands, imports late."""

from __future__ import annotations

from bpfman.errors import BpfmanError, PartialFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpfman.cli.command import Arguments
    from bpfman.manager import Manager
    from bpfman.manager.plan import Step


def manager(args: Arguments) -> Manager:
    """The manager of the runtime directory that the command line names."""
    from bpfman.manager import Manager
    from bpfman.store.layout import Layout

    return Manager(
        Layout(args.runtime_dir),
        lock_timeout=args.lock_timeout,
        dry_run=getattr(args, "dry_run", False),
        warn=_warn,
        done=_log_step if args.log else None,
    )


def _warn(message: str) -> None:
    from bpfman.cli.failure import complain

    complain(f"bpfman: warning: {message}")


def _log_step(step: Step) -> None:
    import logging

    logging.getLogger("bpfman.manager").info(step.what)


def prefixed(prefix: str, error: BpfmanError) -> BpfmanError:
    """The same error, told with what was being attempted in front."""
    error.args = (f"{prefix}{error}",)
    return error


def each(ids: Sequence[int], change: Callable[[], None]) -> None:
    """Run a change of several ids.  Where only one was asked for, its own failure says all there is to say."""
    try:
        change()
    except PartialFailure as error:
        if len(ids) == 1 and len(error.failures) == 1:
            raise error.failures[0][1] from None
        raise
