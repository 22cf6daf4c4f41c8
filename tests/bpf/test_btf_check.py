# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from bpfman.bpf import btf_check
from bpfman.bpf.btf import Btf
from bpfman.bpf.btf_check import check_types
from bpfman.bpf.elf import ElfFile
from bpfman.errors import ObjectError
from tests.bpf.crafted import WITH_BTF, Types, read_object
from tests.bpf.fuzz import limited

INT, PTR, ARRAY, STRUCT, TYPEDEF, CONST, FUNC, FUNC_PROTO, VAR, DATASEC = 1, 2, 3, 4, 8, 10, 12, 13, 14, 15


def check(types: Types) -> None:
    check_types(Btf.parse(types.blob()))


@pytest.mark.parametrize("name", WITH_BTF)
def test_types_of_a_compiler_are_sound(name):
    elf = ElfFile.parse(read_object(name))
    section = elf.section(".BTF")
    assert section is not None
    check_types(Btf.parse(elf.data(section)))


@pytest.fixture
def types() -> Types:
    made = Types()
    made.integer()
    return made


def test_names_nobody_asks_for_are_read(types):
    types.compound(STRUCT, "s", 4, ("m", 1, 0))
    types.words[-3] = 5111913  # of the member: libbpf 1.1 compares what lies there
    with pytest.raises(ObjectError, match="offset 5111913 of a string is beyond"):
        check(types)


@pytest.mark.parametrize(
    ("kind", "third", "more", "vlen"),
    [
        (PTR, 99, (), 0),
        (ARRAY, 0, (99, 1, 4), 0),
        (ARRAY, 0, (1, 99, 4), 0),
        (STRUCT, 4, (0, 99, 0), 1),
        (CONST, 99, (), 0),
        (FUNC_PROTO, 99, (), 0),
        (FUNC_PROTO, 1, (0, 99), 1),
        (VAR, 99, (1,), 0),
        (DATASEC, 0, (99, 0, 4), 1),
    ],
)
def test_ids_that_do_not_exist_are_refused(types, kind, third, more, vlen):
    types.add(kind, "", third, *more, vlen=vlen)
    with pytest.raises(ObjectError, match="type 2 refers to type 99, the last one is 2"):
        check(types)


def test_functions_have_prototypes(types):
    types.add(FUNC, "f", 1)
    with pytest.raises(ObjectError, match="function 'f' has type 1, which is no prototype"):
        check(types)


def test_sections_have_variables_or_functions_of_the_kernel(types):
    function = types.add(FUNC, "f", types.add(FUNC_PROTO, "", 1))
    variable = types.add(VAR, "v", 1, 1)
    types.add(DATASEC, ".ksyms", 0, function, 0, 0, variable, 0, 4, vlen=2)
    check(types)
    types.add(DATASEC, ".data", 0, 1, 0, 4, vlen=1)
    with pytest.raises(ObjectError, match=r"section '\.data' has type 1, which is no variable"):
        check(types)


def test_typedefs_that_lead_to_themselves_are_refused(types):
    types.add(TYPEDEF, "t", types.next)
    with pytest.raises(ObjectError, match="behind more than 32 typedefs"):
        check(types)


def test_structs_that_contain_themselves_are_refused(types):
    first = types.next
    types.compound(STRUCT, "outer", 8, ("number", 1, 0), ("inner", first + 1, 0))
    types.add(ARRAY, "", 0, first + 2, 1, 2)
    types.add(CONST, "", first)
    with pytest.raises(ObjectError, match=f"type {first} contains itself"):
        check(types)


def test_structs_may_point_to_themselves(types):
    first = types.next
    pointer, callback = first + 1, first + 2
    types.compound(STRUCT, "list", 16, ("next", pointer, 0), ("call", callback, 64))
    types.add(PTR, "", first)
    types.add(PTR, "", types.next + 1)
    types.add(FUNC_PROTO, "", first, 0, first, vlen=1)
    check(types)


def test_shared_members_are_looked_into_once(types):
    """Two of the next one in each, forty deep."""
    inner = 1
    for _ in range(40):
        inner = types.compound(STRUCT, "", 4, ("a", inner, 0), ("b", inner, 0))
    limited(10_000, check, types)


def test_long_chains_need_no_recursion(types):
    inner = 1
    for _ in range(5000):
        inner = types.compound(STRUCT, "", 4, ("a", inner, 0))
    check(types)


def test_more_types_than_any_object_has_are_refused(types, monkeypatch):
    monkeypatch.setattr(btf_check, "MAX_TYPES", 3)
    types.add(PTR, "", 1)
    check(types)
    types.add(PTR, "", 1)
    with pytest.raises(ObjectError, match="4 types, more than the 3 that an object may have"):
        check(types)
