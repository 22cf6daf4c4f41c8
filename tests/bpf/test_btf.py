# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shutil
import struct
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.bpf import btf as btf_module
from bpfman.bpf import btf_types as types
from bpfman.bpf.btf import Btf
from bpfman.bpf.btf_text import describe
from bpfman.bpf.elf import ElfFile
from bpfman.errors import ObjectError
from tests.bpf.crafted import OBJECTS, VMLINUX, WITH_BTF, Types, read_object
from tests.bpf.fuzz import changed, fuzz, limited, refusal

if TYPE_CHECKING:
    from pathlib import Path

LINKAGE = {0: "static", 1: "global", 2: "extern"}

needs_vmlinux = pytest.mark.skipif(not VMLINUX.exists(), reason="this kernel has no BTF of its own")


def bpftool_dump(path: Path, base: Path | None = None) -> list[dict[str, Any]]:
    bpftool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    with_base = ["-B", str(base)] if base else []
    command = [bpftool, "-j", *with_base, "btf", "dump", "file", str(path), "format", "raw"]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    found: list[dict[str, Any]] = json.loads(said)["types"]
    return found


def object_btf(name: str) -> Btf:
    elf = ElfFile.parse(read_object(name))
    section = elf.section(".BTF")
    assert section is not None
    return Btf.parse(elf.data(section))


@cache
def vmlinux() -> Btf:
    return Btf.parse(VMLINUX.read_bytes())


def as_bpftool(type_id: int, found: types.Type) -> dict[str, Any]:
    """The type in the words of `bpftool btf dump format raw -j`."""
    out: dict[str, Any] = {"id": type_id, "kind": type(found).__name__.upper(), "name": named(found)}
    out["kind"] = {"FUNCPROTO": "FUNC_PROTO", "DECLTAG": "DECL_TAG", "TYPETAG": "TYPE_TAG"}.get(
        out["kind"], out["kind"]
    )
    match found:
        case types.Int():
            encoding = (
                "SIGNED" if found.signed else "CHAR" if found.char else "BOOL" if found.boolean else "(none)"
            )
            out |= {
                "size": found.size,
                "bits_offset": found.offset,
                "nr_bits": found.bits,
                "encoding": encoding,
            }
        case types.Array():
            out |= {"type_id": found.type, "index_type_id": found.index_type, "nr_elems": found.length}
        case types.Struct() | types.Union():
            out |= {"size": found.size, "vlen": len(found.members)}
            out["members"] = [
                {"name": named(m), "type_id": m.type, "bits_offset": m.offset}
                | ({"bitfield_size": m.bits} if m.bits else {})
                for m in found.members
            ]
        case types.Enum() | types.Enum64():
            out |= {
                "size": found.size,
                "encoding": "SIGNED" if found.signed else "UNSIGNED",
                "vlen": len(found.values),
            }
            out["values"] = [{"name": v.name, "val": v.value} for v in found.values]
        case types.Fwd():
            out["fwd_kind"] = "union" if found.is_union else "struct"
        case types.FuncProto():
            out |= {"ret_type_id": found.type, "vlen": len(found.params)}
            out["params"] = [{"name": named(p), "type_id": p.type} for p in found.params]
        case types.Func() | types.Var():
            out |= {"type_id": found.type, "linkage": LINKAGE[found.linkage]}
        case types.Datasec():
            out |= {"size": found.size, "vlen": len(found.variables)}
            out["vars"] = [{"type_id": v.type, "offset": v.offset, "size": v.size} for v in found.variables]
        case types.Float():
            out["size"] = found.size
        case types.DeclTag():
            out |= {"type_id": found.type, "component_idx": found.component}
        case types.Void():
            raise AssertionError("void is not in the file")
        case _:
            out["type_id"] = found.type
    return out


def named(found: Any) -> str:
    return getattr(found, "name", "") or "(anon)"


def check_against_bpftool(btf: Btf, dump: list[dict[str, Any]]) -> None:
    assert [found["id"] for found in dump] == list(range(dump[0]["id"], len(btf)))
    for expected in dump:
        for value in expected.get("values", ()):
            if expected["kind"] == "ENUM":  # bpftool prints the 32 bits as a 64-bit number of either sign
                low = -(1 << 31) if expected["encoding"] == "SIGNED" else 0
                value["val"] = (value["val"] - low) % (1 << 32) + low
        assert as_bpftool(expected["id"], btf.type(expected["id"])) == expected


