# SPDX-License-Identifier: Apache-2.0
"""Runs commands in a virtual machine, by asking its agent through a port that no one else uses.

Called by `machine.py` and the command line, from any process: a machine is known by its folder.  `agent.py` is the
other side and describes the protocol.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmtest import agent
from vmtest.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Output = Callable[[bytes], object]

#: How many commands may run at once in a machine.
PORTS = 8

_STOPPING = 5.0  # seconds for a command to end when it is told to
_LOG_SHOWN = 2000  # characters of each log, when the machine has failed


def execute(
    folder: Path,
    args: Sequence[str],
    *,
    out: Output,
    err: Output,
    timeout: float = math.inf,
    env: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> int:
    """Run a command in the machine at `folder`; returns its exit status, 128+N when signal N ended it.

    Raises TimeoutError (and KeyboardInterrupt, SystemExit) after having ended the command with its process group, and
    MachineError when the machine does not answer.
    """
    # chdir by env(1): the agent answers requests at any time and stays where it is.
    command = ["/usr/bin/env", "-C", str(cwd or Path.cwd()), "--", *args]
    with free_port(folder) as port:
        try:
            return _Call(port, folder, timeout).run(command, env, {agent.OUTPUT: out, agent.ERRORS: err})
        except ConnectionError:
            raise MachineError(_failure(folder)) from None


def power_off(folder: Path) -> None:
    """Have the machine power off; it gives no answer to that."""
    with free_port(folder) as port, contextlib.suppress(MachineError, OSError):
        _Call(port, folder, _STOPPING).run(agent.POWER_OFF, {}, {})


@contextlib.contextmanager
def free_port(folder: Path) -> Iterator[socket.socket]:
    """A connection to a port of the machine, ours as long as the `with` lasts."""
    if not folder.exists():
        raise MachineError(f"no machine named {folder.name} is up")
    for number in range(PORTS):
        with open(folder / f"port{number}.lock", "w") as lock, socket.socket(socket.AF_UNIX) as port:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            port.connect(str(folder / f"port{number}"))
            yield port
            return
    raise MachineError(f"{PORTS} commands are running already")


class _Call:
    """One command's conversation with the agent."""

    def __init__(self, port: socket.socket, folder: Path, timeout: float) -> None:
        self._port, self._folder = port, folder
        self._deadline = time.monotonic() + timeout
        self._hello = agent.MAGIC + os.urandom(agent.NONCE)
        self._received = bytearray()
        self._answered = False
        self._stopped_for: BaseException | None = None

    def run(self, args: Sequence[str], env: Mapping[str, str], outputs: Mapping[bytes, Output]) -> int:
        request = json.dumps({"args": list(args), "env": dict(env)}).encode()
        self._port.sendall(self._hello + len(request).to_bytes(4, "big") + request)
        while True:
            self._receive()
            for kind, size, data in self._frames():
                if kind != agent.RESULT:
                    outputs[kind](data)
                elif self._stopped_for is not None:
                    raise self._stopped_for
                else:
                    return size

    def _receive(self) -> None:
        left = self._deadline - time.monotonic()
        self._port.settimeout(None if left == math.inf else max(left, 0.001))
        try:
            data = self._port.recv(65536)
        except (TimeoutError, KeyboardInterrupt, SystemExit) as reason:
            self._stop(reason)
            return
        if not data:
            raise MachineError(_failure(self._folder))
        self._received += data
        if not self._answered:  # what precedes our hello was for another caller
            start = self._received.find(self._hello)
            if start >= 0:
                del self._received[: start + len(self._hello)]
                self._answered = True

    def _stop(self, reason: BaseException) -> None:
        """Have the agent end the command; its result then raises `reason`."""
        if self._answered and self._stopped_for is None:
            self._port.sendall(agent.STOP)
            self._stopped_for, self._deadline = reason, time.monotonic() + _STOPPING
        elif isinstance(reason, TimeoutError):
            raise MachineError(_failure(self._folder)) from None
        else:
            raise reason

    def _frames(self) -> Iterator[tuple[bytes, int, bytes]]:
        """(letter, length, data) of each whole frame that has come; a result's length is the exit status."""
        head = agent.FRAME.size
        while self._answered and len(self._received) >= head:
            kind, size = agent.FRAME.unpack_from(self._received)
            if kind == agent.RESULT:
                yield kind, size, b""
            if len(self._received) < head + size:
                return
            data = bytes(self._received[head : head + size])
            del self._received[: head + size]
            yield kind, size, data


def _failure(folder: Path) -> str:
    logs = ((folder / name).read_text(errors="replace")[-_LOG_SHOWN:] for name in ("log", "console"))
    return "\n".join(("the machine has ended, or does not answer", *logs)).strip()
