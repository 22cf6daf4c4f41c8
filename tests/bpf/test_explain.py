# SPDX-License-Identifier: Apache-2.0
"""Hints for what the verifier says, on logs that the running kernel wrote."""

from __future__ import annotations

import errno
import os

import pytest

from bpfman.bpf import explain
from bpfman.bpf.map import Map
from bpfman.bpf.program import Bytecode, Program
from bpfman.chain import instructions as bpf
from bpfman.errors import KernelRefused, VerifierRefused
from bpfman.model.code import MapReference
from bpfman.syscalls import bpf as syscalls

encode, EXIT = bpf.encode, bpf.encode(bpf.EXIT)
R1, R2, R3 = 1, 2, 3
LOAD32, LOAD8, STORE8_IMM, JNE64_IMM, JLT64_IMM = 0x61, 0x71, 0x72, 0x55, 0xA5
RETURN_0 = encode(bpf.MOV64_IMM, 0) + EXIT
LOOK_UP = (
    encode(bpf.STORE32_IMM, bpf.R10, offset=-4)
    + encode(bpf.MOV64_REG, R2, bpf.R10)
    + encode(bpf.ADD64_IMM, R2, immediate=-4)
    + encode(bpf.LD_IMM64, R1, bpf.MAP_FD)
    + bytes(8)
    + encode(bpf.CALL, immediate=bpf.MAP_LOOKUP_ELEM)
)

LOOK_UP_CHECKED = LOOK_UP + encode(JNE64_IMM, 0, offset=1) + EXIT + encode(bpf.LOAD64, R2, 0)
READ = encode(LOAD8, 0, 0) + EXIT

REFUSED = {
    "a packet without a bound": (encode(LOAD32, R2, R1) + encode(LOAD8, 0, R2) + EXIT, "data_end"),
    "a result of a lookup that may be NULL": (LOOK_UP + encode(LOAD8, 0, 0) + EXIT, "for NULL"),
    "a register that nothing set": (EXIT, "before it is set"),
    "more than the stack": (encode(STORE8_IMM, bpf.R10, offset=-513) + RETURN_0, "less stack"),
    "a loop without an end": (
        encode(LOAD32, R2, R1, 12)
        + encode(bpf.JEQ64_IMM, R2, offset=1)
        + encode(bpf.JA, offset=-2)
        + RETURN_0,
        "bound the loop",
    ),
    "code that nothing leads to": (encode(bpf.JA, offset=2) + RETURN_0 + RETURN_0, "never run"),
    "a helper that is not there": (encode(bpf.CALL, immediate=9999) + EXIT, "does not have that helper"),
    "a pointer that is none": (
        encode(bpf.MOV64_IMM, R1, immediate=7) + encode(LOAD8, 0, R1) + EXIT,
        "invalid",
    ),
    "an index without a bound": (LOOK_UP_CHECKED + encode(bpf.ADD64_REG, 0, R2) + READ, "bound the index"),
    "beyond a value": (LOOK_UP_CHECKED + encode(bpf.ADD64_IMM, 0, immediate=8) + READ, "beyond the value"),
    "a field that is none": (encode(LOAD32, 0, R1, 4000) + EXIT, "field of their context"),
}


@pytest.fixture
def refusal():
    """`refusal(instructions)`: the error of loading them as an XDP program; its map is a hash of one number."""

    def load(instructions, licence="GPL"):
        with Map(syscalls.map_create(1, 4, 8, 1, name="some")) as some:
            references = tuple(
                MapReference(index, some.info.id)
                for index, (opcode, _, source, _, _) in enumerate(bpf.decode(instructions))
                if (opcode, source) == (bpf.LD_IMM64, bpf.MAP_FD)
            )
            with pytest.raises(VerifierRefused) as refused:
                Program.load(Bytecode("some", 6, 37, instructions, references, licence))
        return refused.value

    return load


@pytest.mark.kernel
@pytest.mark.parametrize(("instructions", "hint"), REFUSED.values(), ids=[*REFUSED])
def test_the_hint_fits_what_the_verifier_said(refusal, instructions, hint):
    error = refusal(instructions)
    assert hint in error.hint, error.log


@pytest.mark.kernel
def test_a_gpl_only_helper(refusal):
    """bpf_probe_read_kernel, under another licence."""
    instructions = (
        encode(bpf.MOV64_REG, R1, bpf.R10)
        + encode(bpf.ADD64_IMM, R1, immediate=-8)
        + encode(bpf.MOV64_IMM, R2, immediate=8)
        + encode(bpf.MOV64_IMM, R3)
        + encode(bpf.CALL, immediate=113)
        + RETURN_0
    )
    assert "GPL" in refusal(instructions, "Proprietary").hint


@pytest.mark.kernel
def test_a_log_that_is_longer_than_we_keep(refusal):
    """The verifier gives up after a million instructions: no disk is full."""
    counting = encode(bpf.ADD64_IMM, 0, immediate=1) + encode(JLT64_IMM, 0, offset=-2, immediate=3_000_000)
    error = refusal(encode(bpf.MOV64_IMM, 0) + counting + EXIT)
    assert error.errno == errno.E2BIG
    assert "million instructions" in error.hint
    if tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (6, 4):
        assert error.log.rstrip().splitlines()[-1].startswith("processed 1000001 insns")


def test_the_last_words_count():
    """The verifier walks many paths, and what it says of those that were fine may look as bad."""
    log = "1: R1=map_value_or_null\n2: (71) r1 = *(u8 *)(r1 +13)\ninvalid access to packet, off=13\nprocessed 2 insns\n"
    assert "data_end" in explain.hint_for(log)
    assert explain.hint_for("") == explain.hint_for("processed 12 insns (limit 1000000)") == ""


@pytest.mark.parametrize("number", [errno.EINVAL, errno.E2BIG, errno.ENOMEM, errno.EPERM, 524])
def test_without_a_log_the_number_tells(number):
    error = explain.refusal("failed to load program some", number, "\n")
    assert type(error) is KernelRefused
    assert (error.errno, bool(error.hint)) == (number, True)
    assert str(error).startswith("failed to load program some: ")


def test_with_a_log_it_is_the_verifier():
    error = explain.refusal("failed to load program some", errno.EACCES, "R0 !read_ok\nprocessed 1 insns\n")
    assert isinstance(error, VerifierRefused)
    assert error.log == "R0 !read_ok\nprocessed 1 insns\n"
