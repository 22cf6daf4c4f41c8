# SPDX-License-Identifier: Apache-2.0
"""Runs commands in the guest for callers on the machine, over virtio-serial ports.

Shipped as it is in the initramfs and run by `init.sh`, alone: it imports the standard library only, and nothing of it
that takes long.  `client.py` is the other side, and takes the protocol's words from here.

    caller -> agent   MAGIC, a nonce of 16 bytes, the length of the rest (4 bytes), JSON {"args": [...], "env": {...}}
    agent -> caller   MAGIC and the nonce again, then frames: a letter, a length (4 bytes), so much data
                      O output, E error output; R ends the conversation and has the exit status for its length

A caller comes and goes unseen: the guest hears of connections too late, sometimes after the first data of the next
caller.  So a request interrupts what runs for the caller before, and so do other bytes, such as STOP.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import struct
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

MAGIC = b"vmtest request:"
NONCE = 16
HEAD = len(MAGIC) + NONCE + 4
FRAME = struct.Struct(">cI")
OUTPUT, ERRORS, RESULT = b"O", b"E", b"R"
STOP = b"stop"
PORT_NAME = "vmtest"
POWER_OFF = ["poweroff"]

_PORTS = "/sys/class/virtio-ports/"
_CHUNK = 32768


class Interrupted(Exception):
    """The caller has something to say while a command runs for it."""


class Port:
    """A virtio-serial port.  `received` is what has come and was not dealt with yet."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.received = bytearray()
        self._arrivals = select.epoll()
        self.watch(self._arrivals)

    def watch(self, events: select.epoll) -> None:
        # Edges, as a port without a caller is always ready.
        events.register(self.fd, select.EPOLLIN | select.EPOLLET)

    def fill(self) -> bool:
        """Take what has come; say whether there is anything to deal with."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.fd, _CHUNK):
                self.received += data
        return bool(self.received)

    def request(self) -> tuple[bytes, dict[str, object]]:
        """Wait for the next request: (hello, what it asks)."""
        while True:
            del self.received[: max(self.received.find(MAGIC), 0)]
            if self.received.startswith(MAGIC) and len(self.received) >= HEAD:
                end = HEAD + int.from_bytes(self.received[HEAD - 4 : HEAD], "big")
                if len(self.received) >= end:
                    hello, text = bytes(self.received[: HEAD - 4]), bytes(self.received[HEAD:end])
                    del self.received[:end]
                    return hello, json.loads(text)
            self._arrivals.poll()
            self.fill()

    def send(self, data: bytes) -> None:
        """Raises Interrupted when the caller does not take it and says something instead."""
        while data:
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                # A port whose caller has gone never becomes writable, and says nothing of it.
                select.select([], [self.fd], [], 0.1)
                if self.fill():
                    raise Interrupted from None

    def send_frame(self, kind: bytes, data: bytes) -> None:
        self.send(FRAME.pack(kind, len(data)) + data)


def main() -> None:
    """Serve each port in a process of its own; end when one of them does, which no one should."""
    for port in os.listdir(_PORTS):
        with open(f"{_PORTS}{port}/name", encoding="ascii") as file:
            ours = file.read().startswith(PORT_NAME)
        if ours and os.fork() == 0:
            serve(Port(f"/dev/{port}"))
    os.wait()


def serve(port: Port) -> NoReturn:
    """Do one request after another."""
    while True:
        hello, request = port.request()
        with contextlib.suppress(Interrupted):
            port.send(hello)
            status = perform(port, request)
            if port.received.startswith(STOP):
                del port.received[: len(STOP)]
            port.send(FRAME.pack(RESULT, status))


def perform(port: Port, request: dict[str, object]) -> int:
    """Run a command, sending its output, until it ends or the caller interrupts; either way its process group ends.
    Returns its exit status, 128+N when signal N ended it."""
    args, env = request["args"], request["env"]
    assert isinstance(args, list)
    assert isinstance(env, dict)
    if args == POWER_OFF:
        power_off()
    child = subprocess.Popen(
        args,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with child, contextlib.suppress(Interrupted):
        try:
            relay(port, child)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def relay(port: Port, child: subprocess.Popen[bytes]) -> None:
    """Send what the child says until it has ended: a process that it left behind may keep its output open for ever."""
    assert child.stdout is not None
    assert child.stderr is not None
    outputs = {child.stdout.fileno(): OUTPUT, child.stderr.fileno(): ERRORS}
    with open(os.pidfd_open(child.pid)) as exited, select.epoll() as events:
        port.watch(events)
        events.register(exited, select.EPOLLIN)
        for fd in outputs:
            os.set_blocking(fd, False)
            events.register(fd, select.EPOLLIN)
        while not port.fill():
            ready = {fd for fd, _ in events.poll()}
            ended = exited.fileno() in ready
            for fd in [fd for fd in outputs if ended or fd in ready]:
                if not send_available(port, fd, outputs[fd]):
                    events.unregister(fd)
                    del outputs[fd]
            if ended:
                return


def send_available(port: Port, fd: int, kind: bytes) -> bool:
    """Send what an output holds now; say whether more may come."""
    with contextlib.suppress(BlockingIOError):
        while data := os.read(fd, _CHUNK):
            port.send_frame(kind, data)
        return False
    return True


def power_off() -> None:
    """At once: a guest has nothing to lose but what is shared for writing, and that is on the machine already."""
    os.sync()
    with open("/proc/sysrq-trigger", "w", encoding="ascii") as file:
        file.write("o")


if __name__ == "__main__":
    main()
