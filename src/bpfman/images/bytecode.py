# SPDX-License-Identifier: Apache-2.0
"""What images need to know of an object file, as values.

Made by `manager`, which asks what reads ELF, and taken by what labels, builds and analyses.  This folder cannot read
an object itself, and nothing here does I/O.
"""

from __future__ import annotations

from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.images.platform import ByteOrder

_GPL_COMPATIBLE = (
    "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL",
)  # fmt: skip
# enum bpf_map_type, by the names that labels have for them.
_MAP_TYPES = (
    "unspec hash array prog_array perf_event_array per_cpu_hash per_cpu_array stack_trace cgroup_array lru_hash "
    "lru_per_cpu_hash lpm_trie array_of_maps hash_of_maps devmap sockmap cpumap xskmap sockhash cgroup_storage "
    "reuseport_sockarray per_cpu_cgroup_storage queue stack sk_storage devmap_hash struct_ops ringbuf inode_storage "
    "task_storage bloom_filter user_ringbuf cgrp_storage arena"
).split()


class Instruction(NamedTuple):
    """One instruction of 8 bytes; the second half of a 16-byte one is an instruction of its own, with opcode 0."""

    opcode: int
    destination: int
    source: int
    offset: int
    immediate: int


class Function(NamedTuple):
    """A function of the object.

    `calls` says for each index of a call to a function: its number in the object, or the name of a kernel function.
    `addresses` says for each index of a 16-byte load that is not a plain number: the number of the function whose
    address it is, the name of a kernel symbol, or None for a map or a variable.  `patched` are the indexes whose number
    or offset is filled in at load, after the kernel's own types (CO-RE): what stands there says nothing."""

    name: str
    instructions: tuple[Instruction, ...]
    calls: Mapping[int, int | str] = {}
    addresses: Mapping[int, int | str | None] = {}
    patched: frozenset[int] = frozenset()


class Program(NamedTuple):
    """A program: `kind` is bpfman's word for its section, empty for one that it has none for."""

    name: str
    kind: str
    section: str
    function: int  # number of its function


class Map(NamedTuple):
    """A map that the object declares; `type` is enum bpf_map_type, sizes are bytes."""

    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    shared: bool  # LIBBPF_PIN_BY_NAME

    @property
    def type_name(self) -> str:
        return _MAP_TYPES[self.type] if self.type < len(_MAP_TYPES) else f"type_{self.type}"


class Bytecode(NamedTuple):
    """An object file.  `socket_maps` is whether it has maps that hold sockets, to which programs add some."""

    byteorder: ByteOrder
    license: str
    programs: tuple[Program, ...]
    maps: tuple[Map, ...]
    functions: tuple[Function, ...]
    socket_maps: bool = False

    @property
    def gpl_compatible(self) -> bool:
        """As the kernel sees it (include/linux/license.h)."""
        return self.license in _GPL_COMPATIBLE

    @property
    def program_labels(self) -> dict[str, str]:
        """Name -> type of the programs, as labels say it; the beginning of the section where bpfman has no word."""
        return {each.name: each.kind or _section_word(each.section) for each in self.programs}

    @property
    def map_labels(self) -> dict[str, str]:
        return {each.name: each.type_name for each in self.maps}


def _section_word(section: str) -> str:
    return section.removeprefix("?").partition("/")[0].partition(".")[0]
