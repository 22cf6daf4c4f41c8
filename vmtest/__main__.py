# SPDX-License-Identifier: Apache-2.0
"""The command line: `python -m vmtest --help`.

Exit status: that of the command or of pytest; 124 on --timeout, 125 if the machine failed, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import vmtest
from vmtest import background, client, suite
from vmtest.errors import MachineError
from vmtest.kernel import fetch
from vmtest.machine import Machine, folder_of
from vmtest.settings import MEMORY

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMED_OUT, MACHINE_FAILED, INTERRUPTED = 124, 125, 128 + signal.SIGINT


def main(argv: Sequence[str]) -> int:
    ours, command = _split(argv)
    given = _parser().parse_args(ours)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that machines are ended
    try:
        return int(given.do(given, command) or 0)
    except TimeoutError:
        return TIMED_OUT
    except (MachineError, OSError) as error:
        print(f"vmtest: {error}", file=sys.stderr)
        return MACHINE_FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _split(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What is for us, and what stands behind `--`."""
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], argv[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vmtest", description=vmtest.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    test = commands.add_parser("test", help="run tests on kernels; what stands behind `--` goes to pytest")
    test.add_argument("series", nargs="+")
    test.add_argument(
        "--at-once", type=int, default=os.cpu_count() or 1, help="machines at a time (one a core)"
    )
    test.set_defaults(do=_test)

    run = commands.add_parser("run", help="boot, run a command, power off")
    start = commands.add_parser("start", help="boot and stay up in the background")
    for booting in (run, start):
        booting.add_argument("series")
        booting.add_argument("--rw", action="append", default=[], type=Path, metavar="DIR", dest="writable")
        booting.add_argument("--memory", type=int, default=MEMORY, metavar="MIB")
    start.add_argument("--name", required=True)
    start.add_argument("--seconds", type=float, default=7200, help="how long it may stay up")
    start.set_defaults(do=_start)

    execute = commands.add_parser("exec", help="run a command in a machine that is up")
    execute.add_argument("name")
    for running, do in ((run, _run), (execute, _execute)):
        running.add_argument("--timeout", type=float, default=math.inf, metavar="SECONDS")
        running.set_defaults(do=do)

    stop = commands.add_parser("stop", help="end a machine")
    stop.add_argument("name")
    stop.set_defaults(do=_stop)

    getting = commands.add_parser("fetch", help="fetch and unpack a kernel")
    getting.add_argument("series")
    getting.add_argument("--refresh", action="store_true", help="look for a newer one than the cached")
    getting.set_defaults(do=_fetch)
    return parser


def _test(given: argparse.Namespace, arguments: Sequence[str]) -> int:
    if len(given.series) == 1:
        return suite.test(given.series[0], arguments)
    return suite.test_all(given.series, arguments, given.at_once)


def _run(given: argparse.Namespace, command: Sequence[str]) -> int:
    with Machine(fetch(given.series), writable=given.writable, memory=given.memory) as machine:
        return _pass_on(machine.folder, command, given.timeout)


def _start(given: argparse.Namespace, _: Sequence[str]) -> None:
    kernel = fetch(given.series)
    machine = Machine(kernel, name=given.name, writable=given.writable, memory=given.memory)
    background.start(machine, given.seconds)


def _execute(given: argparse.Namespace, command: Sequence[str]) -> int:
    return _pass_on(folder_of(given.name), command, given.timeout)


def _pass_on(folder: Path, command: Sequence[str], timeout: float) -> int:
    if not command:
        raise MachineError("no command; write it behind `--`")
    out, err = sys.stdout.buffer, sys.stderr.buffer

    def write_out(data: bytes) -> None:
        out.write(data)
        out.flush()

    def write_err(data: bytes) -> None:
        err.write(data)
        err.flush()

    return client.execute(folder, command, out=write_out, err=write_err, timeout=timeout)


def _stop(given: argparse.Namespace, _: Sequence[str]) -> None:
    background.stop(given.name)


def _fetch(given: argparse.Namespace, _: Sequence[str]) -> None:
    print(fetch(given.series, given.refresh).folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
