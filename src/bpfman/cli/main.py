# SPDX-License-Identifier: Apache-2.0
"""The entry of the `bpfman` command: argv in, exit status out.

0 is success, 1 a failure at run time, 80 a command line that cannot be understood.  What this module imports decides
how fast every command starts, so everything but the parser is imported late.
"""

from __future__ import annotations

# The C module under `signal`, which adds only enums to it: importing those would take longer than a listing.
import _signal  # type: ignore[import-not-found]
import os
import sys

from bpfman.cli.command import UsageError
from bpfman.cli.commands import ROOT
from bpfman.cli.flags import GLOBAL
from bpfman.cli.output import OutputClosed
from bpfman.cli.parser import Parser
from bpfman.errors import TOO_MANY_FILES, BpfmanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.cli.command import Arguments, Command

FAILED = 1
MISUSED = 80


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.  Without `argv`, this is the process's own and main does not return.

    A process that ends at once needs neither a garbage collector nor the interpreter's tear-down, which together take
    a fifth of a listing's time; nothing is buffered and no descriptor matters when the command has returned."""
    if argv is not None:
        return _status(argv)
    import gc

    gc.set_threshold(100_000)
    status = _status(sys.argv[1:])
    os._exit(status)


def _status(argv: Sequence[str]) -> int:
    """Run one command and tell of its failure."""
    parser = Parser(ROOT, GLOBAL, os.environ)
    handlers = _catch_signals()
    try:
        _run(parser, argv)
    except UsageError as error:
        return _explain_usage(parser, error)
    except OutputClosed:
        return FAILED
    except BpfmanError as error:
        from bpfman.cli.failure import show_failure

        show_failure(error)
        return FAILED
    except KeyboardInterrupt:
        from bpfman.cli.failure import show_error

        show_error("interrupted", "a change that was not complete has been undone")
        return FAILED
    except OSError as error:
        if error.errno not in TOO_MANY_FILES:
            raise
        # A module of ours could not be opened; what has been opened meanwhile is closed by now.
        from bpfman.cli.failure import show_error

        show_error(f"{error.filename}: {error.strerror}", TOO_MANY_FILES[error.errno])
        return FAILED
    finally:
        for number, handler in handlers:
            _signal.signal(number, handler)
    return 0


def _run(parser: Parser, argv: Sequence[str]) -> None:
    args = parser.parse(argv)
    if parser.help or parser.command is None:
        from bpfman.cli.help import help_text
        from bpfman.cli.output import emit

        emit(help_text(parser.path, parser.node, parser.command, compact=parser.help == "short"))
        return
    _check_environment(parser.command, args)
    if getattr(args, "dry_run", False):
        _plan(parser.command, args)
    else:
        parser.command.run(args)


def _check_environment(command: Command, args: Arguments) -> None:
    mode = os.environ.get("BPFMAN_MODE")
    if mode not in (None, "", "bpfman-rpc"):
        raise BpfmanError(f'unknown BPFMAN_MODE "{mode}"', "leave BPFMAN_MODE unset to run commands")
    if args.log:
        from bpfman.cli.log import configure

        configure(args.log)
    if args.config:
        from bpfman.manager.configuration import read_config

        read_config(args.config)
    if command.needs_root and os.geteuid() != 0:
        raise BpfmanError("must run as root", "run the command with sudo")


def _plan(command: Command, args: Arguments) -> None:
    """Run a command whose change is only planned, and print the plan."""
    from bpfman.cli.output import emit_json, emit_lines
    from bpfman.manager import Planned

    try:
        command.run(args)
    except Planned as plan:
        if getattr(args, "output", "text") == "json":
            emit_json({"steps": list(plan.steps)})
        else:
            emit_lines(list(plan.steps) or ["nothing to do"])


def _explain_usage(parser: Parser, error: UsageError) -> int:
    from contextlib import suppress

    from bpfman.cli.failure import show_error
    from bpfman.cli.help import usage_text
    from bpfman.cli.output import emit

    with suppress(OutputClosed, BpfmanError):  # the error below says more than a failed write of the usage
        emit(usage_text(parser.path, parser.node, parser.command))
    show_error(str(error), error.hint)
    return MISUSED


def _catch_signals() -> list[tuple[int, object]]:
    """The first SIGINT or SIGTERM raises KeyboardInterrupt where the command is, the second ends the process.

    Returns the handlers that were there.  Only a main thread may change handlers; elsewhere nothing is caught."""
    received: list[int] = []

    def cancel(number: int, frame: object) -> None:
        if received:
            os._exit(FAILED)
        received.append(number)
        raise KeyboardInterrupt

    # What ignores a signal from the start (nohup, a shell's background job) means it to stay ignored.
    numbers = [n for n in (_signal.SIGINT, _signal.SIGTERM) if _signal.getsignal(n) != _signal.SIG_IGN]
    try:
        return [(number, _signal.signal(number, cancel)) for number in numbers]
    except ValueError:
        return []
