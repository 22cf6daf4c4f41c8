# SPDX-License-Identifier: Apache-2.0
"""What the readers of bundles, payloads and trusted roots share: values in JSON as protobuf and cosign write them.

As `documents`, and with its errors: MalformedImage says what is wrong and where.
"""

from __future__ import annotations

import base64

from bpfman.errors import MalformedImage
from bpfman.images import documents
from bpfman.images.digest import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Object = Mapping[str, Any]


def base64_bytes(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise MalformedImage(f"{where}: {shown(text)} is not base64") from None


def data(found: Object, key: str, where: str, default: str | None = None) -> bytes:
    """Bytes, in base64; `default` (in base64) where there are none."""
    return base64_bytes(documents.text(found, key, where, default), f"{where}: {key}")


def hexadecimal(found: Object, key: str, where: str) -> bytes:
    try:
        return bytes.fromhex(documents.text(found, key, where))
    except ValueError:
        raise MalformedImage(f"{where}: {shown(found[key])} is not hexadecimal") from None


def number(found: Object, key: str, where: str, default: int | None = None) -> int:
    """A whole number, which protobuf's JSON has as a string."""
    value = found.get(key, default)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise MalformedImage(f"{where}: {shown(key)} is {shown(value)}, expected a whole number")
    return value