@pytest.mark.parametrize("name", WITH_BTF)
def test_types_of_objects_are_those_of_bpftool(name):
    check_against_bpftool(object_btf(name), bpftool_dump(OBJECTS / name))


@needs_vmlinux
def test_types_of_the_kernel_are_those_of_bpftool():
    check_against_bpftool(vmlinux(), bpftool_dump(VMLINUX))


@needs_vmlinux
def test_every_type_of_the_kernel_can_be_described():
    btf = vmlinux()
    for type_id in range(len(btf)):
        assert describe(btf, type_id).isprintable()


@needs_vmlinux
def test_few_types_of_the_kernel_become_values():
    btf = Btf.parse(VMLINUX.read_bytes())
    assert btf.find("task_struct", types.KIND_STRUCT) is not None
    assert len(btf._read) == 0
    assert len(btf) > 10_000


def each_kind(byteorder: str) -> Types:
    """One type of each kind there is, and enums and bit fields with and without a sign."""
    made = Types(byteorder)
    number = made.integer("int", 4, 1)
    made.add(2, "", number)
    made.add(3, "", 0, number, number, 7)
    struct_id = made.compound(4, "s", 8, ("a", number, 3 << 24 | 0), ("b", number, 5 << 24 | 3), flag=1)
    made.compound(5, "u", 4, ("a", number, 0), ("", struct_id, 0))
    made.add(6, "small", 4, made.string("LOW"), -5, made.string("HIGH"), 5, vlen=2, flag=1)
    made.add(6, "plain", 1, made.string("TOP"), 255, vlen=1)
    made.add(7, "later", 0, flag=1)
    for kind in (8, 9, 10, 11):
        made.add(kind, "t" if kind == 8 else "", number)
    prototype = made.add(13, "", number, made.string("x"), number, 0, 0, vlen=2)
    made.add(12, "f", prototype, vlen=1)
    var = made.add(14, "v", number, 1)
    made.add(15, ".data", 8, var, 4, 4, vlen=1)
    made.add(16, "double", 8)
    made.add(17, "note", struct_id, 1)
    made.add(18, "user", number)
    made.add(19, "wide", 8, made.string("MINUS"), 0xFFFFFFFF, 0xFFFFFFFF, vlen=1, flag=1)
    made.add(19, "wider", 8, made.string("MOST"), 0xFFFFFFFF, 0xFFFFFFFF, vlen=1)
    return made


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_every_kind_is_read_as_bpftool_reads_it(byteorder, tmp_path):
    made = each_kind(byteorder)
    path = tmp_path / "kinds.btf"
    path.write_bytes(made.blob())
    btf = Btf.parse(path.read_bytes())
    assert btf.byteorder == byteorder
    assert {type(btf.type(type_id)) for type_id in range(len(btf))} == set(types.Type.__args__)
    check_against_bpftool(btf, bpftool_dump(path))
    assert btf.type(btf.find("wide")).values == (("MINUS", -1),)  # type: ignore[arg-type, union-attr]
    assert btf.type(btf.find("wider")).values == (("MOST", (1 << 64) - 1),)  # type: ignore[arg-type, union-attr]
    assert btf.type(btf.find("small")).values == (("LOW", -5), ("HIGH", 5))  # type: ignore[arg-type, union-attr]


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_split_types_go_on_where_their_base_ends(byteorder, tmp_path):
    base, below = each_kind(byteorder), tmp_path / "base"
    below.write_bytes(base.blob())
    made = Types(byteorder, base.next, len(base.strings))
    number = made.add(8, "number_t", 1)
    made.compound(4, "own", 4, ("n", number, 0))
    made.add(8, base.string("int"), 1)  # a string that only the base has room for
    below.write_bytes(base.blob())
    made = Types(byteorder, base.next, len(base.strings))
    number = made.add(8, "number_t", 1)
    made.compound(4, "own", 4, ("n", number, 0))
    made.add(8, 1, 1)  # named by a string of the base
    above = tmp_path / "split"
    above.write_bytes(made.blob())
    btf = Btf.parse(above.read_bytes(), Btf.parse(below.read_bytes()))
    check_against_bpftool(btf, bpftool_dump(above, below))
    assert btf.type(1) == Btf.parse(below.read_bytes()).type(1)
    assert btf.name(1) == "int"
    assert btf.find("own", types.KIND_STRUCT) == number + 1
    assert btf.find("s", types.KIND_STRUCT) == 4
    assert btf.find("int", types.KIND_TYPEDEF) == number + 2
    assert list(btf.ids(types.KIND_TYPEDEF)) == [9, number, number + 2]
    assert btf.size_of(number + 1) == 4
    with pytest.raises(ObjectError, match=f"type {len(btf)} does not exist"):
        btf.type(len(btf))


def test_split_types_of_the_other_byte_order_are_refused():
    base = Btf.parse(each_kind("big").blob())
    with pytest.raises(ObjectError, match="little-endian types over a big-endian base"):
        Btf.parse(Types("little", len(base), 1).blob(), base)


def test_split_types_need_no_strings_of_their_own():
    base = Btf.parse(each_kind("little").blob())
    made = Types("little", len(base), 1)
    made.strings = b""
    made.add(2, "", 1)
    assert Btf.parse(made.blob(), base).type(len(base)) == types.Ptr(1)


def test_the_lowest_id_of_a_name_is_found():
    made = Types()
    first = made.compound(4, "x", 0)
    second = made.add(8, "x", first)
    made.compound(4, "xx", 0)  # ends with the name
    made.add(8, "x", second)
    btf = Btf.parse(made.blob())
    assert btf.find("x") == first
    assert btf.find("x", types.KIND_TYPEDEF) == second
    assert btf.find("x", types.KIND_UNION) is None
    assert btf.find("") is None
    assert btf.find("y") is None
    assert btf.find("x\0xx") is None


def test_a_name_may_be_the_end_of_another():
    made = Types()
    offset = made.string("prefixed")
    made.compound(4, offset + 3, 0)  # type: ignore[arg-type]
    btf = Btf.parse(made.blob())
    assert btf.name(1) == "fixed"
    assert btf.find("fixed") == 1


@needs_vmlinux
def test_functions_of_the_kernel_are_found():
    btf = vmlinux()
    found = btf.find("tcp_connect", types.KIND_FUNC)
    assert found is not None
    assert describe(btf, found) == "int tcp_connect(struct sock *sk)"
    assert btf.find("there_is_no_such_function", types.KIND_FUNC) is None


def test_resolving_skips_names_and_qualifiers():
    made = Types()
    number = made.integer()
    last = made.add(18, "user", made.add(8, "t", made.add(9, "", made.add(10, "", made.add(11, "", number)))))
    btf = Btf.parse(made.blob())
    assert btf.resolve(last) == number
    assert btf.underlying(last) == types.Int("int", 4, False, False, False, 0, 32)
    assert btf.resolve(0) == 0


def test_sizes():
    made = Types()
    number = made.integer("short", 2)
    grid = made.add(3, "", 0, made.add(3, "", 0, number, number, 3), number, 5)
    struct_id = made.compound(4, "s", 12)
    sized = {
        grid: 30, made.add(2, "", 0): 8, made.add(8, "t", grid): 30, struct_id: 12, made.add(14, "v", struct_id, 1): 12,
        made.add(3, "", 0, struct_id, number, 0): 0, made.add(19, "e", 8): 8, made.add(16, "f", 4): 4,
    }  # fmt: skip
    nothing = [0, made.add(7, "fwd"), made.add(13), made.add(17, "note", struct_id, 0)]
    btf = Btf.parse(made.blob())
    assert {type_id: btf.size_of(type_id) for type_id in sized} == sized
    for type_id in nothing:
        with pytest.raises(ObjectError, match="has no size"):
            btf.size_of(type_id)


GOOD = each_kind("little").blob()


def typed(*words: int) -> bytes:
    made = Types()
    made.words = list(words)
    return made.blob()


NOT_BTF = {
    "empty": (b"", "header is truncated: 0 of 24 bytes"),
    "half a header": (GOOD[:23], "header is truncated: 23 of 24"),
    "magic": (b"\x7fELF" + GOOD[4:], "not BTF: it begins with 7f 45"),
    "version": (Types().blob(version=2), "version 2, expected 1"),
    "short header": (Types().blob(hdr_len=8), "a header of 8 bytes"),
    "long header": (Types().blob(hdr_len=1 << 30), "a header of 1073741824 bytes"),
    "unaligned types": (Types().blob(type_off=2), "expected multiples of 4"),
    "types over strings": (Types().blob(type_len=8), "types overlap its strings"),
    "strings past the end": (GOOD[:-1], r"strings \(\d+ bytes at \d+\) run past its end"),
    "huge strings": (Types().blob(str_len=0xFFFFFFFF), "run past its end"),
    "no strings": (Types().blob(str_len=0), "do not end with NUL"),
    "strings without end": (GOOD[:-1] + b"x", "do not end with NUL"),
    "first string": (GOOD.replace(b"\0int\0", b"xint\0", 1), "first string is not empty"),
    "kind 0": (typed(0, 0, 0), "type 1 is of unknown kind 0"),
    "kind 20": (typed(0, 20 << 24, 0), "type 1 is of unknown kind 20"),
    "kind 31": (typed(0, 2 << 24, 0, 0, 31 << 24, 0), "type 2 is of unknown kind 31"),
    "reserved bits": (
        typed(0, 2 << 24 | 1 << 20, 0, 0, 2 << 24, 0),
        "type 1 has reserved bits set: info 0x2100000",
    ),
    "reserved bits at last": (typed(0, 2 << 24 | 1 << 29, 0), r"type 1 \(ptr\) is truncated or has reserved"),
    "one word": (typed(0), "type 1 is of unknown kind 0"),
    "two words": (typed(0, 2 << 24), r"type 1 \(ptr\) is truncated"),
    "members missing": (typed(0, 4 << 24 | 2, 0, 0, 0, 0), r"type 1 \(struct\) is truncated"),
    "integer missing": (typed(0, 1 << 24, 4), r"type 1 \(int\) is truncated"),
}


@pytest.mark.parametrize(("data", "message"), NOT_BTF.values(), ids=NOT_BTF)
def test_what_is_wrong_is_said(data, message):
    with pytest.raises(ObjectError, match=message):
        Btf.parse(data)


def test_too_large_blobs_are_refused(monkeypatch):
    with pytest.raises(ObjectError, match="BTF of 67108865 bytes"):
        Btf.parse(bytes(btf_module.MAX_SIZE + 1))
    monkeypatch.setattr(btf_module, "MAX_TYPES", 5)
    with pytest.raises(ObjectError, match="more than 5 types"):
        Btf.parse(GOOD)


def test_ids_and_strings_out_of_range_are_refused_when_followed():
    made = Types()
    pointer = made.add(2, "", 0xFFFFFFFF)
    typedef = made.add(8, "t", 77)
    nameless = made.add(8, 0xFFFFFF, pointer)
    btf = Btf.parse(made.blob())
    assert btf.type(pointer) == types.Ptr(0xFFFFFFFF)
    for call in (btf.type, btf.resolve, btf.size_of, btf.name):
        with pytest.raises(ObjectError, match="type 4294967295 does not exist, the last one is 3"):
            call(0xFFFFFFFF)
        with pytest.raises(ObjectError, match="type -1 does not exist"):
            call(-1)
    with pytest.raises(ObjectError, match="type 77 does not exist"):
        btf.resolve(typedef)
    with pytest.raises(ObjectError, match="offset 16777215 of a string is beyond"):
        btf.type(nameless)


def test_types_that_lead_to_themselves_end():
    made = Types()
    looping = made.add(8, "t", 2)
    made.add(10, "", looping)
    array = made.add(3, "", 0, 3, 1, 2)
    qualified = made.add(2, "", made.add(10, "", made.next))
    btf = Btf.parse(made.blob())
    with pytest.raises(ObjectError, match="behind more than 32 typedefs"):
        btf.resolve(looping)
    with pytest.raises(ObjectError, match="behind more than 32 typedefs"):
        btf.size_of(looping)
    with pytest.raises(ObjectError, match="an array of more than 32 dimensions"):
        btf.size_of(array)
    for type_id in (looping, array, qualified):
        with pytest.raises(ObjectError, match=r"nested too deeply|behind more than 32"):
            describe(btf, type_id)


