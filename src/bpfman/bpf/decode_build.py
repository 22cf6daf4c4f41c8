# SPDX-License-Identifier: Apache-2.0
"""Makes the codec of a BTF type, for `decode.Decoder`.

The BTF may come from an object nobody vouches for, so members must lie in their struct, types must not contain
themselves, and what comes of it is bounded (`decode_scalars.MAX_WEIGHT`); else ObjectError.
"""

from __future__ import annotations

from bpfman.bpf import btf_types as types
from bpfman.bpf.btf import MAX_DEPTH
from bpfman.bpf.decode_compound import Alternatives, Array, Field, Numbers, Record, Text
from bpfman.bpf.decode_scalars import BitField, Boolean, Codec, Enumeration, Floating, Integer, Raw
from bpfman.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.btf import Btf

_MAX_INTEGER = 16  # bytes, __int128


def build(btf: Btf, type_id: int) -> Codec:
    """The codec of that type, a struct or a single number, or of the variables of a section."""
    return _Builder(btf).codec(type_id, 0)


class _Builder:
    """Makes each type's codec once; one that is not finished when it is needed again contains itself."""

    def __init__(self, btf: Btf) -> None:
        self._btf = btf
        self._made: dict[int, Codec | None] = {}

    def codec(self, type_id: int, depth: int) -> Codec:
        if type_id in self._made:
            made = self._made[type_id]
            if made is None:
                raise ObjectError(f"BTF: type {type_id} contains itself")
            return made
        if depth > MAX_DEPTH:
            raise ObjectError(f"BTF: type {type_id} is nested more than {MAX_DEPTH} deep")
        self._made[type_id] = None
        made = self._made[type_id] = self._make(type_id, depth)
        return made

    def _make(self, type_id: int, depth: int) -> Codec:
        found = self._btf.underlying(type_id)
        if isinstance(found, types.Array):
            return self._array(type_id, found, depth)
        if isinstance(found, types.Compound):
            fields = tuple(
                self._member(found, member, depth) for member in found.members if self._counts(member)
            )
            made = Record if isinstance(found, types.Struct) else Alternatives
            return made(self._label(type_id, found), found.size, fields)
        if isinstance(found, types.Datasec):
            return Record(f"section {found.name}", found.size, self._variables(found, depth))
        if isinstance(found, types.Var):
            return self.codec(found.type, depth + 1)
        return self._scalar(self._label(type_id, found), self._btf.size_of(type_id), found)

    def _scalar(self, label: str, size: int, found: types.Type) -> Codec:
        order = self._btf.byteorder
        if isinstance(found, types.Ptr):
            return Integer("pointer", size, False, order)
        if isinstance(found, types.Float) and size in Floating.CODES:
            return Floating(label, size, order)
        if isinstance(found, types.Enumeration) and 0 < size <= _MAX_INTEGER:
            return Enumeration(label, size, found.signed, order, dict(found.values))
        if isinstance(found, types.Int) and 0 < size <= _MAX_INTEGER:
            return (Boolean if found.boolean else Integer)(label, size, found.signed, order)
        return Raw(label, size, order)

    def _array(self, type_id: int, found: types.Array, depth: int) -> Codec:
        self._btf.size_of(type_id)  # refuses what is too large to count
        element = self.codec(found.type, depth + 1)
        kind = self._btf.underlying(found.type)
        if (
            isinstance(kind, types.Int)
            and kind.size == 1
            and (kind.char or kind.name == "char")
            and found.length
        ):
            return Text(f"char[{found.length}]", found.length)
        if isinstance(element, Integer) and Numbers.can_read(element):
            return Numbers(element, found.length)
        return Array(element, found.length, 1 + element.weight * found.length)

    def _counts(self, member: types.Member) -> bool:
        """Bit fields without a name only fill space."""
        return bool(member.name) or isinstance(self._btf.underlying(member.type), types.Compound)

    def _member(self, struct: types.Struct | types.Union, member: types.Member, depth: int) -> Field:
        codec = self.codec(member.type, depth + 1)
        offset, bits = self._place(member)
        where = f"BTF: member {member.name} of {struct.name or 'a struct'}"
        if bits:
            if not isinstance(codec, Integer) or bits > 8 * codec.size:
                raise ObjectError(f"{where} is a bit field of {bits} bits in {codec.label}")
            codec = BitField(codec, offset % 8, bits)
        elif offset % 8:
            raise ObjectError(f"{where} lies at bit {offset}, not at a whole byte")
        if offset // 8 + codec.size > struct.size:
            raise ObjectError(
                f"{where} ({codec.size} bytes at {offset // 8}) lies outside of its {struct.size} bytes"
            )
        return Field(member.name, codec, offset // 8)

    def _place(self, member: types.Member) -> tuple[int, int]:
        """First bit, and bits if it is a bit field: of compilers before 2019 only its integer type says that it is."""
        kind = self._btf.underlying(member.type)
        if not member.bits and isinstance(kind, types.Int) and kind.bits != 8 * kind.size:
            return member.offset + kind.offset, kind.bits
        return member.offset, member.bits

    def _variables(self, section: types.Datasec, depth: int) -> tuple[Field, ...]:
        fields = []
        for entry in section.variables:
            codec = self.codec(entry.type, depth + 1)
            name = self._btf.name(entry.type)
            if entry.offset + codec.size > section.size:
                raise ObjectError(f'BTF: variable "{name}" lies outside of section {section.name}')
            fields.append(Field(name, codec, entry.offset))
        return tuple(fields)

    def _label(self, type_id: int, found: types.Type) -> str:
        """The name that the type goes by in the source."""
        name = self._btf.type(type_id)
        while isinstance(name, types.Qualifier):
            name = self._btf.type(name.type)
        if isinstance(name, types.Typedef):
            return name.name
        keyword = {"Struct": "struct", "Union": "union", "Enum": "enum", "Enum64": "enum"}.get(
            type(found).__name__
        )
        return " ".join(word for word in (keyword, getattr(found, "name", "")) if word)
