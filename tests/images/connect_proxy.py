# SPDX-License-Identifier: Apache-2.0
"""An HTTP proxy that knows CONNECT, on loopback: it joins two sockets and notes what it was asked."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import contextmanager, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class ConnectProxy:
    """Leads every host to one address; `asked` are the heads of the requests that came, `user` may ask if it is set."""

    def __init__(self, server: socket.socket, target: str, user: str) -> None:
        self.address = f"127.0.0.1:{server.getsockname()[1]}"
        self.asked: list[str] = []
        self._server = server
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._user = base64.b64encode(user.encode()).decode()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def serve(self) -> None:
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:
                return
            self._sockets.append(client)
            self._start(self._one, client)

    def _start(self, function, *arguments) -> None:
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _one(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = client.recv(1)
            if not piece:
                return
            head += piece
        self.asked.append(head.decode())
        if self._user and f"Basic {self._user}\r\n" not in head.decode():
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        there = socket.create_connection(self._target)
        self._sockets.append(there)
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        self._start(_carry, client, there)
        _carry(there, client)

    def stop(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def connect_proxy(target: str, user: str = "") -> Iterator[ConnectProxy]:
    """A running proxy to `host:port`; `user` is `name:password`, or empty for everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = ConnectProxy(server, target, user)
        thread = threading.Thread(target=proxy.serve)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.stop()
            thread.join()
