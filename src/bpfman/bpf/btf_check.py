# SPDX-License-Identifier: Apache-2.0
"""Checks all types of an object's BTF, since libbpf will follow them.

`Btf` checks a type when it is asked for, which is right for vmlinux and for what the kernel returns.  An object's
types go to libbpf: older ones (1.1 is one) believe every id and name offset in them and read what is not there, and
none stops at typedefs that lead to themselves (libbpf.c, skip_mods_and_typedefs).  Called by `object_summary`; must
not open files.
"""

from __future__ import annotations

from bpfman.bpf import btf_types as types
from bpfman.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.btf import Btf

# vmlinux has some 100,000; what an object needs of them is hundreds, seldom thousands.
MAX_TYPES = 65536


def check_types(btf: Btf) -> None:
    """ObjectError unless every name can be read, every id exists and is of the kind it must be, and no type is made
    of itself."""
    if len(btf) > MAX_TYPES:
        raise ObjectError(f"BTF: {len(btf)} types, more than the {MAX_TYPES} that an object may have")
    for type_id in range(1, len(btf)):
        for target in _references(btf.type(type_id)):
            if target >= len(btf):
                raise ObjectError(
                    f"BTF: type {type_id} refers to type {target}, the last one is {len(btf) - 1}"
                )
        _check_kinds(btf, type_id)
        btf.resolve(type_id)
    _check_nesting(btf)


def _references(found: types.Type) -> Iterator[int]:
    """Every id in a type."""
    if isinstance(found, types.Compound):
        yield from (member.type for member in found.members)
    elif isinstance(found, types.Datasec):
        yield from (variable.type for variable in found.variables)
    elif isinstance(found, types.Array):
        yield from (found.type, found.index_type)
    else:
        if isinstance(found, types.FuncProto):
            yield from (param.type for param in found.params)
        yield getattr(found, "type", 0)


def _check_kinds(btf: Btf, type_id: int) -> None:
    """Functions have prototypes, sections variables (or, of the kernel's symbols, functions)."""
    found = btf.type(type_id)
    if isinstance(found, types.Func) and not isinstance(btf.type(found.type), types.FuncProto):
        raise ObjectError(f"BTF: function {found.name!r} has type {found.type}, which is no prototype")
    if isinstance(found, types.Datasec):
        for variable in found.variables:
            if not isinstance(btf.type(variable.type), (types.Var, types.Func)):
                raise ObjectError(
                    f"BTF: section {found.name!r} has type {variable.type}, which is no variable"
                )


def _check_nesting(btf: Btf) -> None:
    """No type contains itself.  Pointers and prototypes may lead back: they contain nothing."""
    done = {0}
    for first in range(1, len(btf)):
        if first in done:
            continue
        path: dict[int, Iterator[int]] = {first: _contents(btf, first)}
        while path:
            inner, below = next(reversed(path.items()))
            deeper = next((target for target in below if target not in done), None)
            if deeper is None:
                done.add(inner)
                del path[inner]
            elif deeper in path:
                raise ObjectError(f"BTF: type {deeper} contains itself")
            else:
                path[deeper] = _contents(btf, deeper)


def _contents(btf: Btf, type_id: int) -> Iterator[int]:
    """The types that a value of this one is made of."""
    found = btf.type(type_id)
    if isinstance(found, (types.Ptr, types.FuncProto, types.Func, types.DeclTag)):
        return iter(())
    return _references(found)
