# SPDX-License-Identifier: Apache-2.0
"""As much DER as certificates' extensions and timestamps of the tests' own need."""

from __future__ import annotations

import datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

INTEGER, BIT_STRING, OCTETS, NULL, OID, UTF8, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x30, 0x31
GENERALIZED_TIME = 0x18


def tagged(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + body


def sequence(*parts: bytes) -> bytes:
    return tagged(SEQUENCE, *parts)


def integer(number: int) -> bytes:
    return tagged(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, signed=True))


def octets(data: bytes) -> bytes:
    return tagged(OCTETS, data)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    return tagged(OID, *map(_base128, (first * 40 + second, *rest)))


def _base128(number: int) -> bytes:
    out = [number & 0x7F]
    while number := number >> 7:
        out.insert(0, 0x80 | number & 0x7F)
    return bytes(out)


def time(moment: datetime.datetime) -> bytes:
    text = moment.astimezone(datetime.UTC).strftime("%Y%m%d%H%M%SZ")
    return tagged(GENERALIZED_TIME, text.encode())


def elements(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(tag, contents, the whole of it) of each element that `data` is made of."""
    at = 0
    while at < len(data):
        start, tag, size, at = at, data[at], data[at + 1], at + 2
        if size & 0x80:
            more = size & 0x7F
            size, at = int.from_bytes(data[at : at + more]), at + more
        yield tag, data[at : at + size], data[start : at + size]
        at += size
