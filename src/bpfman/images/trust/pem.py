# SPDX-License-Identifier: Apache-2.0
"""Certificates in PEM, taken out of their armour and not looked into: what is in there may be anybody's."""

from __future__ import annotations

import re

from bpfman.errors import MalformedImage
from bpfman.images.trust.reading import base64_bytes

_MOST = 20
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]*?)\s*-----END CERTIFICATE-----\s*")


def certificates_in(text: bytes, where: str) -> tuple[bytes, ...]:
    """DER of each certificate, in order; none in an empty text.  MalformedImage for anything between them."""
    found: list[bytes] = []
    position = len(text) - len(text.lstrip())
    while position < len(text):
        block = _BLOCK.match(text, position)
        if block is None or len(found) == _MOST:
            raise MalformedImage(
                f"{where}: more than {_MOST} certificates" if block else f"{where} is no certificate in PEM"
            )
        found.append(base64_bytes(b"".join(block[1].split()).decode(), where))
        position = block.end()
    return tuple(found)
