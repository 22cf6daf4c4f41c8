# SPDX-License-Identifier: Apache-2.0
"""Map keys and values as Python values, and back: by their BTF type, or as plain bytes without one.

`decode` is for showing entries and for exporting them as metrics, `encode` for values that come as JSON, `parse` for
what a person types on a command line.  Must not read maps itself.
"""

from __future__ import annotations

import sys

from bpfman.bpf.btf_text import describe as describe
from bpfman.bpf.decode_build import build
from bpfman.bpf.decode_compound import Text
from bpfman.bpf.decode_scalars import Floating, Integer, Raw, from_hex, shown
from bpfman.errors import InvalidRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.btf import Btf
    from bpfman.bpf.decode_scalars import Codec, Value


class Decoder:
    """The keys or the values of one map.

    Integers, bit fields and pointers are int; _Bool is bool; enums are their names, or int where there is none; arrays
    are lists; arrays of char are str when they hold NUL-terminated printable UTF-8, else bytes; structs are dicts by
    member, unions dicts of all their readings, and sections of global data dicts by variable; what has no size that is
    known here is bytes.  `what` names the thing in errors.
    """

    def __init__(self, btf: Btf, type_id: int, what: str = "value") -> None:
        self._codec: Codec = build(btf, type_id)
        self._type: tuple[Btf, int] | None = (btf, type_id)
        self._what = what

    @property
    def size(self) -> int:
        """Bytes of a key or value."""
        return self._codec.size

    def describe(self) -> str:
        """The type as C, or how many bytes when there is none."""
        return describe(*self._type) if self._type else self._codec.label

    def decode(self, data: bytes | memoryview) -> Value:
        """The value of those bytes; InvalidRequest when there are too many or too few."""
        if len(data) != self.size:
            raise InvalidRequest(
                f"{self._what}: {len(data)} bytes, expected {self.size} ({self._codec.label})"
            )
        return self._codec.decode(data, 0)

    def encode(self, value: object) -> bytes:
        """The bytes of a value.

        Takes whatever `decode` gives; of unions one member is enough, and for numbers, enums and addresses also the
        text that stands for them.  InvalidRequest says which part does not fit, and what would.
        """
        out = bytearray(self.size)
        self._codec.encode(value, out, 0, self._what)
        return bytes(out)

    def parse(self, text: str) -> bytes:
        """The bytes of what a person typed:

        - `10`, `-1`, `0x0a`, `true`, `RED`, `10.0.0.1`: a number, an enum's name, an address;
        - `0x0a 00 00 00`, and `0x0a000000` where no number is expected: bytes in the order they lie in memory;
        - `{"src": "10.0.0.1", "port": 53}`, `[1, 2]`: JSON for structs and arrays;
        - text for an array of char, in quotes if it begins with one.
        """
        text = text.strip()
        raw = self._bytes(text)
        if raw is None:
            return self.encode(self._value(text))
        if len(raw) != self.size:
            raise InvalidRequest(
                f"{self._what}: {len(raw)} bytes, expected {self.size} ({self._codec.label})"
            )
        return raw

    def _bytes(self, text: str) -> bytes | None:
        """The bytes of hexadecimal text, None when it is to be read otherwise."""
        if isinstance(self._codec, (Integer, Floating)) and len(text.split()) == 1:
            return None
        raw = from_hex(text)
        if isinstance(self._codec, Text) and raw is not None and len(raw) != self.size:
            return None
        return raw

    def _value(self, text: str) -> object:
        if not text.startswith(('"', "{", "[") if not isinstance(self._codec, Text) else '"'):
            return text
        from json import loads  # not needed to show anything

        try:
            return loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"{self._what}: {shown(text)} is not JSON: {shown(str(error))}") from None


def bytes_decoder(size: int, what: str = "value") -> Decoder:
    """For a map without BTF: bytes as they are, typed as 0x..., or as a number when there are 1, 2, 4 or 8."""
    decoder = Decoder.__new__(Decoder)
    decoder._codec = Raw(f"{size} bytes", size, sys.byteorder)
    decoder._type = None
    decoder._what = what
    return decoder


def decode_per_cpu(data: bytes, value_size: int, cpus: int) -> list[bytes]:
    """The values of all possible CPUs from what a lookup in a per-CPU map returns.

    Each takes a multiple of 8 bytes (kernel/bpf/arraymap.c, bpf_percpu_array_copy)."""
    step = (value_size + 7) // 8 * 8
    if len(data) != step * cpus:
        raise InvalidRequest(
            f"{len(data)} bytes of a per-CPU map, expected {step * cpus}: {cpus} CPUs of {step} bytes each"
        )
    return [data[at : at + value_size] for at in range(0, len(data), step)] if step else [b""] * cpus
