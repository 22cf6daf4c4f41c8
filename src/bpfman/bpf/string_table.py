# SPDX-License-Identifier: Apache-2.0
"""Tables of NUL-terminated strings, as ELF and BTF have them, from people we do not trust.

Used by the ELF and BTF readers of this folder.  A name that leaves here is printable UTF-8, so that it can be shown on
a terminal, and the names of one table cannot be made to cost more than a few times the table's size: entries that
point into the middle of one another's strings would otherwise turn 16 MiB into terabytes.  Does no I/O.
"""

from __future__ import annotations

from bpfman.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# A linker may let `foo` share the end of `xfoo`; it never gains much by it.
_SHARING = 4


class StringTable:
    """The strings of one table, by offset.  `what` names the table in errors."""

    __slots__ = ("_budget", "_data", "_names", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self._names: dict[int, str] = {}
        self._budget = _SHARING * len(data)

    def __len__(self) -> int:
        return len(self._data)

    def at(self, offset: int) -> str:
        """The string that begins at `offset` (bytes); ObjectError when there is none, or none fit to be shown."""
        name = self._names.get(offset)
        if name is None:
            name = self._names[offset] = self._read(offset)
        return name

    def offsets_of(self, text: str) -> Iterator[int]:
        """Every offset at which `text` can be read, the ends of longer strings among them."""
        wanted = text.encode("utf-8", "surrogateescape") + b"\0"
        offset = self._data.find(wanted)
        while offset >= 0:
            yield offset
            offset = self._data.find(wanted, offset + 1)

    def _read(self, offset: int) -> str:
        if offset >= len(self._data):
            raise ObjectError(
                f"{self._what}: offset {offset} of a string is beyond the table's {len(self._data)} bytes"
            )
        end = self._data.find(b"\0", offset)
        if end < 0:
            raise ObjectError(f"{self._what}: the string at offset {offset} has no end")
        self._budget -= end - offset
        if self._budget < 0:
            raise ObjectError(f"{self._what}: its strings overlap absurdly")
        return self._text(self._data[offset:end], offset)

    def _text(self, raw: bytes, offset: int) -> str:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise ObjectError(f"{self._what}: the string at offset {offset} is not UTF-8") from None
        if not text.isprintable():
            raise ObjectError(f"{self._what}: the string at offset {offset} is not printable")
        return text
