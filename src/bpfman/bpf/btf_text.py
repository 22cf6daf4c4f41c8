# SPDX-License-Identifier: Apache-2.0
"""Writes BTF types as C, for people: `struct counter { __u64 packets; __u64 bytes; }`.

Used where a map's key and value are shown.  A named type inside another is its name alone, an anonymous one its
members.  What comes of crafted types is bounded in depth and length.  Does no I/O.
"""

from __future__ import annotations

from bpfman.bpf import btf_types as types
from bpfman.bpf.btf import MAX_DEPTH
from bpfman.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.btf import Btf

    Compound = types.Struct | types.Union
    Enumeration = types.Enum | types.Enum64

_MAX_TEXT = 1 << 20  # characters; the largest struct of vmlinux takes some 10,000


def describe(btf: Btf, type_id: int) -> str:
    """The type in one line of C: a struct, union, enum or section with its members, another by its name."""
    writer = _Writer(btf)
    found = btf.type(type_id)
    if isinstance(found, types.Datasec):
        return writer.section(found)
    target = btf.underlying(type_id)
    if not isinstance(target, types.Compound + types.Enumeration):
        return writer.declare(type_id, "", 0)
    text = writer.body(target, 0)
    return text if target.name or not isinstance(found, types.Typedef) else f"typedef {text} {found.name}"


class _Writer:
    """C's declarations are inside out: `declare` is handed what it says of the name so far, and wraps it."""

    def __init__(self, btf: Btf) -> None:
        self._btf = btf
        self._left = _MAX_TEXT

    def declare(self, type_id: int, inner: str, depth: int) -> str:
        """The declaration of something of that type; `inner` is its name, or the part around it that is done."""
        self._count(inner, depth)
        found = self._btf.type(type_id)
        if isinstance(found, types.Ptr):
            return self.declare(found.type, self._pointer(found.type, inner), depth + 1)
        if isinstance(found, types.Array):
            return self.declare(found.type, f"{inner}[{found.length}]", depth + 1)
        if isinstance(found, types.FuncProto):
            return self.declare(found.type, f"{inner}({self._params(found, depth)})", depth + 1)
        if isinstance(found, (types.TypeTag, types.DeclTag)):
            return self.declare(found.type, inner, depth + 1)
        if isinstance(found, (types.Var, types.Func)):
            return self.declare(found.type, found.name, depth + 1)
        if isinstance(found, types.Qualifier):
            return self._qualified(found, inner, depth)
        return _joined(self._name(found, depth), inner)

    def body(self, found: Compound | Enumeration, depth: int) -> str:
        """A type with what is in it."""
        if isinstance(found, types.Compound):
            inside = [self._member(member, depth + 1) for member in found.members]
        else:
            inside = [", ".join(self._enumerator(value, depth) for value in found.values)]
        return " ".join(part for part in (_keyword(found), found.name, "{", *inside, "}") if part)

    def section(self, found: types.Datasec) -> str:
        """The variables of a section, as the kernel lays them out in the map of global data."""
        inside = [f"{self.declare(entry.type, '', 1)};" for entry in found.variables]
        return " ".join((f"section {found.name}", "{", *inside, "}"))

    def _member(self, member: types.Member, depth: int) -> str:
        bits = f":{member.bits}" if member.bits else ""
        return f"{self.declare(member.type, member.name, depth)}{bits};"

    def _enumerator(self, value: types.Enumerator, depth: int) -> str:
        self._count(value.name, depth)
        return f"{value.name} = {value.value}"

    def _name(self, found: types.Type, depth: int) -> str:
        if isinstance(found, types.Compound + types.Enumeration) and not found.name:
            return self.body(found, depth)
        if isinstance(found, types.Void):
            return "void"
        name: str = getattr(found, "name", "")
        self._count(name, depth)
        return f"{keyword} {name}" if (keyword := _keyword(found)) else name

    def _pointer(self, target: int, inner: str) -> str:
        """Arrays and functions bind tighter than the star, so they need parentheses around it."""
        binds_tighter = isinstance(self._behind(target), (types.Array, types.FuncProto))
        return f"(*{inner})" if binds_tighter else f"*{inner}"

    def _qualified(self, found: types.Const | types.Volatile | types.Restrict, inner: str, depth: int) -> str:
        """`const` stands right of the star of a pointer that is constant, left of anything else."""
        word = type(found).__name__.lower()
        if isinstance(self._behind(found.type), types.Ptr):
            return self.declare(found.type, _joined(word, inner), depth + 1)
        return f"{word} {self.declare(found.type, inner, depth + 1)}"

    def _behind(self, type_id: int) -> types.Type:
        """What qualifiers and type tags are about; unlike `Btf.resolve`, typedefs stay."""
        for _ in range(MAX_DEPTH):
            found = self._btf.type(type_id)
            if not isinstance(found, (*types.Qualifier, types.TypeTag)):
                return found
            type_id = found.type
        raise _too_large()

    def _params(self, found: types.FuncProto, depth: int) -> str:
        if not found.params:
            return "void"
        return ", ".join(
            self.declare(param.type, param.name, depth + 1) if param.type else "..." for param in found.params
        )

    def _count(self, text: str, depth: int) -> None:
        self._left -= 1 + len(text)
        if depth > MAX_DEPTH or self._left < 0:
            raise _too_large()


def _too_large() -> ObjectError:
    return ObjectError("BTF: a type is nested too deeply to be shown, or too large")


def _keyword(found: types.Type) -> str:
    if isinstance(found, types.Struct):
        return "struct"
    if isinstance(found, types.Union):
        return "union"
    if isinstance(found, types.Fwd):
        return "union" if found.is_union else "struct"
    return "enum" if isinstance(found, types.Enumeration) else ""


def _joined(left: str, right: str) -> str:
    """`int x`, `int *x`, and `int` for what has no name."""
    return f"{left} {right}" if right else left
