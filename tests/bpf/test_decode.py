# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.bpf.btf import Btf
from bpfman.bpf.decode import Decoder, bytes_decoder, decode_per_cpu, describe
from bpfman.bpf.elf import ElfFile
from bpfman.bpf.object_summary import ObjectSummary
from bpfman.errors import BpfmanError, InvalidRequest, ObjectError
from tests.bpf.crafted import VMLINUX, WITH_BTF, Types, read_object
from tests.bpf.fuzz import changed, fuzz, limited, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

PTR, ARRAY, STRUCT, UNION, ENUM, TYPEDEF, FLOAT, ENUM64 = 2, 3, 4, 5, 6, 8, 16, 19
SIGNED, CHAR, BOOL = 1, 2, 4
ORDERS = ["little", "big"]


def variable(object_name: str, name: str) -> tuple[Decoder, bytes]:
    """The decoder of a global variable, and the bytes that the compiler has laid out for it."""
    elf = ElfFile.parse(read_object(object_name))
    summary = ObjectSummary.of(elf)
    found = summary.variable(name)
    section = elf.section(found.section)
    assert section is not None
    assert summary.btf is not None
    contents = bytes(elf.data(section))[found.offset : found.offset + found.size]
    return Decoder(summary.btf, found.type_id), contents


KNOWN = {
    "u8": 200, "s8": -100, "u16": 60000, "s16": -30000, "u32": 4000000000, "s32": -2000000000,
    "u64": 18000000000000000000, "s64": -9000000000000000000, "u128": (1 << 100) + 1, "yes": True, "letter": ord("x"),
    "name": "bpfman", "bytes": [1, 2, 3, 4, 5, 6], "colour": "BLUE", "unsigned_colour": "VIOLET",
    "point": {"x": -1, "y": 2}, "points": [{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 6}],
    "grid": [[1, 2, 3], [4, 5, 6]], "inner": 7, "left": 8, "right": 8,
    "flags": {"low": 5, "negative": -7, "crosses": 0xABCDE, "wide": 0x1234567890, "yes": True},
    "qualified": 99, "pointer": 0, "unknown": 0, "callback": 0, "empty": {}, "none": [], "floating": 1.5,
    "single": -0.25, "host": 0x0A000001,
}  # fmt: skip


@pytest.mark.parametrize(("name", "order"), [("types.o", [4, 3, 2, 1]), ("types.be.o", [1, 2, 3, 4])])
def test_every_type_is_decoded_as_the_compiler_laid_it_out(name, order):
    decoder, contents = variable(name, "known")
    assert decoder.decode(contents) == KNOWN | {"either": {"as_number": 0x01020304, "as_bytes": order}}
    assert decoder.encode(decoder.decode(contents)) == contents


@pytest.mark.parametrize("name", ["types.o", "types.be.o"])
def test_a_value_can_be_written_by_hand(name):
    decoder, contents = variable(name, "known")
    assert decoder.encode(KNOWN | {"either": {"as_number": 0x01020304}}) == contents
    without_right = {member: value for member, value in KNOWN.items() if member != "right"}
    assert decoder.encode(without_right | {"either": {"as_number": "0x01020304"}}) == contents


@fuzz
@given(st.sampled_from(["types.o", "types.be.o"]), st.data())
def test_whatever_is_decoded_can_be_encoded(name, data):
    """Bytes between members come back as zeroes, so it is the second round that must give what the first gave."""
    decoder, contents = variable(name, "known")
    raw = data.draw(st.binary(min_size=len(contents), max_size=len(contents)))
    value = decoder.decode(raw)
    again = decoder.encode(value)
    assert repr(decoder.decode(again)) == repr(value)  # a NaN is not equal to itself
    assert decoder.encode(decoder.decode(again)) == again


def made(build: Callable[[Types], int], byteorder: str = sys.byteorder) -> Decoder:
    types = Types(byteorder)
    type_id = build(types)
    return Decoder(Btf.parse(types.blob()), type_id)


def integer(size: int, encoding: int = 0, name: str = "int") -> Callable[[Types], int]:
    return lambda types: types.integer(name, size, encoding)


