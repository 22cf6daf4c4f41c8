# SPDX-License-Identifier: Apache-2.0
"""Unpacks gzip and zstd within bounds, and packs gzip that is the same everywhere.

Called with layers and archives that strangers made: what comes out is bounded while it comes, not afterwards.

`pack` stores and does not compress.  What deflate makes of the same bytes depends on the library (zlib, zlib-ng, and
their versions), so the same object would get another digest on another distribution; a stored block has one form.
"""

from __future__ import annotations

import sys
import zlib

from bpfman.errors import ImageTooLarge, MalformedImage, Unsupported
from bpfman.images.limits import MAX_UNPACKED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Decompressor(Protocol):
        @property
        def eof(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MAX_FRAMES = 10_000  # some layers have one for each file in them
_MAX_WINDOW_LOG = 27  # 128 MiB, what zstd itself allows by default
_STORED = 0xFFFF  # most bytes of one stored block (RFC 1951, section 3.2.4)


def unpack(data: bytes, what: str) -> bytes:
    """The contents of what is gzip or zstd by its first bytes, anything else as it is.

    MalformedImage, ImageTooLarge; Unsupported where Python lacks zstd."""
    if data.startswith(GZIP_MAGIC):
        return _unpack(data, lambda: zlib.decompressobj(wbits=31), (zlib.error,), f"{what} (gzip)")
    if data.startswith(ZSTD_MAGIC):
        new, error = _zstd()
        return _unpack(data, new, (error,), f"{what} (zstd)")
    return data


def _unpack(
    data: bytes, new: Callable[[], Decompressor], errors: tuple[type[Exception], ...], what: str
) -> bytes:
    """All members or frames, one behind the other; zeroes may pad the end."""
    found = bytearray()
    for _ in range(_MAX_FRAMES):
        decompressor = new()
        try:
            found += decompressor.decompress(data, MAX_UNPACKED + 1 - len(found))
        except errors as error:
            raise MalformedImage(
                f"{what} cannot be unpacked: {error}", "it is damaged, or no archive"
            ) from None
        if len(found) > MAX_UNPACKED:
            raise ImageTooLarge(f"{what} unpacks to more than {MAX_UNPACKED >> 20} MiB")
        if not decompressor.eof:
            raise MalformedImage(f"{what} ends early", "it is truncated")
        data = decompressor.unused_data.lstrip(b"\0")
        if not data:
            return bytes(found)
    raise MalformedImage(f"{what} has more than {_MAX_FRAMES} parts")


def _zstd() -> tuple[Callable[[], Decompressor], type[Exception]]:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise Unsupported(
            "this image is compressed with zstd, which this Python cannot read", "install backports.zstd"
        ) from None
    options = {int(zstd.DecompressionParameter.window_log_max): _MAX_WINDOW_LOG}
    return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError


def pack(data: bytes) -> bytes:
    """`data` as gzip, without a time or a name, in stored blocks (RFC 1952)."""
    packed = bytearray(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
    starts = range(0, len(data), _STORED) or (0,)
    for start in starts:
        block = data[start : start + _STORED]
        last = start + _STORED >= len(data)
        packed += (
            bytes([last])
            + len(block).to_bytes(2, "little")
            + (len(block) ^ 0xFFFF).to_bytes(2, "little")
            + block
        )
    packed += zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(packed)
