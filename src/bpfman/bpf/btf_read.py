# SPDX-License-Identifier: Apache-2.0
"""Turns the words of one BTF type into its frozen value; `btf.Btf` calls it for the types somebody asks for.

A type is three words (name, info, size or type) and then what its kind adds (include/uapi/linux/btf.h).  `Btf` has
checked that all of a type's words are there; names are checked here, ids by whoever follows them.
"""

from __future__ import annotations

from bpfman.bpf import btf_types as types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Words = memoryview[int]
    Name = Callable[[int], str]

# Words of a type of each kind: for the type itself, and for each of its members.  A kind that does not exist is longer
# than any file, so that a walk over the types stops there.
_UNKNOWN = 1 << 40
LENGTHS: list[tuple[int, int]] = [(_UNKNOWN, 0)] * 32
for _kind in range(types.KIND_INT, types.KIND_ENUM64 + 1):
    LENGTHS[_kind] = (3, 0)
LENGTHS[types.KIND_ARRAY] = (6, 0)
for _kind in (types.KIND_INT, types.KIND_VAR, types.KIND_DECL_TAG):
    LENGTHS[_kind] = (4, 0)
for _kind in (types.KIND_ENUM, types.KIND_FUNC_PROTO):
    LENGTHS[_kind] = (3, 2)
for _kind in (types.KIND_STRUCT, types.KIND_UNION, types.KIND_DATASEC, types.KIND_ENUM64):
    LENGTHS[_kind] = (3, 3)


def read_type(words: Words, at: int, name: Name) -> types.Type:
    """The type whose first word is `words[at]`; `name` reads the string at an offset."""
    info = words[at + 1]
    return _READERS[info >> 24 & 0x1F](words, at, info, name)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def _int(words: Words, at: int, info: int, name: Name) -> types.Int:
    shape = words[at + 3]
    encoding = shape >> 24
    return types.Int(
        name(words[at]),
        words[at + 2],
        bool(encoding & 1),
        bool(encoding & 2),
        bool(encoding & 4),
        shape >> 16 & 0xFF,
        shape & 0xFF,
    )


def _array(words: Words, at: int, info: int, name: Name) -> types.Array:
    return types.Array(words[at + 3], words[at + 4], words[at + 5])


def _members(words: Words, at: int, info: int, name: Name) -> tuple[types.Member, ...]:
    bit_fields = info >> 31
    members = []
    for member in range(at + 3, at + 3 + 3 * (info & 0xFFFF), 3):
        offset, bits = words[member + 2], 0
        if bit_fields:
            offset, bits = offset & 0xFFFFFF, offset >> 24
        members.append(types.Member(name(words[member]), words[member + 1], offset, bits))
    return tuple(members)


def _struct(words: Words, at: int, info: int, name: Name) -> types.Struct:
    return types.Struct(name(words[at]), words[at + 2], _members(words, at, info, name))


def _union(words: Words, at: int, info: int, name: Name) -> types.Union:
    return types.Union(name(words[at]), words[at + 2], _members(words, at, info, name))


def _enum(words: Words, at: int, info: int, name: Name) -> types.Enum:
    # Only since Linux 6.0 and clang 15 does the flag say which enums are signed; from older ones it is never set, and
    # -1 reads 4294967295, as in libbpf.
    signed = bool(info >> 31)
    values = tuple(
        types.Enumerator(name(words[value]), _signed(words[value + 1]) if signed else words[value + 1])
        for value in range(at + 3, at + 3 + 2 * (info & 0xFFFF), 2)
    )
    return types.Enum(name(words[at]), words[at + 2], signed, values)


def _enum64(words: Words, at: int, info: int, name: Name) -> types.Enum64:
    signed = bool(info >> 31)
    values = []
    for value in range(at + 3, at + 3 + 3 * (info & 0xFFFF), 3):
        high = _signed(words[value + 2]) if signed else words[value + 2]
        values.append(types.Enumerator(name(words[value]), high << 32 | words[value + 1]))
    return types.Enum64(name(words[at]), words[at + 2], signed, tuple(values))


def _fwd(words: Words, at: int, info: int, name: Name) -> types.Fwd:
    return types.Fwd(name(words[at]), bool(info >> 31))


def _func(words: Words, at: int, info: int, name: Name) -> types.Func:
    return types.Func(name(words[at]), words[at + 2], info & 0xFFFF)


def _func_proto(words: Words, at: int, info: int, name: Name) -> types.FuncProto:
    params = tuple(
        types.Param(name(words[param]), words[param + 1])
        for param in range(at + 3, at + 3 + 2 * (info & 0xFFFF), 2)
    )
    return types.FuncProto(words[at + 2], params)


def _var(words: Words, at: int, info: int, name: Name) -> types.Var:
    return types.Var(name(words[at]), words[at + 2], words[at + 3])


def _datasec(words: Words, at: int, info: int, name: Name) -> types.Datasec:
    variables = tuple(
        types.SectionVariable(words[variable], words[variable + 1], words[variable + 2])
        for variable in range(at + 3, at + 3 + 3 * (info & 0xFFFF), 3)
    )
    return types.Datasec(name(words[at]), words[at + 2], variables)


def _decl_tag(words: Words, at: int, info: int, name: Name) -> types.DeclTag:
    return types.DeclTag(name(words[at]), words[at + 2], _signed(words[at + 3]))


_READERS: dict[int, Callable[[Words, int, int, Name], types.Type]] = {
    types.KIND_INT: _int,
    types.KIND_PTR: lambda words, at, info, name: types.Ptr(words[at + 2]),
    types.KIND_ARRAY: _array,
    types.KIND_STRUCT: _struct,
    types.KIND_UNION: _union,
    types.KIND_ENUM: _enum,
    types.KIND_FWD: _fwd,
    types.KIND_TYPEDEF: lambda words, at, info, name: types.Typedef(name(words[at]), words[at + 2]),
    types.KIND_VOLATILE: lambda words, at, info, name: types.Volatile(words[at + 2]),
    types.KIND_CONST: lambda words, at, info, name: types.Const(words[at + 2]),
    types.KIND_RESTRICT: lambda words, at, info, name: types.Restrict(words[at + 2]),
    types.KIND_FUNC: _func,
    types.KIND_FUNC_PROTO: _func_proto,
    types.KIND_VAR: _var,
    types.KIND_DATASEC: _datasec,
    types.KIND_FLOAT: lambda words, at, info, name: types.Float(name(words[at]), words[at + 2]),
    types.KIND_DECL_TAG: _decl_tag,
    types.KIND_TYPE_TAG: lambda words, at, info, name: types.TypeTag(name(words[at]), words[at + 2]),
    types.KIND_ENUM64: _enum64,
}
