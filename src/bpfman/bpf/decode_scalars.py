# SPDX-License-Identifier: Apache-2.0
"""Numbers in map keys and values: integers, booleans, enums, pointers, floats, bit fields, and what is not known.

A codec turns bytes at a place into a Python value and back; `decode_build` makes them from BTF, `decode_compound` puts
them together.  Decoding never fails on bytes of the right length.  Encoding takes the values that decoding gives and
what a person types for them, and refuses the rest with an InvalidRequest that says which part of the value it is about
(`where`) and what would fit.
"""

from __future__ import annotations

from struct import Struct

from bpfman.errors import InvalidRequest, ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.bpf.elf import ByteOrder

    Value = int | bool | float | str | bytes | list["Value"] | dict[str, "Value"]


# Kernels take values of some MiB; crafted types describe billions of values in no bytes at all.
MAX_WEIGHT = 1 << 20


class Codec:
    """`size` bytes at a place, as a value.  `weight` is about how many Python values that makes."""

    __slots__ = ("label", "size", "weight")

    def __init__(self, label: str, size: int, weight: int = 1) -> None:
        if weight > MAX_WEIGHT:
            raise ObjectError(f"BTF: {label} is made of more than {MAX_WEIGHT} values, too many to decode")
        self.label = label
        self.size = size
        self.weight = weight

    def decode(self, data: bytes | memoryview, at: int) -> Value:
        """The value of the bytes from `at`."""
        raise NotImplementedError

    def encode(self, value: object, out: bytearray, at: int, where: str) -> None:
        """Put the value into `out` from `at`; only bits that belong to it are changed."""
        raise NotImplementedError


class Integer(Codec):
    """A whole number of 1 to 16 bytes.  Where a bit field takes just some bits, it asks for `show` and `number`."""

    __slots__ = ("byteorder", "signed")

    def __init__(self, label: str, size: int, signed: bool, byteorder: ByteOrder) -> None:
        super().__init__(label, size)
        self.signed = signed
        self.byteorder = byteorder

    def decode(self, data: bytes | memoryview, at: int) -> Value:
        return self.show(int.from_bytes(data[at : at + self.size], self.byteorder, signed=self.signed))

    def encode(self, value: object, out: bytearray, at: int, where: str) -> None:
        number = self.number(value, where, 8 * self.size)
        mask = (1 << 8 * self.size) - 1
        out[at : at + self.size] = (number & mask).to_bytes(self.size, self.byteorder)

    def show(self, number: int) -> Value:
        """What stands for the number."""
        return number

    def number(self, value: object, where: str, bits: int) -> int:
        """The number that the value stands for, which must fit into that many bits."""
        if isinstance(value, str):
            value = self.from_text(value, where)
        if not isinstance(value, int):
            raise InvalidRequest(f"{where}: {shown(value)} is not a whole number, expected {self.label}")
        low, high = self.limits(bits)
        if not low <= value <= high:
            raise InvalidRequest(f"{where}: {shown(value)} is out of range for {self.label}: {low} to {high}")
        return value

    def limits(self, bits: int) -> tuple[int, int]:
        """The least and the greatest number in that many bits."""
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.signed else (0, (1 << bits) - 1)

    def from_text(self, text: str, where: str) -> int:
        """A number as C or Python write it; for four bytes also an IPv4 address, which lies there as on the wire."""
        if self.size == 4 and (address := ipv4(text)) is not None:
            return int.from_bytes(address, self.byteorder, signed=self.signed)
        try:
            return int(text, 0)
        except ValueError:
            raise InvalidRequest(
                f"{where}: {shown(text)} is not a number, expected {self.label}",
                "write numbers like 10, -1 or 0x0a, without leading zeros",
            ) from None


class Boolean(Integer):
    """`true` and `false`; a byte that is neither stays a number, so that nothing is lost."""

    __slots__ = ()

    def show(self, number: int) -> Value:
        return bool(number) if number in (0, 1) else number

    def from_text(self, text: str, where: str) -> int:
        named = {"true": 1, "false": 0}.get(text.strip().lower())
        return super().from_text(text, where) if named is None else named


class Enumeration(Integer):
    """The name of a number; one without a name stays a number."""

    __slots__ = ("_names", "_numbers")

    def __init__(
        self, label: str, size: int, signed: bool, byteorder: ByteOrder, numbers: Mapping[str, int]
    ) -> None:
        super().__init__(label, size, signed, byteorder)
        self._numbers = dict(numbers)
        self._names: dict[int, str] = {}
        for name, number in numbers.items():
            self._names.setdefault(number, name)

    def show(self, number: int) -> Value:
        return self._names.get(number, number)

    def from_text(self, text: str, where: str) -> int:
        number = self._numbers.get(text.strip())
        if number is not None:
            return number
        try:
            return int(text, 0)
        except ValueError:
            raise InvalidRequest(
                f"{where}: {shown(text)} is not in {self.label}: {_listed(self._numbers)}"
            ) from None

    def limits(self, bits: int) -> tuple[int, int]:
        """Compilers before clang 15 do not say which enums are signed, so both readings are taken."""
        low, high = super().limits(bits)
        return (low if self.signed else -(1 << bits - 1), high)


