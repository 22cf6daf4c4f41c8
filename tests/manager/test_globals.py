# SPDX-License-Identifier: Apache-2.0
"""Global data given at load is what the program sees."""

from __future__ import annotations

import struct

import pytest

from bpfman.bpf.program import Program

pytestmark = pytest.mark.kernel

# What the source says (globals.bpf.c).
DEFAULTS = {
    "u8": 25,
    "u16": 0x1122,
    "u32": 0x11223344,
    "u64": 0x1122334455667788,
    "bytes": b"hello".ljust(12, b"\0"),
    "pair": {"first": 1, "second": 2},
    "data_u32": 7,
    "bss_u64": 1,  # each run adds one
}


@pytest.fixture
def seen(manager):
    """`seen(program)`: what a run of it sees."""

    def run(loaded):
        program_id = loaded.record.program_id
        with Program.by_id(program_id) as program:
            program.test_run(bytes(64))
        with manager.open_map("seen", program_id) as found:
            return {**found[0], "bytes": bytes(found[0]["bytes"])}

    return run


def test_what_is_not_given_stays_as_it_was_built(load, seen):
    assert seen(*load("globals", "xdp:globals")) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "value", "member", "sees"),
    [
        ("GLOBAL_u8", b"\xff", "u8", 255),
        ("GLOBAL_u16", struct.pack("=H", 7), "u16", 7),
        ("GLOBAL_u32", struct.pack("=I", 0xFFFFFFFF), "u32", 0xFFFFFFFF),
        ("GLOBAL_u64", struct.pack("=Q", 1 << 63), "u64", 1 << 63),
        ("GLOBAL_bytes", b"twelve bytes", "bytes", b"twelve bytes"),
        ("GLOBAL_pair", struct.pack("=HxxI", 3, 4), "pair", {"first": 3, "second": 4}),
        ("data_u32", struct.pack("=I", 8), "data_u32", 8),
        ("bss_u64", struct.pack("=Q", 41), "bss_u64", 42),
    ],
)
def test_each_kind_of_variable(load, seen, name, value, member, sees):
    """Constants, initialised data and zeroed data; the others keep what they had."""
    assert seen(*load("globals", "xdp:globals", globals={name: value})) == {**DEFAULTS, member: sees}


def test_all_at_once(load, seen):
    values = {"GLOBAL_u8": b"\1", "GLOBAL_u32": struct.pack("=I", 2), "data_u32": struct.pack("=I", 3)}
    found = seen(*load("globals", "xdp:globals", globals=values))
    assert (found["u8"], found["u32"], found["data_u32"], found["u64"]) == (1, 2, 3, DEFAULTS["u64"])


def test_they_apply_to_every_program_of_the_load_and_no_other(load):
    values = {"member": struct.pack("=I", 5)}
    both = load("trail", "xdp:xdp_trail", "tc:tc_trail", globals=values)
    assert [each.record.globals for each in both] == [values, values]
    assert load("trail", "xdp:xdp_trail")[0].record.globals == {}


def test_values_are_kept_as_they_were_given(manager, load):
    values = {"GLOBAL_u8": b"\0", "GLOBAL_bytes": bytes(range(244, 256))}
    [loaded] = load("globals", "xdp:globals", globals=values)
    assert manager.program(loaded.record.program_id).record.globals == values
    [entry] = manager.programs()
    assert entry.record.globals == values


def test_a_variable_in_a_section_of_its_own(manager, load):
    """`.rodata.ports` of core_types.bpf.c.  What a run does with it is put into .bss."""
    [loaded] = load("core_types", "xdp:plain", globals={"port": struct.pack("=H", 8080)})
    with Program.by_id(loaded.record.program_id) as program:
        program.test_run(bytes(64))
    maps = {
        each.kernel.name: each.kernel.id for each in manager.program(loaded.record.program_id).status.maps
    }
    with manager.open_map(str(maps["core_typ.bss"])) as bss:
        assert bss[0]["shown"]["number"] == 8080


def test_constants_are_frozen(manager, load):
    [loaded] = load("globals", "xdp:globals")
    frozen = {
        each.kernel.name: each.kernel.frozen for each in manager.program(loaded.record.program_id).status.maps
    }
    assert frozen == {"seen": False, "globals.rodata": True, "globals.data": False, "globals.bss": False}
