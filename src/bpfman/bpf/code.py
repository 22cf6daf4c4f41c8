# SPDX-License-Identifier: Apache-2.0
"""Between a program's instructions as they were loaded and as we keep them: descriptors out, descriptors in.

Calls and callback addresses are relative, so a block of instructions moves as it is.  What is absolute is where it
refers to maps: by a descriptor, which means something only in the process that loaded it.
"""

from __future__ import annotations

import struct

from bpfman.model.code import MapReference, ProgramCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LD_IMM64, _CALL = 0x18, 0x85
_MAP_FD, _MAP_VALUE, _BTF_ID = 1, 2, 3  # src_reg of LD_IMM64
_KFUNC = 2  # src_reg of CALL
_INSTRUCTION = struct.Struct("=BBhi")


def extract(instructions: bytes, map_ids: Mapping[int, int], local_types: bool) -> ProgramCode:
    """The block to keep.  `map_ids` tells the id of the map behind each descriptor."""
    block = bytearray(instructions)
    references = []
    modules = False
    for index, (opcode, registers, offset, immediate) in enumerate(_INSTRUCTION.iter_unpack(instructions)):
        source = registers >> 4
        if opcode == _LD_IMM64 and source in (_MAP_FD, _MAP_VALUE):
            references.append(MapReference(index, map_ids[immediate]))
            struct.pack_into("=i", block, index * 8 + 4, 0)
        elif opcode == _LD_IMM64 and source == _BTF_ID:
            modules |= struct.unpack_from("=i", instructions, index * 8 + 12)[0] != 0
        elif opcode == _CALL and source == _KFUNC:
            modules |= offset != 0
    return ProgramCode(bytes(block), tuple(references), local_types, modules)


def patch(instructions: bytes, references: Iterable[MapReference], descriptors: Mapping[int, int]) -> bytes:
    """The block ready to load: each reference holds the descriptor of its map (`descriptors`: map id -> fd)."""
    block = bytearray(instructions)
    for reference in references:
        struct.pack_into("=i", block, reference.instruction * 8 + 4, descriptors[reference.map_id])
    return bytes(block)