def array(length: int, of: Callable[[Types], int]) -> Callable[[Types], int]:
    def build(types: Types) -> int:
        element = of(types)
        return types.add(ARRAY, "", 0, element, element, length)

    return build


def colours(types: Types) -> int:
    values = [types.string("RED"), 0, types.string("GREEN"), 5, types.string("LEAF"), 5]
    return types.add(ENUM, "colour", 4, *values, vlen=3)


def pair(kind: int = STRUCT) -> Callable[[Types], int]:
    def build(types: Types) -> int:
        number, short = types.integer("__u32", 4), types.integer("__u16", 2)
        second = 32 if kind == STRUCT else 0
        return types.compound(kind, "pair", 8, ("first", number, 0), ("second", short, second))

    return build


@pytest.mark.parametrize("byteorder", ORDERS)
@pytest.mark.parametrize("size", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("encoding", [0, SIGNED])
def test_integers_keep_to_their_range(byteorder, size, encoding):
    decoder = made(integer(size, encoding, "number"), byteorder)
    low, high = (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if encoding else (0, (1 << 8 * size) - 1)
    for value in (low, high, 1):
        raw = value.to_bytes(size, byteorder, signed=bool(encoding))
        assert decoder.encode(value) == raw
        assert decoder.decode(raw) == value
    for value in (low - 1, high + 1, 10**5000):
        with pytest.raises(InvalidRequest, match=f"is out of range for number: {low} to {high}"):
            decoder.encode(value)


@fuzz
@given(st.lists(st.integers(0, 0xFFFFFFFF), min_size=3, max_size=3), st.sampled_from(ORDERS))
def test_arrays_of_numbers_are_lists(values, byteorder):
    decoder = made(array(3, integer(4)), byteorder)
    raw = decoder.encode(values)
    assert raw == b"".join(value.to_bytes(4, byteorder) for value in values)
    assert decoder.decode(raw) == values


@given(st.integers(0, 12), st.integers(1, 32), st.data())
@fuzz
def test_bit_fields_change_no_other_bits(shift, bits, data):
    shift = min(shift, 32 - bits)

    def build(types: Types) -> int:
        number = types.integer("__s32", 4, SIGNED)
        rest = types.integer("__u64", 8)
        word = bits << 24
        members = [("field", number, word | shift)]
        if shift:
            members.insert(0, ("below", rest, shift << 24))
        if shift + bits < 40:
            members.append(("above", rest, (40 - shift - bits) << 24 | shift + bits))
        return types.compound(STRUCT, "s", 5, *members, flag=1)

    decoder = made(build, data.draw(st.sampled_from(ORDERS)))
    raw = data.draw(st.binary(min_size=5, max_size=5))
    value = decoder.decode(raw)
    assert isinstance(value, dict)
    assert decoder.encode(value) == raw
    number = data.draw(st.integers(-(1 << bits - 1), (1 << bits - 1) - 1))
    assert decoder.decode(decoder.encode(value | {"field": number})) == value | {"field": number}
    with pytest.raises(InvalidRequest, match="out of range for __s32"):
        decoder.encode(value | {"field": 1 << bits - 1})


def test_old_compilers_say_in_the_integer_that_it_is_a_bit_field():
    def build(types: Types) -> int:
        number = types.add(1, "unsigned int", 4, 5)  # of which 5 bits
        return types.compound(STRUCT, "s", 4, ("low", number, 0), ("high", number, 5))

    assert made(build, "little").decode(b"\x41\x03\0\0") == {"low": 1, "high": 26}


@fuzz
@given(st.text(max_size=20))
def test_text_of_a_char_array_comes_back(text):
    decoder = made(array(16, integer(1, SIGNED, "char")))
    raw = text.encode("utf-8", "surrogatepass")
    if said := refusal(InvalidRequest, decoder.encode, text):
        assert len(raw) > 15 or "\0" in text or "not Unicode" in said
        return
    raw = raw.ljust(16, b"\0")
    assert decoder.encode(text) == raw
    assert decoder.decode(raw) == (text if text.isprintable() else raw)


@pytest.mark.parametrize(
    "raw",
    [b"no end", b"a\0mor\0", b"\xff\xfe\0\0\0\0", b"\x1b[2J\0\0"],
    ids=["full", "rest", "bytes", "escape"],
)
def test_char_arrays_that_hold_no_text_are_bytes(raw):
    decoder = made(array(6, integer(1, CHAR, "letter")))
    assert decoder.decode(raw) == raw
    assert decoder.encode(raw) == raw


def test_bytes_are_no_text():
    assert made(array(3, integer(1, 0, "unsigned char"))).decode(b"abc") == [97, 98, 99]


def test_an_empty_char_array_is_an_empty_text():
    assert made(array(4, integer(1, SIGNED, "char"))).decode(bytes(4)) == ""


@pytest.mark.parametrize("value", [5, ["a"], b"abc", None])
def test_char_arrays_take_text_or_all_their_bytes(value):
    with pytest.raises(InvalidRequest, match=r"is no text, expected char\[4\]"):
        made(array(4, integer(1, SIGNED, "char"))).encode(value)


def test_byte_arrays_take_all_their_bytes():
    decoder = made(array(4, integer(1)))
    assert decoder.encode(b"\1\2\3\4") == b"\1\2\3\4"
    with pytest.raises(InvalidRequest, match="3 bytes, expected 4"):
        decoder.encode(b"\1\2\3")


def test_enums_are_names():
    decoder = made(colours, "little")
    assert decoder.decode(b"\5\0\0\0") == "GREEN"
    assert decoder.decode(b"\7\0\0\0") == 7
    assert decoder.encode("LEAF") == decoder.encode(5) == decoder.encode("GREEN") == b"\5\0\0\0"
    assert decoder.encode(-1) == b"\xff\xff\xff\xff"  # an old compiler may have meant it
    with pytest.raises(InvalidRequest, match="BLUE is not in enum colour: RED, GREEN, LEAF"):
        decoder.encode("BLUE")


def test_wide_enums_are_names():
    def build(types: Types) -> int:
        return types.add(ENUM64, "wide", 8, types.string("MOST"), 0xFFFFFFFF, 0xFFFFFFFF, vlen=1)

    decoder = made(build)
    assert decoder.decode(b"\xff" * 8) == "MOST"
    assert decoder.encode("MOST") == b"\xff" * 8


def test_booleans_are_true_or_false_or_what_they_are():
    decoder = made(integer(1, BOOL, "_Bool"))
    assert [decoder.decode(bytes([byte])) for byte in (0, 1, 7)] == [False, True, 7]
    assert decoder.decode(b"\1") is True
    assert [decoder.parse(text) for text in ("true", "FALSE", "1", "7")] == [b"\1", b"\0", b"\1", b"\7"]


def test_floats():
    double = made(lambda types: types.add(FLOAT, "double", 8), "little")
    assert double.decode(bytes.fromhex("000000000000f83f")) == 1.5
    assert double.parse("1.5") == double.encode(1.5) == bytes.fromhex("000000000000f83f")
    single = made(lambda types: types.add(FLOAT, "float", 4), "little")
    with pytest.raises(InvalidRequest, match="is out of range for float"):
        single.encode(1e300)
    with pytest.raises(InvalidRequest, match="is not a number, expected float"):
        single.encode([1])
    long_double = made(lambda types: types.add(FLOAT, "long double", 16))
    assert long_double.decode(bytes(16)) == bytes(16)


def test_unions_are_all_their_readings():
    decoder = made(pair(UNION), "little")
    raw = bytes.fromhex("0102030400000000")
    assert decoder.decode(raw) == {"first": 0x04030201, "second": 0x0201}
    assert decoder.encode({"first": 0x04030201}) == raw
    assert decoder.encode({"second": 0x0201}) == b"\1\2" + bytes(6)
    assert decoder.encode({"second": 0x0201, "first": 0x04030201}) == raw
    with pytest.raises(InvalidRequest, match="members first, second of a union contradict each other"):
        decoder.encode({"first": 1, "second": 2})
    with pytest.raises(InvalidRequest, match="one of first, second is missing"):
        decoder.encode({})


def test_anonymous_members_are_members_of_the_struct_around_them():
    def build(types: Types) -> int:
        number = types.integer("__u32", 4)
        inside = types.compound(STRUCT, "", 8, ("low", number, 0), ("high", number, 32))
        either = types.compound(UNION, "", 8, ("whole", types.integer("__u64", 8), 0), ("", inside, 0))
        return types.compound(STRUCT, "s", 16, ("kind", number, 0), ("", either, 64))

    decoder = made(build, "little")
    raw = b"\1\0\0\0\0\0\0\0" + b"\2\0\0\0\3\0\0\0"
    value = {"kind": 1, "whole": 3 << 32 | 2, "low": 2, "high": 3}
    assert decoder.decode(raw) == value
    assert decoder.encode(value) == raw
    assert decoder.encode({"kind": 1, "whole": 3 << 32 | 2}) == raw
    assert decoder.encode({"kind": 1, "low": 2, "high": 3}) == raw
    with pytest.raises(InvalidRequest, match="member high is missing"):
        decoder.encode({"kind": 1, "low": 2})
    with pytest.raises(InvalidRequest, match="one of whole, low, high is missing"):
        decoder.encode({"kind": 1})


def test_nameless_fields_that_fill_space_are_not_shown():
    def build(types: Types) -> int:
        number = types.integer("__u32", 4)
        return types.compound(STRUCT, "s", 4, ("", number, 8 << 24), ("a", number, 24 << 24 | 8), flag=1)

    assert made(build, "little").decode(b"\xff\1\0\0") == {"a": 1}


def test_sections_of_global_data_are_their_variables():
    types = Types("little")
    number = types.integer("__u32", 4)
    first, second = types.add(14, "first", number, 1), types.add(14, "second", number, 1)
    section = types.add(15, ".bss", 12, first, 0, 4, second, 8, 4, vlen=2)
    decoder = Decoder(Btf.parse(types.blob()), section)
    assert decoder.decode(b"\1\0\0\0" + bytes(4) + b"\2\0\0\0") == {"first": 1, "second": 2}
    assert decoder.describe() == "section .bss { __u32 first; __u32 second; }"


PAIR = ["first", "second"]
TYPED = [
    (integer(4), "10", bytes([10, 0, 0, 0])),
    (integer(4), " 0x0a ", bytes([10, 0, 0, 0])),
    (integer(4), "0x0a 00 00 00", bytes([10, 0, 0, 0])),
    (integer(4), "0x00 0x00 0x00 0x0a", bytes([0, 0, 0, 10])),
    (integer(4), '"10"', bytes([10, 0, 0, 0])),
    (integer(4), "10.0.0.1", bytes([10, 0, 0, 1])),
    (integer(4, SIGNED), "-1", b"\xff" * 4),
    (integer(1), "0b101", b"\5"),
    (colours, "GREEN", bytes([5, 0, 0, 0])),
    (colours, "5", bytes([5, 0, 0, 0])),
    (colours, "0x05 00 00 00", bytes([5, 0, 0, 0])),
    (pair(), '{"first": "10.0.0.1", "second": 53}', bytes([10, 0, 0, 1, 53, 0, 0, 0])),
    (pair(), "0x0102030405060708", bytes([1, 2, 3, 4, 5, 6, 7, 8])),
    (pair(), "0x01 02 03 04 05 06 07 08", bytes([1, 2, 3, 4, 5, 6, 7, 8])),
    (array(2, integer(2)), "[1, 2]", bytes([1, 0, 2, 0])),
    (array(4, integer(1)), "10.0.0.1", bytes([10, 0, 0, 1])),
    (array(4, integer(1)), "0x0a000001", bytes([10, 0, 0, 1])),
    (array(16, integer(1)), "2001:db8::1", bytes.fromhex("20010db8000000000000000000000001")),
    (array(8, integer(1, SIGNED, "char")), "eth0", b"eth0\0\0\0\0"),
    (array(8, integer(1, SIGNED, "char")), '"eth0"', b"eth0\0\0\0\0"),
    (array(8, integer(1, SIGNED, "char")), "10", b"10\0\0\0\0\0\0"),
    (array(8, integer(1, SIGNED, "char")), "{x}", b"{x}\0\0\0\0\0"),
    (array(8, integer(1, SIGNED, "char")), "0xbeef", b"0xbeef\0\0"),
    (array(8, integer(1, SIGNED, "char")), "0x0102030405060708", bytes([1, 2, 3, 4, 5, 6, 7, 8])),
]


@pytest.mark.parametrize(("build", "text", "raw"), TYPED, ids=[text for _, text, _ in TYPED])
def test_what_a_person_types_is_understood(build, text, raw):
    assert made(build, "little").parse(text) == raw


def test_addresses_are_in_the_order_of_the_wire_on_any_machine():
    assert made(integer(4), "big").parse("10.0.0.1") == made(integer(4), "little").parse("10.0.0.1")


@pytest.mark.parametrize(("name", "size", "text"), [("in_addr", 4, "127.0.0.1"), ("in6_addr", 16, "::1")])
def test_structs_that_are_addresses_take_one(name, size, text):
    def build(types: Types) -> int:
        octets = array(size, integer(1))(types)
        return types.compound(STRUCT, name, size, ("octets", octets, 0))

    decoder = made(build)
    raw = decoder.parse(text)
    assert len(raw) == size
    assert raw[-1] == 1
    assert decoder.decode(raw) == {"octets": list(raw)}


MISTYPED = [
    (integer(4), "ten", "key: ten is not a number, expected int"),
    (integer(4), "010", "key: 010 is not a number"),
    (integer(4), "", "is not a number"),
    (integer(4), "1.5", "1.5 is not a number"),
    (integer(4), "10.0.0.256", "is not a number"),
    (integer(4), "4294967296", "key: 4294967296 is out of range for int: 0 to 4294967295"),
    (integer(4), "9" * 5000, r"99999\.\.\. is not a number"),
    (integer(4), "0x0a 00", r"key: 2 bytes, expected 4 \(int\)"),
    (integer(4), "[1]", r"\[1\] is not a whole number"),
    (integer(4), "0x0a zz", "is not a number"),
    (pair(), "7", "7 has no members, expected struct pair"),
    (pair(), "{", "key: { is not JSON"),
    (pair(), "[" * 100_000, "is not JSON"),
    (pair(), '{"first": 1}', "key: member second is missing"),
    (pair(), '{"first": 1, "third": 1}', "key: no member third in struct pair"),
    (pair(), '{"first": 1, "second": 65536}', r"key\.second: 65536 is out of range for __u16: 0 to 65535"),
    (pair(), '{"first": 1.0, "second": 1}', r"key\.first: 1\.0 is not a whole number"),
    (pair(), '{"first": null, "second": 1}', r"key\.first: None is not a whole number"),
    (pair(), "0x0102", r"key: 2 bytes, expected 8 \(struct pair\)"),
    (array(2, integer(2)), "[1, 2, 3]", "key: 3 elements, expected 2"),
    (array(2, integer(2)), "1", r"1 is no list, expected int\[2\]"),
    (array(2, integer(2)), "[1, 70000]", r"key\[1\]: 70000 is out of range"),
    (array(4, integer(1)), "fe80::1", "is no list"),
    (array(16, integer(1)), "fe80::g", "is no list"),
    (array(4, integer(1, SIGNED, "char")), "eth0", r"eth0 does not fit char\[4\]: at most 3 bytes and a NUL"),
    (array(4, integer(1, SIGNED, "char")), '"\\u0000"', "does not fit"),
    (array(4, integer(1, SIGNED, "char")), '"\\ud800"', "not Unicode"),
    (array(4, integer(1, SIGNED, "char")), '"x', "is not JSON"),
    (array(4, integer(1)), "0x0a00", r"key: 2 bytes, expected 4 \(int\[4\]\)"),
]


@pytest.mark.parametrize(("build", "text", "message"), MISTYPED, ids=[text[:20] for _, text, _ in MISTYPED])
def test_what_does_not_fit_is_said(build, text, message):
    types = Types("little")
    type_id = build(types)
    with pytest.raises(InvalidRequest, match=message) as caught:
        Decoder(Btf.parse(types.blob()), type_id, "key").parse(text)
    assert len(str(caught.value)) < 200


def test_bytes_of_the_wrong_length_are_refused():
    with pytest.raises(InvalidRequest, match=r"value: 3 bytes, expected 4 \(int\)"):
        made(integer(4)).decode(bytes(3))


def test_types_are_named_as_in_the_source():
    def build(types: Types) -> int:
        return types.add(10, "", types.add(TYPEDEF, "host_t", types.add(TYPEDEF, "__u32", types.integer())))

    with pytest.raises(InvalidRequest, match="out of range for host_t"):
        made(build).encode(-1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*KNOWN, "either", "x"]), inner)
    ),
    max_leaves=20,
)


@fuzz
@given(
    JSON, st.sampled_from([integer(4), colours, pair(), pair(UNION), array(2, pair()), array(4, integer(1))])
)
def test_any_value_is_encoded_or_refused(value, build):
    decoder = made(build)
    if said := refusal(InvalidRequest, decoder.encode, value):
        assert "\n" not in said
    else:
        assert len(decoder.encode(value)) == decoder.size


@fuzz
@given(st.text(max_size=40), st.sampled_from([build for build, _, _ in TYPED]))
def test_any_text_is_encoded_or_refused(text, build):
    decoder = made(build)
    if not refusal(InvalidRequest, decoder.parse, text):
        assert len(decoder.parse(text)) == decoder.size


@pytest.mark.parametrize("size", [1, 2, 3, 4, 8, 20])
def test_without_types_there_are_bytes(size):
    decoder = bytes_decoder(size, "key")
    raw = bytes(range(size))
    assert decoder.size == size
    assert decoder.describe() == f"{size} bytes"
    assert decoder.decode(raw) == raw
    assert decoder.encode(raw) == raw
    assert decoder.parse("0x" + raw.hex()) == raw
    assert decoder.parse("0x" + raw.hex(" ")) == raw
    with pytest.raises(InvalidRequest, match=f"key: {size + 1} bytes, expected {size}"):
        decoder.parse("0x" + bytes(size + 1).hex())
    if size in (1, 2, 4, 8):
        assert decoder.parse("7") == decoder.encode(7) == (7).to_bytes(size, sys.byteorder)
    else:
        with pytest.raises(InvalidRequest, match="7 is not bytes"):
            decoder.parse("7")
        with pytest.raises(InvalidRequest, match="7 is not bytes"):
            decoder.encode(7)


