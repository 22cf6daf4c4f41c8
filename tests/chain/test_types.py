# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.bpf import btf_types
from bpfman.bpf.btf import Btf
from bpfman.bpf.elf import ElfFile
from bpfman.chain.types import TypeBuilder, identifier
from tests.bpf.crafted import read_object

CONTEXTS = {"xdp": "xdp_md", "tc": "__sk_buff"}


def btf_of(name: str) -> bytes:
    elf = ElfFile.parse(read_object(name))
    section = elf.section(".BTF")
    assert section is not None
    return bytes(elf.data(section))


def test_the_ids_of_a_merged_btf_move_by_one_constant():
    blobs = [btf_of(name) for name in ("xdp_loop.o", "types.o", "xdp_loop.o")]
    with TypeBuilder() as builder:
        moved = [builder.add(blob) for blob in blobs]
        merged = Btf.parse(builder.data())
    assert moved[0] == 0
    for constant, blob in zip(moved, blobs, strict=True):
        alone = Btf.parse(blob)
        for type_id in range(1, len(alone)):
            there = merged.type(type_id + constant)
            assert type(there) is type(alone.type(type_id))
            assert merged.name(type_id + constant) == alone.name(type_id)


@pytest.mark.parametrize("family", CONTEXTS)
def test_an_entry_takes_the_context_of_its_hook_and_gives_an_int(family):
    with TypeBuilder() as builder:
        canonical = builder.canonical(family)
        function = builder.function("meter", canonical.with_context, exported=True)
        btf = Btf.parse(builder.data())
    found = btf.type(function)
    assert isinstance(found, btf_types.Func)
    prototype = btf.type(found.type)
    assert isinstance(prototype, btf_types.FuncProto)
    assert btf.name(prototype.type) == "int"
    (context,) = prototype.params
    pointer = btf.type(context.type)
    assert isinstance(pointer, btf_types.Ptr)
    assert btf.name(pointer.type) == CONTEXTS[family]


@pytest.mark.parametrize(("exported", "linkage"), [(True, 1), (False, 0)])
def test_exported_functions_are_global(exported, linkage):
    with TypeBuilder() as builder:
        function = builder.function("meter", builder.canonical("xdp").without, exported=exported)
        found = Btf.parse(builder.data()).type(function)
    assert isinstance(found, btf_types.Func)
    assert (found.name, found.linkage) == ("meter", linkage)


def test_prototypes_are_made_once():
    with TypeBuilder() as builder:
        assert builder.canonical("xdp") == builder.canonical("xdp")
        first = len(builder.data())
        builder.canonical("xdp")
        assert len(builder.data()) == first


def test_what_is_no_btf_is_not_merged():
    with TypeBuilder() as builder, pytest.raises(OSError, match="Invalid argument"):
        builder.add(b"no type information at all")


@given(st.text())
def test_every_name_becomes_one_that_the_kernel_takes(name):
    """btf_name_valid_identifier() in kernel/bpf/btf.c: a C identifier of less than KSYM_NAME_LEN (128) characters."""
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,126}", identifier(name))


@pytest.mark.parametrize("name", ["xdp_stats", "_x9", "A" * 127])
def test_names_that_are_fine_stay(name):
    assert identifier(name) == name
