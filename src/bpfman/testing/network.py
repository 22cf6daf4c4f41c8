# SPDX-License-Identifier: Apache-2.0
"""Networks for tests: network namespaces, veth pairs between them, and ping.

Used by tests, ours and our users', as root.  Everything is made with `ip`, has a random name, and is gone when its
`with` ends; the machine's own interfaces are never touched.
"""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import subprocess
import time
from contextlib import contextmanager

from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DEADLINE = 5.0  # seconds for a link to come up


class Namespace(NamedTuple):
    """A network namespace that `ip netns` knows by `name`."""

    name: str

    @property
    def path(self) -> str:
        """Its file, as --netns takes it."""
        return f"/var/run/netns/{self.name}"

    @property
    def inode(self) -> int:
        """Its identity (nsid)."""
        return os.stat(self.path).st_ino

    def run(self, *command: str) -> str:
        """Runs a command inside and answers its output; raises AssertionError when it fails."""
        return _run("ip", "netns", "exec", self.name, *command)

    def ip(self, *arguments: str) -> str:
        """Runs `ip` on it."""
        return _run("ip", "-n", self.name, *arguments)


class End(NamedTuple):
    """One end of a veth pair."""

    namespace: Namespace
    interface: str
    ifindex: int
    address: str


class VethPair(NamedTuple):
    """Two ends; what goes into one comes out of the other."""

    a: End
    b: End


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A new network namespace with `lo` up."""
    made = Namespace(f"bpfman-t-{secrets.token_hex(3)}")
    _run("ip", "netns", "add", made.name)
    try:
        made.ip("link", "set", "lo", "up")
        yield made
    finally:
        _run("ip", "netns", "delete", made.name)


@contextmanager
def veth_pair(a: Namespace, b: Namespace, family: str = "ipv4") -> Iterator[VethPair]:
    """A veth pair with an end in each namespace, both up and with addresses of one subnet of their own.

    With "ipv4" the ends have no IPv6 at all, so that no router solicitation disturbs a test that counts packets;
    "ipv6" gives addresses below fd00::.
    """
    names = [f"veth{secrets.token_hex(4)}" for _ in range(2)]
    peer = ("peer", "name", names[1], "netns", b.name)
    a.ip("link", "add", names[0], "netns", a.name, "type", "veth", *peer)
    try:
        addresses = _addresses(family)
        ends = [_set_up(*end, family) for end in zip((a, b), names, addresses, strict=True)]
        for end in ends:
            _wait_until_up(end)
        yield VethPair(*ends)
    finally:
        # A test may have moved or deleted it; what is gone is gone.
        subprocess.run(["ip", "-n", a.name, "link", "delete", names[0]], check=False, capture_output=True)


def ping(source: Namespace, address: str, count: int = 1, timeout: float = 1.0) -> int:
    """How many of `count` echo requests from `source` to `address` were answered, each within `timeout` seconds."""
    options = ("-n", "-q", "-c", str(count), "-i", "0.2", "-W", str(timeout))
    command = ["ip", "netns", "exec", source.name, "ping", *options, address]
    environment = {**os.environ, "LC_ALL": "C"}
    result = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    received = re.search(r"(\d+) received", result.stdout)
    if received is None:
        raise AssertionError(f"ping {address} in {source.name} did not run: {result.stderr or result.stdout}")
    return int(received[1])


def _addresses(family: str) -> tuple[str, str]:
    subnet = random.randrange(1 << 22)
    if family == "ipv6":
        prefix = f"fd00:{subnet >> 16:x}:{subnet & 0xFFFF:x}::"
        return f"{prefix}1/64", f"{prefix}2/64"
    prefix = f"10.{subnet >> 14}.{subnet >> 6 & 0xFF}."
    host = (subnet & 0x3F) << 2
    return f"{prefix}{host + 1}/30", f"{prefix}{host + 2}/30"


def _set_up(inside: Namespace, interface: str, address: str, family: str) -> End:
    if family == "ipv6":
        inside.ip("address", "add", address, "dev", interface, "nodad")
    else:
        inside.run("sh", "-c", f"! cd /proc/sys/net/ipv6/conf/{interface} 2>&- || echo 1 >disable_ipv6")
        inside.ip("address", "add", address, "dev", interface)
    inside.ip("link", "set", interface, "up")
    return End(inside, interface, int(_link(inside, interface)["ifindex"]), address.partition("/")[0])


def _wait_until_up(end: End) -> None:
    """The kernel starts a device's queues a moment after its carrier; what is sent before is lost."""
    deadline = time.monotonic() + _DEADLINE
    while _link(end.namespace, end.interface)["operstate"] != "UP":
        if time.monotonic() > deadline:
            raise AssertionError(f"{end.interface} in {end.namespace.name} does not come up")


def _link(inside: Namespace, interface: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(inside.ip("-j", "link", "show", "dev", interface))[0]
    return found


def _run(*command: str) -> str:
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        raise AssertionError(f"{' '.join(command)}: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout
