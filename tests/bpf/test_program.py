# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os
import sys
import time

import pytest

from bpfman.bpf import pin
from bpfman.bpf.btf import Btf
from bpfman.bpf.map import Map
from bpfman.bpf.program import Bytecode, Program
from bpfman.chain import instructions as bpf_code
from bpfman.errors import KernelRefused, ProgramNotFound, VerifierRefused
from bpfman.model.code import MapReference
from bpfman.syscalls import bpf
from tests.chain.parts import EXITING

pytestmark = pytest.mark.kernel

XDP, SCHED_CLS, ATTACH_XDP = 6, 3, 37
PACKET = bytes(range(64))


def bytecode(instructions=EXITING, **changes) -> Bytecode:
    return Bytecode("some", XDP, ATTACH_XDP, instructions, (), "GPL")._replace(**changes)


@pytest.fixture
def some(kept):
    return kept.enter_context(Program.load(bytecode()))


def test_instructions_become_a_program(some):
    info = some.info
    assert (info.name, info.type, info.gpl_compatible) == ("some", XDP, True)
    assert (info.map_ids, info.btf_id, info.uid) == ((), 0, os.getuid())
    assert some.types() is None
    assert some.test_run(PACKET).verdict == 2


def test_programs_are_opened_by_id_and_pin(some, bpffs):
    with Program.by_id(some.info.id) as again:
        assert again.info == some.info
    pin.pin(some.fd, f"{bpffs}/some")
    pinned = Program.pinned(f"{bpffs}/some")
    assert pinned is not None
    with pinned:
        assert pinned.info == some.info


@pytest.mark.parametrize("program_id", [0, -1, 4_000_000_000, 1 << 32, 1 << 64])
def test_an_id_that_is_not_there(program_id):
    with pytest.raises(ProgramNotFound, match=f"program {program_id} does not exist"):
        Program.by_id(program_id)


def test_it_is_gone_when_it_is_closed():
    with Program.load(bytecode()) as program:
        number = program.info.id
    program.close()
    assert program.fd == -1
    with pytest.raises(ProgramNotFound):
        wait_for_the_kernel(lambda: Program.by_id(number).close())


def wait_for_the_kernel(act):
    """The kernel frees programs behind a grace period."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        act()
        time.sleep(0.005)


# loading


def test_maps_are_patched_in(kept):
    """By id: descriptors of maps are opened for the load, and closed after it."""
    counter = kept.enter_context(Map(bpf.map_create(2, 4, 8, 1, name="counter")))
    code = (
        bpf_code.encode(bpf_code.STORE32_IMM, bpf_code.R10, offset=-4)
        + bpf_code.encode(bpf_code.MOV64_REG, bpf_code.R2, bpf_code.R10)
        + bpf_code.encode(bpf_code.ADD64_IMM, bpf_code.R2, immediate=-4)
        + bpf_code.encode(bpf_code.LD_IMM64, bpf_code.R1, bpf_code.MAP_FD)
        + bytes(8)
        + bpf_code.encode(bpf_code.CALL, immediate=bpf_code.MAP_LOOKUP_ELEM)
        + bpf_code.encode(bpf_code.JEQ64_IMM, bpf_code.R0, offset=3)
        + bpf_code.encode(bpf_code.LOAD64, bpf_code.R1, bpf_code.R0)
        + bpf_code.encode(bpf_code.ADD64_IMM, bpf_code.R1, immediate=1)
        + bpf_code.encode(bpf_code.STORE64, bpf_code.R0, bpf_code.R1)
        + EXITING
    )
    references = (MapReference(3, counter.info.id),)
    program = kept.enter_context(Program.load(bytecode(code, maps=references)))
    program.test_run(PACKET, repeat=7)
    assert int.from_bytes(counter.lookup(bytes(4)), sys.byteorder) == 7
    assert program.info.map_ids == (counter.info.id,)


def test_a_map_that_is_gone():
    with pytest.raises(KernelRefused, match="open map 4000000000: No such file or directory"):
        Program.load(bytecode(maps=(MapReference(0, 4_000_000_000),)))


def test_a_refusal_has_the_verifiers_log():
    """Which is asked for only then."""
    with pytest.raises(VerifierRefused, match="failed to load program some") as refused:
        Program.load(bytecode(bpf_code.encode(bpf_code.EXIT)))
    assert "R0 !read_ok" in refused.value.log
    assert "processed 1 insns" in refused.value.log
    assert refused.value.errno == errno.EACCES
    assert refused.value.hint


def test_a_refusal_without_a_log_has_a_hint_by_its_number():
    with pytest.raises(KernelRefused, match="failed to load program some: Invalid argument") as refused:
        Program.load(bytecode(program_type=4711))
    assert not isinstance(refused.value, VerifierRefused)
    assert refused.value.hint


def test_types_that_the_kernel_does_not_take():
    with pytest.raises(KernelRefused, match=r"load type information \(BTF\)"):
        Program.load(bytecode(btf=b"\x9f\xeb\x01\0" + bytes(20), func_info=((0, 1),)))


def test_types_of_functions_are_those_it_was_loaded_with(loaded):
    there = loaded("xdp_subprogs")
    with Program.by_id(there.parts[0].program_id) as program:
        types = program.types()
        assert types is not None
        assert types.btf_id == program.info.btf_id
    btf = Btf.parse(types.btf)
    assert [btf.name(each) for each in types.functions] == ["xdp_subprogs", "count_call", "global_function"]


def test_names_and_logs_may_be_long():
    """The kernel takes 15 bytes of a name; a log is as long as it is."""
    with Program.load(bytecode(name="a_name_of_more_than_fifteen_bytes")) as program:
        assert program.info.name == "a_name_of_more_"
    nothing = bpf_code.encode(bpf_code.MOV64_IMM, bpf_code.R1) * 4000
    with pytest.raises(VerifierRefused) as refused:
        Program.load(bytecode(nothing + bpf_code.encode(bpf_code.EXIT)))
    assert len(refused.value.log.splitlines()) > 4000
    assert "processed 4001 insns" in refused.value.log


# runs


def test_a_run_gives_verdict_time_and_packet(some):
    run = some.test_run(PACKET, repeat=1000, room=100)
    assert (run.verdict, run.packet) == (2, PACKET)
    assert 0 <= run.ns < 1_000_000
    assert some.test_run(PACKET).packet == b""


def test_a_run_gives_the_packet_as_the_program_left_it(loaded):
    there = loaded("xdp_adjust_head")
    with Program.by_id(there.parts[0].program_id) as program:
        run = program.test_run(PACKET, room=100)
    assert run.packet == PACKET[:12] + b"\x81\x00\x00\x2a" + PACKET[12:]


def test_a_packet_that_is_too_short_is_refused(kept):
    """Classifiers want an Ethernet header."""
    program = kept.enter_context(Program.load(bytecode(program_type=SCHED_CLS, expected_attach=0)))
    assert program.test_run(PACKET).verdict == 2
    with pytest.raises(KernelRefused, match="run the program on a packet: Invalid argument"):
        program.test_run(b"short")
