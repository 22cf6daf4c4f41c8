# SPDX-License-Identifier: Apache-2.0
"""A way into a network namespace: connections to a port of loopback here go on to a port of loopback there.

The servers of a private instance have ports that cannot be chosen, and listen on all addresses; in a namespace of their
own that is nobody's business.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress

from bpfman.syscalls.namespaces import entered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.testing.network import Namespace

_CHUNK = 1 << 16


@contextmanager
def relay(namespace: Namespace, port: int) -> Iterator[str]:
    """`host:port` here of what listens at `port` there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, namespace, port), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, namespace: Namespace, port: int) -> None:
    with suppress(OSError):  # shut down
        while True:
            here, _ = listener.accept()
            threading.Thread(target=_connect, args=(here, namespace, port), daemon=True).start()


def _connect(here: socket.socket, namespace: Namespace, port: int) -> None:
    with entered(namespace.path):
        there = socket.socket()  # belongs to the namespace for good
    with here, there:
        try:
            there.connect(("127.0.0.1", port))
        except OSError:
            return  # whoever asked sees the end, and asks again
        back = threading.Thread(target=_pump, args=(there, here), daemon=True)
        back.start()
        _pump(here, there)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Carry on what one side says until it ends."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
