# SPDX-License-Identifier: Apache-2.0
"""Netlink on the wire: messages and their attributes, to and from bytes.

Called by the rtnetlink modules of this folder.  Pure, and strict: a length that does not fit what is there raises
KernelRefused with EBADMSG, whatever the bytes; nothing is guessed.  Formats: include/uapi/linux/netlink.h, in the
machine's own byte order, everything aligned to 4 bytes.
"""

from __future__ import annotations

import errno
import struct
import sys

from bpfman.errors import KernelRefused
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MESSAGE = struct.Struct("=IHHII")  # struct nlmsghdr: length with the header, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr: length with the header, type
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_NUMBER_SIZES = (1, 2, 4, 8)


class Message(NamedTuple):
    """One netlink message; `payload` is what follows its header."""

    type: int
    flags: int
    sequence: int
    port: int
    payload: bytes

    def encoded(self) -> bytes:
        """The bytes to send."""
        size = _MESSAGE.size + len(self.payload)
        return _MESSAGE.pack(size, self.type, self.flags, self.sequence, self.port) + self.payload


def messages(datagram: bytes) -> Iterator[Message]:
    """The messages of one datagram."""
    offset = 0
    while offset < len(datagram):
        if len(datagram) - offset < _MESSAGE.size:
            raise malformed("a message ends within its header")
        size, kind, flags, sequence, port = _MESSAGE.unpack_from(datagram, offset)
        if not _MESSAGE.size <= size <= len(datagram) - offset:
            raise malformed(f"a message says it has {size} bytes")
        yield Message(kind, flags, sequence, port, datagram[offset + _MESSAGE.size : offset + size])
        offset += _aligned(size)


class Attributes(dict[int, bytes]):
    """Attributes by type.  Where a type occurs twice the last one counts, as in the kernel's own parser."""

    def number(self, kind: int, default: int = 0) -> int:
        """An unsigned number of 1, 2, 4 or 8 bytes."""
        value = self.get(kind)
        if value is None:
            return default
        if len(value) not in _NUMBER_SIZES:
            raise malformed(f"attribute {kind} is a number of {len(value)} bytes")
        return int.from_bytes(value, sys.byteorder)

    def text(self, kind: int) -> str:
        """A string without its closing NUL; "" when the attribute is missing.  Bytes that are not UTF-8 survive
        as surrogates, as in file names."""
        return self.get(kind, b"").partition(b"\0")[0].decode("utf-8", "surrogateescape")

    def nested(self, kind: int) -> Attributes:
        """The attributes within one; none when it is missing."""
        return parse(self.get(kind, b""))


def parse(data: bytes, offset: int = 0) -> Attributes:
    """The attributes from `offset` to the end of `data`."""
    found = Attributes()
    if offset > len(data):
        raise malformed("a message ends before its attributes")
    while offset < len(data):
        if len(data) - offset < _ATTRIBUTE.size:
            raise malformed("an attribute ends within its header")
        size, kind = _ATTRIBUTE.unpack_from(data, offset)
        if not _ATTRIBUTE.size <= size <= len(data) - offset:
            raise malformed(f"attribute {kind & _TYPE_MASK} says it has {size} bytes")
        found[kind & _TYPE_MASK] = data[offset + _ATTRIBUTE.size : offset + size]
        offset += _aligned(size)
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(_aligned(size) - size)


def number_attribute(kind: int, value: int) -> bytes:
    """An attribute that is an unsigned number of 32 bits."""
    return attribute(kind, value.to_bytes(4, sys.byteorder))


def text_attribute(kind: int, value: str) -> bytes:
    """An attribute that is a string; the closing NUL is added."""
    return attribute(kind, value.encode("utf-8", "surrogateescape") + b"\0")


def malformed(why: str) -> KernelRefused:
    """The error of an answer that is not what the format says."""
    return KernelRefused(f"read a netlink answer ({why})", errno.EBADMSG)


def _aligned(size: int) -> int:
    return (size + 3) & ~3
