# SPDX-License-Identifier: Apache-2.0
"""Whom to believe over TLS: the system's authorities, and those that users keep for a registry in certs.d.

Called once a session.  Layout: containers-certs.d(5), Docker's /etc/docker/certs.d: a directory named after the
registry with `*.crt` (authorities), and pairs of `*.cert` and `*.key` (who we are).  The first that exists counts.
"""

from __future__ import annotations

import os
import ssl

from bpfman.errors import ImageError
from bpfman.images.home import home_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SYSTEM = ("/etc/containers/certs.d", "/etc/docker/certs.d")


def directory_of(host: str, environment: Mapping[str, str]) -> str | None:
    """The directory with certificates for `host[:port]`, or None."""
    home = home_of(environment)
    config = environment.get("XDG_CONFIG_HOME") or f"{home}/.config"
    places = (f"{base}/{host}" for base in (f"{config}/containers/certs.d", *_SYSTEM))
    return next((place for place in places if os.path.isdir(place)), None)


def context_of(directory: str | None) -> ssl.SSLContext:
    """A context that verifies the server by the system's authorities and those in `directory`."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if directory is None:
        return context
    for name in sorted(_names(directory)):
        path = f"{directory}/{name}"
        try:
            if name.endswith(".crt"):
                context.load_verify_locations(cafile=path)
            elif name.endswith(".cert"):
                context.load_cert_chain(path, f"{path.removesuffix('.cert')}.key", _no_passphrase)
        except (OSError, ssl.SSLError) as error:  # an SSLError is an OSError whose strerror says little
            raise ImageError(
                f"cannot use the certificate {path}: {error.strerror or error}",
                "it must be PEM, and a NAME.cert needs its NAME.key beside it, which has no passphrase",
            ) from None
    return context


def _no_passphrase() -> str:
    """Without this OpenSSL would ask whoever sits at the terminal."""
    return ""


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError as error:
        raise ImageError(f"cannot read the certificates in {directory}: {error.strerror}") from None