def test_each_cpu_has_a_slot_of_whole_words():
    assert decode_per_cpu(b"abc.....def.....", 3, 2) == [b"abc", b"def"]
    assert decode_per_cpu(bytes(32), 8, 4) == [bytes(8)] * 4
    assert decode_per_cpu(bytes(32), 12, 2) == [bytes(12)] * 2
    with pytest.raises(InvalidRequest, match="24 bytes of a per-CPU map, expected 16: 2 CPUs of 8 bytes"):
        decode_per_cpu(bytes(24), 3, 2)


def nested(types: Types, kind: int, depth: int, size: int = 0) -> int:
    """Two of the next one in each, so that there are 2 ** depth at the end."""
    inner = types.compound(kind, "leaf", size)
    for _ in range(depth):
        inner = types.compound(kind, "", size, ("", inner, 0), ("b", inner, 0))
    return inner


CRAFTED: dict[str, tuple[Callable[[Types], int], str]] = {
    "itself": (lambda types: types.compound(STRUCT, "s", 4, ("s", 1, 0)), "type 1 contains itself"),
    "each other": (
        lambda types: types.compound(STRUCT, "a", 4, ("b", 2, 0)) and types.compound(STRUCT, "b", 4, ("a", 1, 0)),
        "contains itself",
    ),
    "array of itself": (lambda types: types.add(ARRAY, "", 0, 1, 1, 1), "more than 32 dimensions|contains itself"),
    "deep": (lambda types: nested(types, STRUCT, 40), "nested more than 32 deep|too many to decode"),
    "many empty structs": (lambda types: nested(types, STRUCT, 30), "too many to decode"),
    "many unions": (lambda types: nested(types, UNION, 30, 4), "too many to decode"),
    "huge array of nothing": (array(0xFFFFFFFF, lambda types: types.compound(STRUCT, "e", 0)), "too many to decode"),
    "huge array": (array(1 << 31, integer(4)), "has 8589934592 bytes"),
    "large array": (array(1 << 28, integer(4)), "too many to decode"),
    "outside": (
        lambda types: types.compound(STRUCT, "s", 4, ("m", types.integer(), 8)),
        r"member m of s \(4 bytes at 1\) lies outside of its 4 bytes",
    ),
    "not at a byte": (lambda types: types.compound(STRUCT, "s", 8, ("m", types.integer(), 3)), "lies at bit 3"),
    "too many bits": (
        lambda types: types.compound(STRUCT, "s", 8, ("m", types.integer(), 33 << 24), flag=1), "33 bits in int",
    ),
    "bits of a struct": (
        lambda types: types.compound(STRUCT, "s", 8, ("m", types.compound(STRUCT, "t", 4), 3 << 24), flag=1),
        "3 bits in struct t",
    ),
    "void": (lambda types: 0, "has no size"),
    "function": (lambda types: types.add(13), "has no size"),
    "forward": (lambda types: types.add(7, "later"), "has no size"),
    "missing": (lambda types: types.compound(STRUCT, "s", 8, ("m", 99, 0)), "type 99 does not exist"),
    "variable outside": (
        lambda types: types.add(15, ".bss", 4, types.add(14, "v", types.integer(), 1), 1, 4, vlen=1),
        'variable "v" lies outside of section .bss',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("build", "message"), CRAFTED.values(), ids=CRAFTED)
def test_crafted_types_are_refused_with_little_work(build, message):
    with pytest.raises(ObjectError, match=message):
        limited(20_000, made, build, "little")


def use(btf: Btf, type_id: int) -> None:
    """Decode some bytes by that type, and encode what came of it."""
    decoder = Decoder(btf, type_id)
    raw = bytes(range(251)) * (decoder.size // 251 + 1)
    decoder.encode(decoder.decode(raw[: decoder.size]))


def use_small(btf: Btf, type_id: int) -> None:
    """The same, with an eye on what it costs."""
    if btf.size_of(type_id) < 4096:
        limited(100_000, use, btf, type_id)


@pytest.mark.parametrize("name", WITH_BTF)
def test_every_type_of_an_object_can_be_used_or_is_refused(name):
    elf = ElfFile.parse(read_object(name))
    btf = ObjectSummary.of(elf).btf
    assert btf is not None
    used = 0
    for type_id in range(len(btf)):
        used += not refusal(ObjectError, use, btf, type_id)
    assert used > 3


@pytest.mark.skipif(not VMLINUX.exists(), reason="this kernel has no BTF of its own")
def test_structs_of_the_kernel_can_be_decoded_and_encoded():
    btf = Btf.parse(VMLINUX.read_bytes())
    for name in ("iphdr", "tcphdr", "in6_addr", "sk_buff", "task_struct", "bpf_map", "net_device"):
        type_id = btf.find(name, STRUCT)
        assert type_id is not None, name
        decoder = Decoder(btf, type_id)
        value: Any = decoder.decode(bytes(decoder.size))
        assert decoder.encode(value) == bytes(decoder.size)
        assert describe(btf, type_id).startswith(f"struct {name} {{ ")


@fuzz
@given(
    st.lists(st.tuples(st.integers(0, 1 << 12), st.binary(min_size=1, max_size=4)), min_size=1, max_size=8)
)
def test_changed_types_are_used_or_refused(changes):
    elf = ElfFile.parse(read_object("types.o"))
    section = elf.section(".BTF")
    assert section is not None
    data = changed(bytes(elf.data(section)), changes)
    if refusal(ObjectError, Btf.parse, data):
        return
    btf = Btf.parse(data)
    for type_id in range(min(len(btf), 70)):
        assert refusal(BpfmanError, use_small, btf, type_id).isprintable()
