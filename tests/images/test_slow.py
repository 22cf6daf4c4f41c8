# SPDX-License-Identifier: Apache-2.0
"""Whoever answers slowly, halfway or not in HTTP at all is not waited for, and what it did is told."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import pytest

from bpfman.errors import RegistryFailed
from bpfman.images.registry.session import Request, Session
from tests.images.conftest import HASTE

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class RawServer:
    """Says `head` to everybody, then `again` every twentieth of a second."""

    def __init__(self, server: socket.socket, head: bytes, again: bytes) -> None:
        self.host = f"127.0.0.1:{server.getsockname()[1]}"
        self.stopped = threading.Event()
        self._server, self._head, self._again = server, head, again
        self._threads: list[threading.Thread] = []

    def serve(self) -> None:
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:
                return
            thread = threading.Thread(target=self._talk, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _talk(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.recv(1 << 16)
            client.sendall(self._head)
            while self._again and not self.stopped.wait(0.05):
                client.sendall(self._again)
            client.shutdown(socket.SHUT_WR)
            client.recv(1)

    def stop(self) -> None:
        self.stopped.set()
        self._server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


@pytest.fixture
def raw():
    """Start a server that knows no HTTP."""
    started = []

    def start(head: bytes, again: bytes = b"") -> str:
        server = socket.create_server(("127.0.0.1", 0))
        found = RawServer(server, head, again)
        thread = threading.Thread(target=found.serve)
        thread.start()
        started.append((server, found, thread))
        return found.host

    yield start
    for server, found, thread in started:
        found.stop()
        thread.join()
        server.close()


@pytest.fixture
def ask(environment):
    session = Session(environment, HASTE._replace(total=0.4))
    yield lambda host: session.send(Request("GET", f"http://{host}/v2/", "the thing", 1 << 20))
    session.close()


@pytest.mark.parametrize(
    ("head", "again"),
    [
        (OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        (b"", b"H"),
        (OK + b"X-Header: ", b"x"),
        (OK, b"X-Header: x\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (CHUNKED, b"0"),
        (CHUNKED + b"5;", b"x"),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"X-Trailer: x\r\n"),
    ],
    ids=["body", "status", "header", "headers", "continue", "chunk size", "chunk extension", "trailers"],
)
def test_an_answer_that_drips_is_not_waited_for(raw, ask, head, again):
    host = raw(head, again)
    begun = time.monotonic()
    with pytest.raises(RegistryFailed, match=r"the thing: .* did not come to an end within 0\.4 seconds"):
        ask(host)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"", "closed the connection without an answer"),
        (OK + b"Content-Length: 10\r\n\r\nx", "the answer broke off"),
        (CHUNKED + b"5\r\nab", "the answer broke off"),
        (CHUNKED + b"fffffffffff\r\nab", "the answer broke off"),
        (CHUNKED + b"zz\r\nab", "the answer broke off"),
        (b"\0\1\2 garbage\r\n\r\n", "is not HTTP"),
        (OK + b"A: b\r\n" * 200 + b"\r\n", "is not HTTP"),
        (OK + b"A: " + b"b" * 70_000 + b"\r\n\r\n", "is not HTTP"),
        (OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\nxxxxxxx", "is not HTTP"),
    ],
)
def test_half_an_answer_is_told(raw, ask, head, said):
    with pytest.raises(RegistryFailed, match=said) as refused:
        ask(raw(head))
    assert str(refused.value).isprintable()


def test_the_time_of_one_request_is_not_taken_from_the_next(raw, ask, small):
    with pytest.raises(RegistryFailed):
        ask(raw(OK, b"X: x\r\n"))
    assert ask(small.host).status == 200
