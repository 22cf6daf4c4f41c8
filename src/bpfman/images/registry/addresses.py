# SPDX-License-Identifier: Apache-2.0
"""Addresses that a registry sends us to: taken apart, and whether we go there at all.

Called by whatever follows a redirect, a realm or the place of an upload.  Those are words of a stranger.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from bpfman.errors import RegistryFailed
from bpfman.images.digest import shown
from bpfman.images.reference import is_loopback
from bpfman.model.value import NamedTuple


class Address(NamedTuple):
    """A URL that can be asked; `host` has no port and no brackets."""

    url: str
    scheme: str
    netloc: str
    host: str
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials belong to."""
        return self.scheme, self.host, self.port

    @property
    def may_be_plain(self) -> bool:
        """Whether it is on this very machine, where nobody listens in."""
        return is_loopback(f"[{self.host}]" if ":" in self.host else self.host)


def parse_address(url: str, what: str, base: str = "") -> Address | None:
    """A URL, perhaps relative to `base`; None where it is neither http nor https or names no host.

    RegistryFailed, about `what`, where it is none at all."""
    try:
        url = urljoin(base, url)
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # brackets that do not match, a port that is none
        raise RegistryFailed(f"{what}: the registry leads to {shown(url)}, which is no address") from None
    default = {"http": 80, "https": 443}.get(parts.scheme)
    if default is None or not host:
        return None
    return Address(url, parts.scheme, parts.netloc.rpartition("@")[2], host, port or default)


def origin(url: str) -> tuple[str, str, int]:
    """The origin of a URL that is known to be sound."""
    found = parse_address(url, url)
    assert found is not None
    return found.origin
