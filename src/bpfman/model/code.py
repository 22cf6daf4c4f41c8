# SPDX-License-Identifier: Apache-2.0
"""A loaded program's own instructions, kept so that chains can be composed of them (chain.md).

Made by `bpf/` at load, kept by `store/`, read by `chain/` whenever the hook changes.
"""

from __future__ import annotations

from bpfman.model.value import NamedTuple


class MapReference(NamedTuple):
    """The 16-byte load at `instruction` (its index) refers to the map with id `map_id`."""

    instruction: int
    map_id: int


class ProgramCode(NamedTuple):
    """The relocated instructions of a program, its subprograms behind it (8 bytes each, the machine's byte order).

    Map references hold no descriptor: whoever loads the code patches fresh ones in.  `local_types` says that the
    instructions carry type ids of the object's own BTF; `modules`, that they call functions of kernel modules."""

    instructions: bytes
    maps: tuple[MapReference, ...]
    local_types: bool = False
    modules: bool = False


class ProgramMap(NamedTuple):
    """One map that a program was loaded with.  `name` is the full name in the object."""

    map_id: int
    name: str
    internal: bool  # .rodata and the like: never pinned
    shared: bool  # LIBBPF_PIN_BY_NAME: one map for all loads
