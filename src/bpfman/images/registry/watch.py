# SPDX-License-Identifier: Apache-2.0
"""Ends a request that takes too long, whatever it is waiting for.

Called by `session` around each try.  The time-outs of sockets bound only the wait for the next byte: who sends one byte
of a header, of a chunk's size or of a trailer now and then is never cut off by them.  So the sockets of the
request are shut from beside it when its time is over.

It also sees that what has no TLS stays on this machine: `registry.localhost` is what the resolver says it is.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from weakref import WeakSet

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


class Watch:
    """Knows the connections of one session."""

    def __init__(self) -> None:
        self._connections: WeakSet[HTTPConnection] = WeakSet()
        self.over = False  # whether the last time was over before the request was

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Shut the sockets at `deadline` (time.monotonic), unless the block has ended by then."""
        self.over = False
        timer = threading.Timer(max(deadline - time.monotonic(), 0), self._shut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _shut(self) -> None:
        self.over = True
        for connection in list(self._connections):
            sock = connection.sock
            sock = getattr(sock, "socket", sock)  # TLS through a proxy that is asked by TLS itself
            if isinstance(sock, socket.socket):
                with suppress(OSError):
                    socket.socket.shutdown(
                        sock, socket.SHUT_RDWR
                    )  # no TLS farewell: another thread is reading

    def pools(self) -> dict[str, Callable[..., HTTPConnectionPool]]:
        """What a urllib3 manager is to make its pools with, by scheme."""
        return {
            "http": _maker(HTTPConnectionPool, HTTPConnection, self._connections),
            "https": _maker(HTTPSConnectionPool, HTTPSConnection, self._connections),
        }


def _stay_here(connection: HTTPConnection) -> None:
    """OSError for a connection without TLS to another machine."""
    address = connection.sock.getpeername()[0]
    if not ip_address(address.partition("%")[0]).is_loopback:
        connection.close()
        raise OSError(errno.EACCES, f"its name leads to {address}, another machine, where TLS is needed")


def _maker(
    pool_class: type[HTTPConnectionPool], base: type[HTTPConnection], known: WeakSet[HTTPConnection]
) -> Callable[..., HTTPConnectionPool]:
    def connect(connection: HTTPConnection) -> None:
        known.add(connection)
        base.connect(connection)
        if base is HTTPConnection and connection.proxy is None:
            _stay_here(connection)

    watched = type(f"Watched{base.__name__}", (base,), {"connect": connect})

    def make(*arguments: Any, **more: Any) -> HTTPConnectionPool:
        pool = pool_class(*arguments, **more)
        pool.ConnectionCls = watched
        return pool

    return make