class BitField(Codec):
    """Some bits of the bytes of a struct.  `shift` counts from the first byte's lowest bit on a little-endian
    machine, from its highest on a big-endian one, as in the kernel (kernel/bpf/btf.c, btf_bitfield_show)."""

    __slots__ = ("_bits", "_down", "_integer")

    def __init__(self, integer: Integer, shift: int, bits: int) -> None:
        super().__init__(f"{integer.label}:{bits}", (shift + bits + 7) // 8)
        self._integer = integer
        self._bits = bits
        self._down = shift if integer.byteorder == "little" else 8 * self.size - shift - bits

    def decode(self, data: bytes | memoryview, at: int) -> Value:
        whole = int.from_bytes(data[at : at + self.size], self._integer.byteorder)
        number = whole >> self._down & (1 << self._bits) - 1
        if self._integer.signed and number >> self._bits - 1:
            number -= 1 << self._bits
        return self._integer.show(number)

    def encode(self, value: object, out: bytearray, at: int, where: str) -> None:
        number = self._integer.number(value, where, self._bits)
        mask = (1 << self._bits) - 1
        whole = int.from_bytes(out[at : at + self.size], self._integer.byteorder)
        whole = whole & ~(mask << self._down) | (number & mask) << self._down
        out[at : at + self.size] = whole.to_bytes(self.size, self._integer.byteorder)


class Floating(Codec):
    """A float or double."""

    __slots__ = ("_struct",)

    CODES = {2: "e", 4: "f", 8: "d"}  # noqa: RUF012 # never changed

    def __init__(self, label: str, size: int, byteorder: ByteOrder) -> None:
        super().__init__(label, size)
        self._struct = Struct(("<" if byteorder == "little" else ">") + self.CODES[size])

    def decode(self, data: bytes | memoryview, at: int) -> Value:
        number: float = self._struct.unpack_from(data, at)[0]
        return number

    def encode(self, value: object, out: bytearray, at: int, where: str) -> None:
        try:
            number = float(value) if isinstance(value, (int, float, str)) else None
            if number is None:
                raise ValueError
            self._struct.pack_into(out, at, number)
        except ValueError:
            raise InvalidRequest(f"{where}: {shown(value)} is not a number, expected {self.label}") from None
        except OverflowError:
            raise InvalidRequest(f"{where}: {shown(value)} is out of range for {self.label}") from None


class Raw(Codec):
    """Bytes of which nothing is known but how many there are.  Those of a number may be given as a number."""

    __slots__ = ("_byteorder",)

    def __init__(self, label: str, size: int, byteorder: ByteOrder) -> None:
        super().__init__(label, size)
        self._byteorder = byteorder

    def decode(self, data: bytes | memoryview, at: int) -> Value:
        return bytes(data[at : at + self.size])

    def encode(self, value: object, out: bytearray, at: int, where: str) -> None:
        raw = from_hex(value) if isinstance(value, str) else value
        if self.size in (1, 2, 4, 8) and (raw is None or isinstance(raw, int)):
            Integer(self.label, self.size, False, self._byteorder).encode(value, out, at, where)
            return
        if not isinstance(raw, (bytes, bytearray)):
            raise InvalidRequest(
                f"{where}: {shown(value)} is not bytes, expected {self.size} of them",
                "write them like 0x0a00ff01",
            )
        if len(raw) != self.size:
            raise InvalidRequest(f"{where}: {len(raw)} bytes, expected {self.size}")
        out[at : at + self.size] = raw


def from_hex(text: str) -> bytes | None:
    """The bytes of `0x0a00`, `0x0a 00` or `0x0a 0x00`, None when it is something else."""
    first, *rest = text.split() or [""]
    if not first.lower().startswith("0x"):
        return None
    try:
        return b"".join(
            bytes.fromhex(part[2:] if part.lower().startswith("0x") else part) for part in (first, *rest)
        )
    except ValueError:
        return None


def ipv4(text: str) -> bytes | None:
    """The four bytes of 10.0.0.1, None when it is something else."""
    parts = text.strip().split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        return None
    numbers = [int(part) for part in parts]
    return bytes(numbers) if max(numbers) < 256 else None


def ipv6(text: str) -> bytes | None:
    """The sixteen bytes of 2001:db8::1, None when it is something else."""
    if ":" not in text:
        return None
    from ipaddress import AddressValueError, IPv6Address  # takes longer to import than all of this

    try:
        return IPv6Address(text.strip()).packed
    except AddressValueError:
        return None


def shown(value: object) -> str:
    """A value of any length, for a message of one line."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except ValueError:  # an integer of more digits than Python prints
        text = "a huge number"
    return text if len(text) <= 40 else f"{text[:37]}..."


def _listed(names: Mapping[str, int]) -> str:
    first = list(names)[:20]
    return ", ".join(first) + (", ..." if len(names) > len(first) else "")
