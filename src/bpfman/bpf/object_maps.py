# SPDX-License-Identifier: Apache-2.0
"""Reads the map definitions of an object, the variables in its `.maps` section, as libbpf does.

A definition is a struct that only its types say something of: `int (*max_entries)[8]` means 8, `struct key *key` a
key of that type (libbpf.c, parse_btf_map_def; bpf_helpers.h has the macros).  Members that are not known here are left
to libbpf.  Called by `object_summary`; must not open files.
"""

from __future__ import annotations

from bpfman.bpf import btf_types as types
from bpfman.errors import ObjectError
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.btf import Btf

PIN_NONE, PIN_BY_NAME = 0, 1

# Real objects have tens of maps, a definition has as many members as there are properties of maps.
MAX_MAPS = 4096
MAX_MEMBERS = 64

_NUMBERS = ("type", "key_size", "value_size", "max_entries", "map_flags", "pinning", "numa_node")


class MapDefinition(NamedTuple):
    """A map as the object declares it, before libbpf fills in what it does not say.

    `type` is enum bpf_map_type, sizes are bytes, type ids are those of the object's BTF and 0 when only a size is
    given.  `inner` is what a map of maps holds.  `pinning` is PIN_NONE or PIN_BY_NAME."""

    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    map_flags: int
    map_extra: int
    pinning: int
    numa_node: int
    key_type_id: int
    value_type_id: int
    inner: MapDefinition | None


def read_definitions(btf: Btf) -> Iterator[MapDefinition]:
    """The maps of the object, in the order of its BTF."""
    section_id = btf.find(".maps", types.KIND_DATASEC)
    section = btf.type(section_id) if section_id else None
    if not isinstance(section, types.Datasec):
        raise ObjectError("section .maps is not described by the object's BTF")
    if len(section.variables) > MAX_MAPS:
        raise ObjectError(f"the object defines {len(section.variables)} maps, more than {MAX_MAPS}")
    for variable in section.variables:
        found = btf.type(variable.type)
        if not isinstance(found, types.Var) or not found.name:
            raise ObjectError(f"section .maps: type {variable.type} is no variable")
        if found.linkage != types.LINKAGE_GLOBAL:
            raise ObjectError(f'map "{found.name}" is static or extern, expected global')
        yield _read_definition(btf, found.name, found.type)


def _read_definition(btf: Btf, name: str, type_id: int, inner: bool = False) -> MapDefinition:
    struct = btf.underlying(type_id)
    if not isinstance(struct, types.Struct):
        raise ObjectError(f'map "{name}" is defined by a {type(struct).__name__}, expected a struct')
    if len(struct.members) > MAX_MEMBERS:
        raise ObjectError(
            f'map "{name}" is defined by {len(struct.members)} members, more than {MAX_MEMBERS}'
        )
    numbers = {
        member.name: _number(btf, name, member) for member in struct.members if member.name in _NUMBERS
    }
    members = {member.name: member for member in struct.members}
    key_type, key_size = _pointed(btf, name, members.get("key"))
    value_type, value_size = _pointed(btf, name, members.get("value"))
    contents = _inner(btf, name, members.get("values"), inner)
    if not numbers.get("type"):
        raise ObjectError(f'map "{name}" has no type')
    if numbers.get("pinning", PIN_NONE) not in (PIN_NONE, PIN_BY_NAME):
        raise ObjectError(f'map "{name}" has pinning {numbers["pinning"]}, which does not exist')
    return MapDefinition(
        name=name,
        type=numbers["type"],
        key_size=_agreed(name, "key", key_size, numbers.get("key_size")),
        value_size=_agreed(
            name, "value", 4 if "values" in members else value_size, numbers.get("value_size")
        ),
        max_entries=numbers.get("max_entries", 0),
        map_flags=numbers.get("map_flags", 0),
        map_extra=_long(btf, name, members.get("map_extra")),
        pinning=numbers.get("pinning", PIN_NONE),
        numa_node=numbers.get("numa_node", 0),
        key_type_id=key_type,
        value_type_id=value_type,
        inner=contents,
    )


def _number(btf: Btf, name: str, member: types.Member) -> int:
    """The N of `int (*member)[N]`."""
    pointer = btf.underlying(member.type)
    array = btf.type(pointer.type) if isinstance(pointer, types.Ptr) else pointer
    if not isinstance(array, types.Array):
        raise ObjectError(
            f'map "{name}": {member.name} is a {type(array).__name__}, expected a pointer to an array'
        )
    return array.length


def _long(btf: Btf, name: str, member: types.Member | None) -> int:
    """The N of `int (*member)[N]`, or of `enum { NAME = N } member` for what needs 64 bits."""
    if member is None:
        return 0
    enum = btf.underlying(member.type)
    if isinstance(enum, types.Enum | types.Enum64) and len(enum.values) == 1:
        return enum.values[0].value
    return _number(btf, name, member)


def _pointed(btf: Btf, name: str, member: types.Member | None) -> tuple[int, int]:
    """Id and size of the T of `T *member`."""
    if member is None:
        return 0, 0
    pointer = btf.type(member.type)
    if not isinstance(pointer, types.Ptr):
        raise ObjectError(f'map "{name}": {member.name} is a {type(pointer).__name__}, expected a pointer')
    return pointer.type, btf.size_of(pointer.type)


def _agreed(name: str, what: str, by_type: int, by_number: int | None) -> int:
    if by_type and by_number and by_type != by_number:
        raise ObjectError(
            f'map "{name}": the {what} has {by_type} bytes by its type and {by_number} by {what}_size'
        )
    return by_type or by_number or 0


def _inner(btf: Btf, name: str, member: types.Member | None, nested: bool) -> MapDefinition | None:
    """The T of `T *values[]`; None for an array of programs, which has prototypes there."""
    if member is None:
        return None
    array = btf.type(member.type)
    pointer = btf.underlying(array.type) if isinstance(array, types.Array) else array
    if not isinstance(pointer, types.Ptr):
        raise ObjectError(f'map "{name}": values is a {type(array).__name__}, expected an array of pointers')
    if isinstance(btf.underlying(pointer.type), types.FuncProto):
        return None
    if nested:
        raise ObjectError(f'map "{name}": maps of maps of maps do not exist')
    return _read_definition(btf, f"{name}.inner", pointer.type, inner=True)
