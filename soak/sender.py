# SPDX-License-Identifier: Apache-2.0
"""Numbered packets from one end of a veth pair to the other, never more on the way than buffers hold: one that does not
arrive was lost by what is in between."""

from __future__ import annotations

import multiprocessing
import struct
import time
from typing import TYPE_CHECKING

from soak.figure import Wrong
from tests.manager.hooks import udp_socket

if TYPE_CHECKING:
    import socket

    from bpfman.testing.network import End

ON_THE_WAY = 32  # a veth's ring holds 256, a socket's buffer some hundred
PAUSE = 0.0005  # seconds: some are always under way, and others get the processor too
PATIENCE = 10.0  # seconds for a packet to arrive
_NUMBER = struct.Struct("=Q")


class Sender:
    """`run` sends in a process of its own; any process sees the counters, and ends it by `stop`."""

    def __init__(self, source: End, target: End, port: int) -> None:
        context = multiprocessing.get_context("fork")
        self._sent, self._arrived = context.Value("Q", 0), context.Value("Q", 0)
        self._enough = context.Event()
        self._source = source
        self._receiver = udp_socket(target, port)
        self._receiver.settimeout(PATIENCE)

    @property
    def sent(self) -> int:
        return int(self._sent.value)

    def stop(self) -> None:
        self._enough.set()

    def close(self) -> None:
        self._receiver.close()

    def run(self) -> int:
        """How many were sent; each arrived once, or Wrong."""
        with udp_socket(self._source) as sender:
            sender.connect(self._receiver.getsockname())
            while not self._enough.is_set():
                self._volley(sender)
                time.sleep(PAUSE)
        self._expect_silence()
        return self.sent

    def _volley(self, sender: socket.socket) -> None:
        first = self.sent
        numbers = range(first, first + ON_THE_WAY)
        self._sent.value += (
            ON_THE_WAY  # before they are: whoever waits for those under way waits for these too
        )
        for number in numbers:
            sender.send(_NUMBER.pack(number))
        missing = set(numbers)
        while missing:
            number = self._receive(missing)
            if number not in missing:
                raise Wrong(f"packet {number} arrived twice")
            missing.remove(number)
        self._arrived.value += ON_THE_WAY

    def _receive(self, missing: set[int]) -> int:
        try:
            data = self._receiver.recv(64)
        except TimeoutError:
            raise Wrong(f"{len(missing)} packets did not arrive, among them {min(missing)}") from None
        return int(_NUMBER.unpack(data)[0])

    def _expect_silence(self) -> None:
        self._receiver.setblocking(False)
        try:
            data = self._receiver.recv(64)
        except BlockingIOError:
            return
        raise Wrong(f"a packet arrived that nobody sent: {data!r}")

    def wait_for_those_under_way(self) -> None:
        """Return when every packet sent until now has arrived: none is in a program that was switched off before."""
        sent, deadline = self.sent, time.monotonic() + PATIENCE
        while self._arrived.value < sent:
            if time.monotonic() > deadline:
                raise Wrong("packets do not arrive any more")
            time.sleep(0.0002)
