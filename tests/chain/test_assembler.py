# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from bpfman.chain import instructions as bpf
from bpfman.chain.assembler import Assembler
from bpfman.model.code import MapReference

NOTHING = bpf.encode(bpf.MOV64_REG, bpf.R0, bpf.R0)


def offsets(asm: Assembler) -> list[int]:
    return [offset for _, _, _, offset, _ in bpf.decode(asm.finish())]


@pytest.mark.parametrize("between", [0, 1, 100])
def test_a_jump_lands_on_its_label_before_and_behind_it(between):
    asm = Assembler()
    asm.place("up")
    asm.jump(bpf.JA, "down")
    asm.block(NOTHING * between, ())
    asm.jump(bpf.JA, "up")
    asm.place("down")
    asm.emit(bpf.EXIT)
    assert offsets(asm) == [between + 1, *[0] * between, -(between + 2), 0]


def test_a_call_counts_from_the_instruction_behind_it():
    asm = Assembler()
    asm.block(NOTHING * 3, ())
    asm.call("function")
    asm.emit(bpf.EXIT)
    asm.place("function")
    asm.emit(bpf.EXIT)
    assert bpf.decode(asm.finish())[3] == (bpf.CALL, 0, bpf.LOCAL_CALL, 0, 1)
    assert asm.address("function") == 5


def test_a_block_stays_as_it_is_and_its_maps_move_with_it():
    asm = Assembler()
    block = NOTHING + bpf.encode(bpf.LD_IMM64, 1, bpf.MAP_FD) + bytes(8) + bpf.encode(bpf.EXIT)
    asm.load_map(bpf.R1, map_id=70)
    asm.block(block, [MapReference(1, 71)])
    asm.block(block, [MapReference(1, 71)])
    assert asm.here == 10
    assert asm.maps == [MapReference(0, 70), MapReference(3, 71), MapReference(7, 71)]
    code = asm.finish()
    assert code[16:48] == code[48:80] == block


def test_a_label_that_is_not_placed_is_an_error():
    asm = Assembler()
    asm.jump(bpf.JA, "nowhere")
    with pytest.raises(KeyError, match="nowhere"):
        asm.finish()


def test_registers_and_immediates_are_kept():
    asm = Assembler()
    asm.jump(bpf.JNE32_IMM, "end", bpf.R7, -3)
    asm.jump(bpf.JEQ64_REG, "end", bpf.R6, source=bpf.R7)
    asm.place("end")
    assert bpf.decode(asm.finish()) == [
        (bpf.JNE32_IMM, bpf.R7, 0, 1, -3),
        (bpf.JEQ64_REG, bpf.R6, bpf.R7, 0, 0),
    ]
