# SPDX-License-Identifier: Apache-2.0
"""The kinds of types that BTF describes, one frozen value each.

Made by `btf.Btf` on demand, read by whoever decodes or prints types.  Every reference to another type is its id;
sizes are bytes, offsets of members are bits.  Kinds and their meaning are those of include/uapi/linux/btf.h and
Documentation/bpf/btf.rst in Linux 6.12.
"""

from __future__ import annotations

from bpfman.model.value import NamedTuple

KIND_NAMES = (
    "void int ptr array struct union enum fwd typedef volatile const restrict func func_proto var datasec float "
    "decl_tag type_tag enum64"
).split()
(KIND_VOID, KIND_INT, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_FWD, KIND_TYPEDEF, KIND_VOLATILE,
 KIND_CONST, KIND_RESTRICT, KIND_FUNC, KIND_FUNC_PROTO, KIND_VAR, KIND_DATASEC, KIND_FLOAT, KIND_DECL_TAG,
 KIND_TYPE_TAG, KIND_ENUM64) = range(20)  # fmt: skip

LINKAGE_STATIC, LINKAGE_GLOBAL, LINKAGE_EXTERN = 0, 1, 2


class Void(NamedTuple):
    """Type 0."""


class Int(NamedTuple):
    """`bits` of it count, from bit `offset`: fewer than the size's only in bit fields of old compilers."""

    name: str
    size: int
    signed: bool
    char: bool
    boolean: bool
    offset: int
    bits: int


class Ptr(NamedTuple):
    """A pointer to `type`, 8 bytes."""

    type: int


class Array(NamedTuple):
    """`length` elements of `type`."""

    type: int
    index_type: int
    length: int


class Member(NamedTuple):
    """A member of a struct or union; `bits` is 0 unless it is a bit field.  The name is empty for what C calls an
    anonymous member, whose members count as those of the struct."""

    name: str
    type: int
    offset: int
    bits: int


class Struct(NamedTuple):
    """A struct; its name is empty when it has none."""

    name: str
    size: int
    members: tuple[Member, ...]


class Union(NamedTuple):
    """A union, like a struct."""

    name: str
    size: int
    members: tuple[Member, ...]


class Enumerator(NamedTuple):
    """One name of an enum."""

    name: str
    value: int


class Enum(NamedTuple):
    """An enum of up to four bytes."""

    name: str
    size: int
    signed: bool
    values: tuple[Enumerator, ...]


class Enum64(NamedTuple):
    """An enum of eight bytes."""

    name: str
    size: int
    signed: bool
    values: tuple[Enumerator, ...]


class Fwd(NamedTuple):
    """A struct or union that is declared and nowhere defined."""

    name: str
    is_union: bool


class Typedef(NamedTuple):
    """Another name for `type`."""

    name: str
    type: int


class Volatile(NamedTuple):
    """`volatile` of `type`."""

    type: int


class Const(NamedTuple):
    """`const` of `type`."""

    type: int


class Restrict(NamedTuple):
    """`restrict` of `type`."""

    type: int


class Func(NamedTuple):
    """A function; `type` is its prototype."""

    name: str
    type: int
    linkage: int


class Param(NamedTuple):
    """A parameter.  A last one without name and type stands for `...`."""

    name: str
    type: int


class FuncProto(NamedTuple):
    """A prototype that returns `type`."""

    type: int
    params: tuple[Param, ...]


class Var(NamedTuple):
    """A global variable."""

    name: str
    type: int
    linkage: int


class SectionVariable(NamedTuple):
    """A variable in a section: `type` is the Var, `offset` and `size` are bytes, 0 as the compiler leaves them."""

    type: int
    offset: int
    size: int


class Datasec(NamedTuple):
    """The variables of an ELF section; the size may be 0, as the compiler leaves it."""

    name: str
    size: int
    variables: tuple[SectionVariable, ...]


class Float(NamedTuple):
    """A floating point number."""

    name: str
    size: int


class DeclTag(NamedTuple):
    """A note on `type`, or on its member or parameter number `component` when that is not -1."""

    name: str
    type: int
    component: int


class TypeTag(NamedTuple):
    """A note on `type` where it is pointed to."""

    name: str
    type: int


# For isinstance.
Modifier = (Typedef, Volatile, Const, Restrict, TypeTag)
Qualifier = (Volatile, Const, Restrict)
Compound = (Struct, Union)
Enumeration = (Enum, Enum64)

Type = (
    Void | Int | Ptr | Array | Struct | Union | Enum | Fwd | Typedef | Volatile | Const | Restrict
    | Func | FuncProto | Var | Datasec | Float | DeclTag | TypeTag | Enum64
)  # fmt: skip
