# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of the tests' own, and a certificate for this machine's loopback names."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

HELPERS = "subjectAltName=DNS:localhost,DNS:registry.example,IP:127.0.0.1"


class Authority(NamedTuple):
    certificate: Path  # the authority's own, to be believed
    server: Path  # a certificate that it issued
    key: Path

    def context(self) -> ssl.SSLContext:
        """For a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.key)
        return context

    def believed_by(self, home: Path, host: str) -> None:
        """Put the authority where the user whose home this is keeps those of `host[:port]`."""
        directory = home / ".config/containers/certs.d" / host
        directory.mkdir(parents=True)
        (directory / "ca.crt").write_bytes(self.certificate.read_bytes())


def make_authority(folder: Path) -> Authority:
    ca, ca_key, server, key, request = (
        folder / name for name in ("ca.crt", "ca.key", "server.crt", "server.key", "server.csr")
    )
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=tests")
    _openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=localhost")
    extensions = folder / "extensions"
    extensions.write_text(HELPERS)
    _openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-out", server, "-days", "1",
             "-set_serial", "7", "-extfile", extensions)  # fmt: skip
    return Authority(ca, server, key)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
