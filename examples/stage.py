# SPDX-License-Identifier: Apache-2.0
"""Where the demo plays: two network namespaces with a cable between them, and a runtime directory of its own.

Used by demo.py.  All of it is gone when its `with` ends, however that comes about; nothing else on the machine is
touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


def _unused(name: str) -> str:
    """Another demo may be running, or may have been killed."""
    return f"{name}-{os.getpid()}" if os.path.exists(f"/var/run/netns/{name}") else name


CLIENT, SERVER = _unused("bpfman-client"), _unused("bpfman-server")
INTERFACE = "eth0"  # in both of them
CLIENT_ADDRESS, SERVER_ADDRESS = "192.0.2.1", "192.0.2.2"  # addresses for documentation, routed nowhere
# Known from the start, so that no ARP packet disturbs what is counted.
CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


class Stage(NamedTuple):
    """`netns` is what --netns takes for the server's namespace."""

    runtime_dir: str
    netns: str


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything set up; SIGTERM ends it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as undo:
        try:
            runtime_dir = tempfile.mkdtemp(prefix="bpfman-demo-")
            undo.callback(_remove_runtime_dir, runtime_dir)
            os.chmod(runtime_dir, 0o755)  # the reader is not root, and must be able to reach the map's pin
            for name in (CLIENT, SERVER):
                _run("ip", "netns", "add", name)
                undo.callback(_quietly, "ip", "netns", "delete", name)
            _connect()
            yield Stage(runtime_dir, f"/var/run/netns/{SERVER}")
        finally:
            _no_more_interruptions()


def _connect() -> None:
    """A veth pair, an end in each namespace; without IPv6, whose own packets would be counted too."""
    ends = (
        (CLIENT, CLIENT_ADDRESS, CLIENT_MAC, SERVER_ADDRESS, SERVER_MAC),
        (SERVER, SERVER_ADDRESS, SERVER_MAC, CLIENT_ADDRESS, CLIENT_MAC),
    )
    peer = ("peer", "name", INTERFACE, "address", SERVER_MAC, "netns", SERVER)
    _run("ip", "-n", CLIENT, "link", "add", INTERFACE, "address", CLIENT_MAC, "type", "veth", *peer)
    no_ipv6 = f"! cd /proc/sys/net/ipv6/conf/{INTERFACE} || echo 1 >disable_ipv6"
    for name, address, _, _, _ in ends:
        _run("ip", "netns", "exec", name, "sh", "-c", no_ipv6)
        _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", INTERFACE)
    for name, _, _, other, mac in ends:
        _run("ip", "-n", name, "link", "set", INTERFACE, "up")
        _run("ip", "-n", name, "neighbour", "add", other, "lladdr", mac, "dev", INTERFACE, "nud", "permanent")


def _remove_runtime_dir(path: str) -> None:
    """With the BPF file system on it go all pins, and with the pins the programs, maps and links they kept."""
    if os.path.ismount(f"{path}/fs"):
        _quietly("umount", "--lazy", f"{path}/fs")
    shutil.rmtree(path, ignore_errors=True)


def _no_more_interruptions() -> None:
    """What was begun to be cleaned up is cleaned up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _quietly(*command: str) -> None:
    subprocess.run(command, check=False, capture_output=True)


def _run(*command: str) -> None:
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"demo: {' '.join(command)}: {result.stderr.strip()}")
