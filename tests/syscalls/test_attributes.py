# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import sys
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.errors import KernelRefused
from bpfman.syscalls.attributes import (
    Message,
    attribute,
    messages,
    number_attribute,
    parse,
    text_attribute,
)

numbers = st.integers(0, 2**32 - 1)
types = st.integers(0, 0x3FFF)
pairs = st.lists(st.tuples(types, st.binary(max_size=40)), max_size=8)


@given(pairs)
def test_attributes_come_back_as_they_were_put(entries):
    data = b"".join(attribute(kind, value) for kind, value in entries)
    assert len(data) % 4 == 0
    assert parse(data) == dict(entries)


@given(
    st.lists(st.builds(Message, st.integers(0, 65535), st.integers(0, 65535), numbers, numbers, st.binary()))
)
def test_messages_come_back_as_they_were_put(sent):
    padded = (message.encoded() + bytes(-len(message.payload) % 4) for message in sent)
    assert list(messages(b"".join(padded))) == sent


def test_the_last_attribute_may_lack_its_padding():
    assert parse(attribute(1, b"abcde")[:-3]) == {1: b"abcde"}


def test_flags_in_an_attributes_type_are_not_part_of_it():
    nested, network_order = 0x8000, 0x4000
    data = attribute(7 | nested | network_order, number_attribute(2, 5))
    assert parse(data).nested(7).number(2) == 5


def test_missing_attributes_have_defaults():
    nothing = parse(b"")
    assert (nothing.number(1), nothing.number(1, 9), nothing.text(1), nothing.nested(1)) == (0, 9, "", {})


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_numbers_have_the_width_that_the_kernel_gave_them(size):
    value = 2 ** (8 * size) - 2
    assert parse(attribute(1, value.to_bytes(size, sys.byteorder))).number(1) == value


@given(st.text().filter(lambda text: "\0" not in text) | st.just("caf\udce9"))
def test_text_comes_back_with_bytes_that_are_not_utf_8(text):
    assert parse(text_attribute(1, text)).text(1) == text


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\0", id="ends in the header"),
        pytest.param(number_attribute(1, 1) + b"\0\0", id="leftover bytes"),
        pytest.param(b"\x03\0\x01\0", id="shorter than its header"),
        pytest.param(b"\0\0\x01\0", id="no length"),
        pytest.param(b"\x09\0\x01\0abcd", id="longer than what is there"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(data):
    with pytest.raises(KernelRefused) as refused:
        parse(data)
    assert refused.value.errno == errno.EBADMSG


def test_a_number_of_odd_width_is_refused():
    with pytest.raises(KernelRefused, match="number of 3 bytes"):
        parse(attribute(1, b"abc")).number(1)


@contextmanager
def suppress_malformed():
    """Lets the one error pass that malformed bytes have."""
    try:
        yield
    except KernelRefused as refused:
        if refused.errno != errno.EBADMSG:
            raise


@given(st.binary(max_size=300), st.integers(0, 320), types)
def test_no_bytes_raise_anything_else(data, offset, kind):
    with suppress_malformed():
        list(messages(data))
    with suppress_malformed():
        found = parse(data, offset)
        found.text(kind)
        with suppress_malformed():
            found.nested(kind)
        found.number(kind)
