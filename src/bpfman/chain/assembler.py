# SPDX-License-Identifier: Apache-2.0
"""Putting instructions together: jumps and calls to labels, blocks of others' code, references to maps.

A label is any hashable value; it may be used before it is placed.
"""

from __future__ import annotations

from bpfman.chain import instructions as bpf
from bpfman.model.code import MapReference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


class Assembler:
    """Collects a program; `finish` gives its instructions, `maps` the references in them."""

    def __init__(self) -> None:
        self._code: list[bytes] = []
        self._open: list[tuple[int, Hashable]] = []  # (instruction, label that it jumps to or calls)
        self._labels: dict[Hashable, int] = {}
        self.maps: list[MapReference] = []
        self._length = 0

    @property
    def here(self) -> int:
        """The index of the next instruction."""
        return self._length

    def place(self, label: Hashable) -> None:
        self._labels[label] = self._length

    def address(self, label: Hashable) -> int:
        return self._labels[label]

    def emit(
        self, opcode: int, destination: int = 0, source: int = 0, offset: int = 0, immediate: int = 0
    ) -> None:
        self._append(bpf.encode(opcode, destination, source, offset, immediate))

    def jump(
        self, opcode: int, label: Hashable, register: int = 0, immediate: int = 0, *, source: int = 0
    ) -> None:
        self._open.append((len(self._code), label))
        self.emit(opcode, register, source, immediate=immediate)

    def call(self, label: Hashable) -> None:
        self._open.append((len(self._code), label))
        self.emit(bpf.CALL, source=bpf.LOCAL_CALL)

    def load_map(self, register: int, map_id: int) -> None:
        self.maps.append(MapReference(self._length, map_id))
        self.emit(bpf.LD_IMM64, register, bpf.MAP_FD)
        self.emit(0)

    def block(self, code: bytes, references: Iterable[MapReference]) -> None:
        """Somebody else's instructions, as they are."""
        self.maps += [MapReference(self._length + ref.instruction, ref.map_id) for ref in references]
        self._append(code)

    def finish(self) -> bytes:
        starts = []
        at = 0
        for code in self._code:
            starts.append(at)
            at += len(code) // bpf.SIZE
        for item, label in self._open:
            opcode, destination, source, _, immediate = bpf.decode(self._code[item])[0]
            distance = self._labels[label] - starts[item] - 1
            if opcode == bpf.CALL:
                self._code[item] = bpf.encode(opcode, destination, source, 0, distance)
            else:
                self._code[item] = bpf.encode(opcode, destination, source, distance, immediate)
        return b"".join(self._code)

    def _append(self, code: bytes) -> None:
        self._code.append(code)
        self._length += len(code) // bpf.SIZE
