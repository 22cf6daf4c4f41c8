# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.bpf import object_variables
from bpfman.bpf.object_maps import PIN_BY_NAME
from bpfman.bpf.object_summary import ObjectSummary
from bpfman.errors import InvalidRequest, ObjectError
from tests.bpf.crafted import (
    NAMES,
    OBJECTS,
    Types,
    name_offset,
    read_object,
    with_contents,
    with_section,
    with_symbol,
)
from tests.bpf.fuzz import changed, fuzz, limited, refusal

KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_FUNC, KIND_FUNC_PROTO, KIND_VAR, KIND_DATASEC = (
    2,
    3,
    4,
    12,
    13,
    14,
    15,
)


def skeleton(name: str) -> str:
    """What libbpf makes of an object it has opened and not loaded."""
    bpftool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    command = [bpftool, "gen", "skeleton", str(OBJECTS / name), "name", "it"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", [name for name in NAMES if ".be." not in name])
def test_programs_maps_and_globals_are_those_of_libbpf(name):
    text = skeleton(name)
    ours = ObjectSummary.parse(read_object(name), "little")
    assert [program.name for program in ours.programs] == re.findall(r"struct bpf_program \*(\w+);", text)
    internal = {variable.section.removeprefix(".").replace(".", "_") for variable in ours.globals}
    # Settings of the kernel are for libbpf to fill in; struct_ops are maps of their own only since libbpf 1.2.
    internal |= {"kconfig"} | {each.name for each in ours.operations}
    maps = [found for found in re.findall(r"struct bpf_map \*(\w+);", text) if found not in internal]
    assert [definition.name for definition in ours.maps] == maps
    for section in {variable.section for variable in ours.globals}:
        struct = "it__" + section.removeprefix(".").replace(".", "_")
        body = re.search(rf"\tstruct {struct} {{\n(.*?)\t}}", text, re.DOTALL)
        members = re.findall(r"(\w+)(?:\[\d+\])?;", body[1]) if body else []
        names = [v.name for v in ours.globals if v.section == section and not v.local]
        assert names == [member for member in members if not member.startswith("__pad")]


def test_both_byte_orders_say_the_same():
    little, big = (ObjectSummary.parse(read_object(name)) for name in ("globals.o", "globals.be.o"))
    assert (little.programs, little.maps, little.globals) == (big.programs, big.maps, big.globals)


def test_programs_are_placed_in_their_sections():
    programs = ObjectSummary.parse(read_object("xdp_tailcall.o")).programs
    assert [(p.name, p.section, p.offset) for p in programs] == [
        ("xdp_tailcall", "xdp", 0),
        ("xdp_tail_target", "xdp", programs[0].instructions),
    ]


def test_functions_in_text_are_no_programs():
    assert [p.name for p in ObjectSummary.parse(read_object("xdp_subprogs.o")).programs] == ["xdp_subprogs"]


def test_license_is_the_text_up_to_nul():
    assert ObjectSummary.parse(read_object("nongpl.o")).license == "Proprietary"
    assert ObjectSummary.parse(read_object("gpl_helper.o")).license == "GPL"
    data = with_contents(read_object("gpl_helper.o"), "license", lambda _: b"MIT" * 30)
    assert ObjectSummary.parse(data).license == ("MIT" * 30)[:63]


def test_an_object_without_license_has_an_empty_one():
    data = with_section(read_object("gpl_helper.o"), "license", sh_name=0)
    assert ObjectSummary.parse(data).license == ""


def test_map_definitions_say_what_the_source_says():
    maps = {m.name: m for m in ObjectSummary.parse(read_object("map_kinds.o")).maps}
    assert maps["array"][1:6] == (2, 4, 8, 8, 0)
    assert maps["queue"].key_size == 0
    assert maps["queue"].key_type_id == 0
    assert maps["lpm_trie"].map_flags == 1
    assert maps["lpm_trie"].key_size == 8
    assert maps["ringbuf"].max_entries == 65536
    inner = maps["hash_of_maps"].inner
    assert inner is not None
    assert (inner.name, inner.type, inner.key_size, inner.value_size) == ("hash_of_maps.inner", 2, 4, 8)
    assert maps["hash_of_maps"].value_size == 4
    (pinned,) = ObjectSummary.parse(read_object("pin_by_name.o")).maps
    assert pinned.pinning == PIN_BY_NAME


def test_variables_lie_where_their_symbols_say():
    found = {v.name: v for v in ObjectSummary.parse(read_object("core_types.o")).globals}
    assert found["port"][1:4] == (".rodata.ports", 0, 2)
    assert found["shown"][1:4] == (".bss", 8, 16)
    assert found["plain.runs"][1:4] == (".bss", 0, 8)
    assert [v.name for v in found.values() if v.local] == ["hidden", "plain.runs", "limit"]


def test_without_btf_variables_come_from_symbols():
    data = read_object("globals.o")
    described = ObjectSummary.parse(data).globals
    (seen,) = ObjectSummary.parse(data).maps
    assert seen.name == "seen"
    bare = data
    for section in (".BTF", ".BTF.ext", ".maps"):
        bare = with_section(bare, section, sh_name=0)
    without = ObjectSummary.parse(bare)
    assert without.btf is None
    assert sorted(v[:4] for v in without.globals) == sorted(v[:4] for v in described)
    assert {v.type_id for v in without.globals} == {0}


def test_programs_are_selected_by_name():
    summary = ObjectSummary.parse(read_object("two_programs.o"))
    assert [p.section for p in summary.select(["second_tc", "first_xdp"])] == ["tc", "xdp"]
    with pytest.raises(InvalidRequest) as caught:
        summary.select(["first_xdp", "nope", "neither"])
    assert str(caught.value) == (
        "program(s) not found in object file: [nope, neither]; available programs: [first_xdp, second_tc]"
    )


def test_a_variable_that_is_not_there_is_answered_with_those_that_are():
    summary = ObjectSummary.parse(read_object("core_types.o"))
    assert summary.variable("limit").section == ".rodata"
    with pytest.raises(InvalidRequest) as caught:
        summary.variable("GLOBAL")
    assert str(caught.value) == (
        'global variable "GLOBAL" not found in program; available: [port, hidden, shown, limit]'
    )


def test_a_variable_in_two_sections_is_not_chosen():
    data = read_object("core_types.o")
    bare = with_section(with_section(data, ".BTF", sh_name=0), ".BTF.ext", sh_name=0)
    both = with_symbol(bare, "limit", st_name=name_offset(bare, "hidden"))
    with pytest.raises(
        InvalidRequest, match=r'"hidden" is ambiguous: there is one in each of \.data, \.rodata'
    ):
        ObjectSummary.parse(both).variable("hidden")


def test_local_type_ids_are_found():
    assert ObjectSummary.parse(read_object("core_types.o")).has_local_type_ids
    assert not ObjectSummary.parse(read_object("xdp_counter.o")).has_local_type_ids
    assert not ObjectSummary.parse(read_object("no_btf.o")).has_local_type_ids


COUNTER, TWO, GLOBALS = read_object("xdp_counter.o"), read_object("two_programs.o"), read_object("globals.o")

REFUSED = {
    "static program": (with_symbol(COUNTER, "xdp_stats", st_info=0x02), '"xdp_stats" in section xdp is static'),
    "program past the end": (with_symbol(COUNTER, "xdp_stats", st_size=1 << 20), "crosses its end"),
    "program wraps": (with_symbol(COUNTER, "xdp_stats", st_value=(1 << 64) - 8), "crosses its end"),
    "empty program": (with_symbol(COUNTER, "xdp_stats", st_size=0), "not made of whole instructions"),
    "half an instruction": (with_symbol(COUNTER, "xdp_stats", st_size=12), "not made of whole instructions"),
    "program without name": (with_symbol(COUNTER, "xdp_stats", st_name=0), "a function without a name"),
    "two of one name": (
        with_symbol(TWO, "first_xdp", st_name=name_offset(TWO, "second_tc")), 'more than one program named "second_tc"',
    ),
    "legacy maps": (
        with_section(COUNTER, ".maps", sh_name=name_offset(COUNTER, ".maps") + 1), "libbpf 1.0 no longer reads",
    ),
    "maps without BTF": (with_section(COUNTER, ".BTF", sh_name=0), "has no BTF to describe them"),
    "BTF without bytes": (with_section(COUNTER, ".BTF", sh_type=8), "section .BTF is of type 8"),
    "license without bytes": (with_section(COUNTER, "license", sh_type=8), "section license has no contents"),
    "license with escapes": (
        with_contents(COUNTER, "license", lambda old: b"\x1b[31mGPL"), "license is not printable",
    ),
    "no symbols": (with_section(COUNTER, ".symtab", sh_type=0), "has no symbols"),
    "relocation of code": (with_section(COUNTER, ".relxdp", sh_size=15), "in 15, expected 16"),
    "variable past the end": (
        with_symbol(GLOBALS, "GLOBAL_u64", st_value=36), r'"GLOBAL_u64" \(8 bytes at 36\) lies outside of',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_what_libbpf_would_refuse_is_refused_in_words(data, message):
    with pytest.raises(ObjectError, match=message):
        ObjectSummary.parse(data)


def test_types_of_the_other_byte_order_are_refused():
    other = Types("big").blob()
    with pytest.raises(ObjectError, match="is big-endian, the object little-endian"):
        ObjectSummary.parse(with_contents(COUNTER, ".BTF", lambda _: other))


class Definition:
    """The BTF of an object with one map, to be defined in odd ways."""

    def __init__(self) -> None:
        self.types = Types()
        self.number = self.types.integer()
        self.members: list[tuple[str, int, int]] = []

    def pointer(self, target: int) -> int:
        return self.types.add(KIND_PTR, "", target)

    def array(self, length: int) -> int:
        return self.types.add(KIND_ARRAY, "", 0, self.number, self.number, length)

    def uint(self, name: str, value: int) -> None:
        self.members.append((name, self.pointer(self.array(value)), 0))

    def read(self, linkage: int = 1, names: tuple[str, ...] = ("found",)) -> ObjectSummary:
        struct = self.types.compound(KIND_STRUCT, "", 64, *self.members)
        variables = [self.types.add(KIND_VAR, name, struct, linkage) for name in names]
        words = [word for variable in variables for word in (variable, 0, 64)]
        self.types.add(KIND_DATASEC, ".maps", 0, *words, vlen=len(variables))
        return ObjectSummary.parse(with_types(COUNTER, self.types))


@pytest.fixture
def definition() -> Definition:
    made = Definition()
    made.uint("type", 1)
    return made


def test_sizes_can_be_numbers(definition):
    definition.uint("key_size", 6)
    definition.uint("value_size", 12)
    (found,) = definition.read().maps
    assert (found.key_size, found.value_size, found.key_type_id) == (6, 12, 0)


def test_map_extra_can_be_a_64_bit_enum(definition):
    enum = definition.types.add(19, "", 8, definition.types.string("x"), 1, 1, vlen=1)
    definition.members.append(("map_extra", enum, 0))
    (found,) = definition.read().maps
    assert found.map_extra == 1 << 32 | 1


def test_members_of_later_libbpf_are_left_to_it(definition):
    definition.members.append(("colour", definition.number, 0))
    assert definition.read().maps[0].name == "found"


def test_a_map_needs_a_type():
    with pytest.raises(ObjectError, match='map "found" has no type'):
        Definition().read()


def test_a_static_map_is_refused(definition):
    with pytest.raises(ObjectError, match='"found" is static or extern'):
        definition.read(linkage=0)


def test_maps_of_one_name_are_refused(definition):
    with pytest.raises(ObjectError, match='more than one map named "twin"'):
        definition.read(names=("twin", "twin"))


def test_sizes_that_disagree_are_refused(definition):
    definition.members.append(("key", definition.pointer(definition.number), 0))
    definition.uint("key_size", 8)
    with pytest.raises(ObjectError, match="4 bytes by its type and 8 by key_size"):
        definition.read()


def test_a_pinning_that_does_not_exist_is_refused(definition):
    definition.uint("pinning", 2)
    with pytest.raises(ObjectError, match="pinning 2"):
        definition.read()


def with_types(data: bytes, types: Types) -> bytes:
    """The object with other types, and nothing said of its instructions."""
    blob = types.blob()
    return with_contents(with_section(data, ".BTF.ext", sh_name=0), ".BTF", lambda _: blob)


def test_maps_that_btf_does_not_describe_are_refused():
    for types, message in (
        (Types(), r"section \.maps is not described by the object's BTF"),
        (with_datasec(None), "type 3 is no variable"),
        (with_datasec(1), 'map "v" is defined by a Int, expected a struct'),
    ):
        with pytest.raises(ObjectError, match=message):
            ObjectSummary.parse(with_types(COUNTER, types))


def with_datasec(linkage: int | None, section: str = ".maps", count: int = 1) -> Types:
    """A section of one variable of that linkage, or of a function."""
    types = Types()
    number = types.integer()
    if linkage is None:
        entry = types.add(KIND_FUNC, "f", types.add(KIND_FUNC_PROTO, "", number))
    else:
        entry = types.add(KIND_VAR, "v", number, linkage)
    types.add(KIND_DATASEC, section, 0, *[entry, 0, 4] * count, vlen=count)
    return types


def without_maps(types: Types) -> bytes:
    """The object with global data, its types replaced."""
    return with_types(with_section(GLOBALS, ".maps", sh_name=0), types)


def test_variables_that_are_none_are_refused():
    with pytest.raises(ObjectError, match=r"section \.data: type 3 is no variable"):
        ObjectSummary.parse(without_maps(with_datasec(None, ".data")))


def test_extern_variables_are_elsewhere():
    found = ObjectSummary.parse(without_maps(with_datasec(2, ".data"))).globals
    assert [v.name for v in found if v.section == ".data"] == []


def test_more_variables_than_any_object_has_are_refused(monkeypatch):
    monkeypatch.setattr(object_variables, "MAX_VARIABLES", 100)
    with pytest.raises(ObjectError, match="more than 100 global variables"):
        ObjectSummary.parse(without_maps(with_datasec(1, ".data", 101)))


@pytest.mark.parametrize("name", ["max_entries", "map_extra", "key", "value", "values"])
def test_a_member_of_the_wrong_type_is_refused(definition, name):
    definition.members.append((name, definition.number, 0))
    with pytest.raises(ObjectError, match=f'map "found": {name} is a Int'):
        definition.read()


def test_maps_nest_once(definition):
    def holding(struct: int) -> tuple[str, int, int]:
        array = definition.types.add(KIND_ARRAY, "", 0, definition.pointer(struct), definition.number, 0)
        return "values", array, 0

    innermost = definition.types.compound(KIND_STRUCT, "", 8, definition.members[0])
    inner = definition.types.compound(KIND_STRUCT, "", 16, definition.members[0], holding(innermost))
    definition.members.append(holding(inner))
    with pytest.raises(ObjectError, match=r'map "found\.inner": maps of maps of maps do not exist'):
        definition.read()


def test_a_definition_is_not_worked_through_for_each_of_many_maps(definition):
    definition.members += [("pad", definition.number, 0)] * 1000
    with pytest.raises(ObjectError, match="1001 members, more than 64"):
        definition.read(names=("found",) * 1000)
    other = Definition()
    with pytest.raises(ObjectError, match="5000 maps, more than 4096"):
        other.read(names=("found",) * 5000)


@fuzz
@given(
    st.sampled_from(["xdp_counter.o", "map_kinds.o", "core_types.o", "globals.be.o"]),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=6)), max_size=8),
)
def test_changed_objects_give_an_object_error_or_a_summary(name, changes):
    data = changed(read_object(name), changes)
    assert refusal(ObjectError, limited, 20_000 + 20 * len(data), ObjectSummary.parse, data).isprintable()
