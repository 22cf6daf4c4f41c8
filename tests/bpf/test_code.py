# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.bpf import code
from bpfman.model.code import MapReference

LD_IMM64, CALL, EXIT = 0x18, 0x85, 0x95
MAP_FD, MAP_VALUE, BTF_ID, FUNCTION = 1, 2, 3, 4  # source register of LD_IMM64
HELPER, LOCAL, KFUNC = 0, 1, 2  # source register of CALL


def instruction(opcode, source=0, offset=0, immediate=0):
    return struct.pack("<BBhi", opcode, source << 4, offset, immediate)


def wide(source, immediate, second=0, register=1):
    """A 16-byte load."""
    first = struct.pack("<BBhi", LD_IMM64, source << 4 | register, 0, immediate)
    return first + struct.pack("<BBhi", 0, 0, 0, second)


END = instruction(EXIT)
pieces = st.lists(
    st.one_of(
        st.sampled_from([3, 4, 5]).map(lambda fd: wide(MAP_FD, fd)),
        st.tuples(st.sampled_from([3, 4, 5]), st.integers(0, 1 << 20)).map(lambda v: wide(MAP_VALUE, *v)),
        st.integers(-(1 << 31), (1 << 31) - 1).map(lambda value: wide(0, value, register=2)),
        st.integers(1, 200).map(lambda helper: instruction(CALL, HELPER, 0, helper)),
        st.just(END),
    ),
    max_size=20,
)
IDS = {3: 30, 4: 41, 5: 52}


@given(pieces)
def test_what_is_extracted_can_be_patched_back(parts):
    """With other descriptors, as they are in another process."""
    block = b"".join(parts)
    kept = code.extract(block, IDS, local_types=False)
    assert code.patch(kept.instructions, kept.maps, {number: fd for fd, number in IDS.items()}) == block
    others = {30: 103, 41: 104, 52: 105}
    again = code.extract(
        code.patch(kept.instructions, kept.maps, others), {fd: number for number, fd in others.items()}, False
    )
    assert again == kept


def test_descriptors_go_and_offsets_into_values_stay():
    block = END + wide(MAP_FD, 3) + wide(MAP_VALUE, 4, 24)
    kept = code.extract(block, IDS, local_types=True)
    assert kept.maps == (MapReference(1, 30), MapReference(3, 41))
    assert kept.instructions == END + wide(MAP_FD, 0) + wide(MAP_VALUE, 0, 24)
    assert kept.local_types


def test_what_only_looks_like_a_reference_stays():
    """Constants, addresses of functions, helpers."""
    block = wide(0, 3) + wide(FUNCTION, 3) + instruction(CALL, HELPER, 0, 3) + instruction(CALL, LOCAL, 0, 3)
    kept = code.extract(block, {}, local_types=False)
    assert (kept.instructions, kept.maps) == (block, ())


@pytest.mark.parametrize(
    ("block", "modules"),
    [
        (instruction(CALL, KFUNC, 0, 1234), False),
        (instruction(CALL, KFUNC, 1, 1234), True),
        (wide(BTF_ID, 1234, 0), False),
        (wide(BTF_ID, 1234, 9), True),
        (instruction(CALL, HELPER, 1, 1), False),
        (END, False),
    ],
)
def test_functions_and_variables_of_modules_are_noticed(block, modules):
    """Those of the kernel itself have no BTF descriptor: an offset, or a second immediate, of 0."""
    assert code.extract(block, {}, local_types=False).modules is modules
