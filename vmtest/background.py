# SPDX-License-Identifier: Apache-2.0
"""Machines that stay up after the command that started them, each owned by a process of its own.

Called by the command line.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from vmtest.errors import MachineError
from vmtest.machine import folder_of

if TYPE_CHECKING:
    from vmtest.machine import Machine


def start(machine: Machine, seconds: float) -> None:
    """Leave the machine to a process in the background, until it ends, SIGTERM, or `seconds` from now; return when it
    is up.  Raises MachineError when it does not come up; the owner has said why on standard error."""
    told, tell = os.pipe()
    if os.fork() == 0:
        os.close(told)
        _own(machine, seconds, tell)
    os.close(tell)
    with open(told, "rb") as up:
        if not up.read():
            raise MachineError("the machine did not come up")


def stop(name: str) -> None:
    """End the machine of that name and wait until it is gone; nothing to do when there is none."""
    with contextlib.suppress(FileNotFoundError), open(folder_of(name) / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.kill(int(lock.read()), signal.SIGTERM)
            fcntl.flock(lock, fcntl.LOCK_EX)  # the owner holds it until all is gone


def _own(machine: Machine, seconds: float, tell: int) -> None:
    """In the owner's process: never returns to the command that forked it."""
    status = 1
    try:
        os.setsid()
        with machine, contextlib.suppress(subprocess.TimeoutExpired):
            _let_go_of_terminal()
            os.write(tell, b"up")
            os.close(tell)
            machine.wait(seconds)
        status = 0
    except MachineError as error:
        os.write(2, f"vmtest: {error}\n".encode())
    except SystemExit:  # SIGTERM, as `stop` sends it
        status = 0
    finally:
        os._exit(status)


def _let_go_of_terminal() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
