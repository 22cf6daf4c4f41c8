# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.chain import instructions as bpf

fields = st.tuples(
    st.integers(0, 255),
    st.integers(0, 10),
    st.integers(0, 10),
    st.integers(-(1 << 15), (1 << 15) - 1),
    st.integers(-(1 << 31), (1 << 31) - 1),
)
EXIT = bpf.encode(bpf.EXIT)


def constant(opcode: int, register: int, value: int) -> bytes:
    return bpf.encode(opcode, register, immediate=value)


@given(st.lists(fields))
def test_what_is_encoded_decodes_to_the_same(instructions):
    block = b"".join(bpf.encode(*instruction) for instruction in instructions)
    assert len(block) == bpf.SIZE * len(instructions)
    assert bpf.decode(block) == instructions


def test_instructions_have_the_kernels_layout():
    """struct bpf_insn: __u8 code, two nibbles of registers, __s16 off, __s32 imm, in the machine's byte order."""
    registers = 0x21 if sys.byteorder == "little" else 0x12
    assert bpf.encode(0x79, 1, 2, -8, 7) == struct.pack("=BBhi", 0x79, registers, -8, 7)


def test_functions_start_at_0_where_calls_go_and_where_addresses_point():
    call, address = (bpf.CALL, 0, bpf.LOCAL_CALL), (bpf.LD_IMM64, 2, bpf.FUNCTION)
    block = (
        bpf.encode(*call, immediate=5)  # to 6
        + bpf.encode(*address, immediate=6)  # to 8
        + bytes(8)
        + bpf.encode(*call, immediate=2)  # to 6 again
        + bpf.encode(bpf.CALL, immediate=bpf.MAP_LOOKUP_ELEM)  # a helper
        + EXIT
        + bpf.encode(*call, immediate=1)  # function 6, which calls 8
        + EXIT
        + EXIT
    )
    assert bpf.function_starts(block) == (0, 6, 8)


def test_calls_of_kernel_functions_and_loads_of_maps_start_no_function():
    block = (
        bpf.encode(bpf.CALL, 0, 2, 0, 1)  # BPF_PSEUDO_KFUNC_CALL
        + bpf.encode(bpf.LD_IMM64, 1, bpf.MAP_FD, 0, 0)
        + bytes(8)
        + EXIT
    )
    assert bpf.function_starts(block) == (0,)


@pytest.mark.kernel
@pytest.mark.parametrize(
    "name", ["xdp_pass", "xdp_subprogs", "xdp_counter:xdp_stats", "deep_calls", "xdp_tailcall"]
)
def test_there_are_as_many_functions_as_the_kernel_has_types_for(member, name):
    """What the kernel keeps is one type a function, in the order of their code."""
    found = member(*name.split(":"))
    assert len(bpf.function_starts(found.code.instructions)) == len(found.functions)


@pytest.mark.parametrize("opcode", [bpf.MOV64_IMM, bpf.MOV32_IMM])
@pytest.mark.parametrize("register", [0, 6])
def test_a_program_that_puts_a_constant_into_a_register_may_return_it(opcode, register):
    """Compilers keep a verdict in any register until the end."""
    block = constant(opcode, register, 31) + bpf.encode(bpf.MOV32_REG, 0, register) + EXIT
    assert bpf.may_return(block, 31)
    assert not bpf.may_return(block, 2)


def test_a_program_that_compares_with_a_constant_does_not_return_it():
    block = constant(bpf.JEQ32_IMM, 1, 31) + constant(bpf.MOV32_IMM, 0, 2) + EXIT
    assert not bpf.may_return(block, 31)