def test_sizes_the_kernel_cannot_count_are_refused():
    made = Types()
    number = made.integer()
    array = made.add(3, "", 0, number, number, 1 << 30)
    btf = Btf.parse(made.blob())
    with pytest.raises(ObjectError, match="has 4294967296 bytes"):
        btf.size_of(array)


def test_anonymous_types_that_contain_themselves_are_not_written_out():
    made = Types()
    made.compound(4, "", 4, ("a", 1, 0), ("b", 1, 0))
    with pytest.raises(ObjectError, match="nested too deeply"):
        limited(200_000, describe, Btf.parse(made.blob()), 1)


def test_names_repeated_without_end_are_not_written_out():
    made = Types()
    inner = made.compound(4, "x" * 10_000, 0)
    outer = made.compound(4, "o", 0, *[("m", inner, 0)] * 1000)
    with pytest.raises(ObjectError, match="or too large"):
        describe(Btf.parse(made.blob()), outer)


TEXTS = {
    "struct s { int a:3; int b:5; }": "s",
    "union u { int a; struct s; }": "u",
    "enum small { LOW = -5, HIGH = 5 }": "small",
    "t": "t",
    "int f(int x, ...)": "f",
    "int v": "v",
    "section .data { int v; }": ".data",
    "union later": "later",
}


@pytest.mark.parametrize(("text", "name"), TEXTS.items())
def test_types_are_described_as_c(text, name):
    btf = Btf.parse(GOOD)
    type_id = btf.find(name)
    assert type_id is not None
    assert describe(btf, type_id) == text


def test_declarations_are_inside_out_as_in_c():
    made = Types()
    char = made.integer("char", 1, 1)
    constant = made.add(10, "", char)
    pointer = made.add(2, "", constant)
    constant_pointer = made.add(10, "", made.add(9, "", pointer))
    array = made.add(3, "", 0, pointer, char, 3)
    function = made.add(2, "", made.add(13, "", pointer, 0, array, vlen=1))
    anonymous = made.compound(4, "", 1, ("c", char, 0))
    alias = made.add(8, "alias_t", anonymous)
    named = made.add(8, "named_t", made.compound(4, "n", 1, ("c", char, 0)))
    tagged = made.add(2, "", made.add(18, "rcu", array))
    btf = Btf.parse(made.blob())
    assert describe(btf, 0) == "void"
    assert describe(btf, pointer) == "const char *"
    assert describe(btf, constant_pointer) == "const char *volatile const"
    assert describe(btf, array) == "const char *[3]"
    assert describe(btf, function) == "const char *(*)(const char *[3])"
    assert describe(btf, alias) == "typedef struct { char c; } alias_t"
    assert describe(btf, named) == "struct n { char c; }"
    assert describe(btf, tagged) == "const char *(*)[3]"


def read_all(data: bytes) -> None:
    """Whatever can be asked of each type."""
    btf = Btf.parse(data)
    btf.find("int")
    for type_id in range(len(btf)):
        for call in (btf.name, btf.type, btf.resolve, btf.size_of):
            assert refusal(ObjectError, call, type_id).isprintable()


def check_only_object_errors(data: bytes) -> None:
    assert refusal(ObjectError, limited, 20_000 + 100 * len(data), read_all, data).isprintable()


@fuzz
@given(
    st.sampled_from([GOOD, each_kind("big").blob()]),
    st.lists(st.tuples(st.integers(0, 1 << 12), st.binary(min_size=1, max_size=4)), max_size=8),
)
def test_changed_blobs_give_an_object_error_or_nothing(blob, changes):
    check_only_object_errors(changed(blob, changes))


@fuzz
@given(st.lists(st.one_of(st.integers(0, 40), st.integers(0, 0xFFFFFFFF)), max_size=60), st.data())
def test_any_words_give_an_object_error_or_nothing(words, data):
    """Words that look like types, of every kind and with short lists of members."""
    for at in range(1, len(words), 3):
        if data.draw(st.booleans()):
            words[at] = data.draw(st.integers(0, 21)) << 24 | data.draw(st.integers(0, 3))
    check_only_object_errors(typed(*words))


@fuzz
@given(st.binary(max_size=200))
def test_any_bytes_give_an_object_error_or_nothing(data):
    check_only_object_errors(data)
    check_only_object_errors(GOOD[:24] + data)
    check_only_object_errors(struct.pack("<HBBI", 0xEB9F, 1, 0, 24) + data)
