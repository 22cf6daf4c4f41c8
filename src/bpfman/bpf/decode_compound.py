# SPDX-License-Identifier: Apache-2.0
"""Arrays, strings, structs and unions in map keys and values, put together of the codecs of their parts.

See `decode_scalars` for what a codec is.  Anonymous members count as members of the struct around them, as in C.
"""

from __future__ import annotations

from struct import Struct

from bpfman.bpf.decode_scalars import Codec, Integer, from_hex, ipv4, ipv6, shown
from bpfman.errors import InvalidRequest
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpfman.bpf.decode_scalars import Value

_CODES = {(1, False): "B", (1, True): "b", (2, False): "H", (2, True): "h", (4, False): "I", (4, True): "i",
          (8, False): "Q", (8, True): "q"}  # fmt: skip


class Array(Codec):
    """A list of exactly so many elements."""

    __slots__ = ("_element", "_length")

    def __init__(self, element: Codec, length: int, weight: int) -> None:
        super().__init__(f"{element.label}[{length}]", element.size * length, weight)
        self._element = element
        self._length = length

    def decode(self, data: bytes | memoryview, at: int) -> Value:
        element = self._element
        return [element.decode(data, at + number * element.size) for number in range(self._length)]

    def encode(self, value: object, out: bytearray, at: int, where: str) -> None:
        if not isinstance(value, (list, tuple)):
            raise InvalidRequest(f"{where}: {shown(value)} is no list, expected {self.label}")
        if len(value) != self._length:
            raise InvalidRequest(f"{where}: {len(value)} elements, expected {self._length}")
        for number, element in enumerate(value):
            self._element.encode(element, out, at + number * self._element.size, f"{where}[{number}]")


class Numbers(Array):
    """A list of plain integers, read in one go.  Bytes may also be given as bytes, as 0x... or as an IP address."""

    __slots__ = ("_struct",)

    def __init__(self, element: Integer, length: int) -> None:
        super().__init__(element, length, 1 + length // 8)
        prefix = "<" if element.byteorder == "little" else ">"
        self._struct = Struct(f"{prefix}{length}{_CODES[element.size, element.signed]}")

    @staticmethod
    def can_read(element: Integer) -> bool:
        """Whether these elements are such integers."""
        return type(element) is Integer and (element.size, element.signed) in _CODES

    def decode(self, data: bytes | memoryview, at: int) -> Value:
        return list(self._struct.unpack_from(data, at))

    def encode(self, value: object, out: bytearray, at: int, where: str) -> None:
        raw = value
        if self._element.size == 1 and isinstance(value, str):
            raw = from_hex(value) or self._address(value)
        if self._element.size != 1 or not isinstance(raw, (bytes, bytearray)):
            super().encode(value, out, at, where)
            return
        if len(raw) != self.size:
            raise InvalidRequest(f"{where}: {len(raw)} bytes, expected {self.size}")
        out[at : at + self.size] = raw

    def _address(self, text: str) -> bytes | None:
        return {4: ipv4, 16: ipv6}.get(self._length, _no_address)(text)


class Text(Codec):
    """An array of char: text when it ends with NUL and is nothing but printable UTF-8 before, else bytes."""

    __slots__ = ()

    def decode(self, data: bytes | memoryview, at: int) -> Value:
        raw = bytes(data[at : at + self.size])
        text, end, rest = raw.partition(b"\0")
        if not end or rest.strip(b"\0"):
            return raw
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            return raw
        return decoded if decoded.isprintable() else raw

    def encode(self, value: object, out: bytearray, at: int, where: str) -> None:
        if isinstance(value, str):
            raw = _utf8(value, where)
            if len(raw) >= self.size or b"\0" in raw:
                raise InvalidRequest(
                    f"{where}: {shown(value)} does not fit {self.label}: at most {self.size - 1} bytes and a NUL"
                )
            raw = raw.ljust(self.size, b"\0")
        elif isinstance(value, (bytes, bytearray)) and len(value) == self.size:
            raw = bytes(value)
        else:
            raise InvalidRequest(f"{where}: {shown(value)} is no text, expected {self.label}")
        out[at : at + self.size] = raw


class Field(NamedTuple):
    """A member, at byte `at` of the struct.  One without a name is a struct or union whose members count."""

    name: str
    codec: Codec
    at: int


class Record(Codec):
    """A struct, or the variables of a section: a dict of all members."""

    __slots__ = ("_fields", "names")

    def __init__(self, label: str, size: int, fields: tuple[Field, ...]) -> None:
        super().__init__(label, size, 1 + sum(field.codec.weight for field in fields))
        self._fields = fields
        self.names = tuple(name for field in fields for name in _names(field))

    def decode(self, data: bytes | memoryview, at: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for name, codec, offset in self._fields:
            value = codec.decode(data, at + offset)
            if name:
                found[name] = value
            elif isinstance(value, dict):
                found.update(value)
        return found

    def encode(self, value: object, out: bytearray, at: int, where: str) -> None:
        if isinstance(value, str) and (address := self._address(value)):
            out[at : at + self.size] = address
            return
        if not isinstance(value, dict):
            raise InvalidRequest(
                f"{where}: {shown(value)} has no members, expected {self.label}", self.example()
            )
        if unknown := [name for name in value if name not in self.names]:
            raise InvalidRequest(f"{where}: no member {shown(unknown[0])} in {self.label}", self.example())
        self.encode_members(value, out, at, where)

    def encode_members(self, value: Mapping[str, object], out: bytearray, at: int, where: str) -> None:
        """Put in those members that are this record's; all of them are needed."""
        for field in self._fields:
            if field.name and field.name not in value:
                raise InvalidRequest(f"{where}: member {field.name} is missing", self.example())
            _encode_field(field, value, out, at, where)

    def example(self) -> str:
        """What a value looks like, as a hint."""
        return "write it like {" + ", ".join(f'"{name}": ...' for name in self.names[:20]) + "}"

    def _address(self, text: str) -> bytes | None:
        return {"struct in_addr": ipv4, "struct in6_addr": ipv6}.get(self.label, _no_address)(text)


class Alternatives(Record):
    """A union: a dict of all members, each its own reading of the same bytes."""

    __slots__ = ()

    def encode_members(self, value: Mapping[str, object], out: bytearray, at: int, where: str) -> None:
        """Put in the members that are given, at least one; what they say of the same bytes must agree."""
        given = [field for field in self._fields if any(name in value for name in _names(field))]
        if not given and self._fields:
            raise InvalidRequest(f"{where}: one of {', '.join(self.names[:20])} is missing", self.example())
        for field in given:
            _encode_field(field, value, out, at, where)
        agreed = out[at : at + self.size]
        for field in given:
            _encode_field(field, value, out, at, where)
            if out[at : at + self.size] != agreed:
                raise InvalidRequest(
                    f"{where}: the members {', '.join(name for one in given for name in _names(one))} of a union "
                    "contradict each other",
                    "give one of them",
                )


def _encode_field(field: Field, value: Mapping[str, object], out: bytearray, at: int, where: str) -> None:
    if field.name:
        field.codec.encode(value[field.name], out, at + field.at, f"{where}.{field.name}")
    elif isinstance(field.codec, Record):
        field.codec.encode_members(value, out, at + field.at, where)


def _names(field: Field) -> Iterator[str]:
    """The names under which a member's parts are found in the dict."""
    if field.name:
        yield field.name
    elif isinstance(field.codec, Record):
        yield from field.codec.names


def _no_address(text: str) -> bytes | None:
    return None


def _utf8(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{where}: text that is not Unicode") from None
