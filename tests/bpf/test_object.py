# SPDX-License-Identifier: Apache-2.0
"""Loading an object with libbpf: what it brings into the kernel, and what it says when it cannot."""

from __future__ import annotations

import os
import re
import struct
import time

import pytest

from bpfman.bpf import object as bpf_object
from bpfman.bpf.map import Map
from bpfman.bpf.object_summary import ObjectSummary
from bpfman.bpf.program import Program
from bpfman.chain import instructions as bpf_code
from bpfman.errors import InvalidRequest, KernelRefused, ObjectError, VerifierRefused
from bpfman.model.program import ProgramSpec
from bpfman.syscalls import bpf
from tests.bpf.crafted import read_object

pytestmark = pytest.mark.kernel

XDP_STATS = [ProgramSpec("xdp", "xdp_stats")]


def load(name, *programs, kind="xdp", data=None, **options):
    data = read_object(f"{name}.o") if data is None else data
    summary = ObjectSummary.parse(read_object(f"{name}.o"))
    return bpf_object.load(
        data, summary, [ProgramSpec(kind, each) for each in programs], name=name, **options
    )


def test_programs_come_in_request_order_as_what_they_were_declared():
    with load("xdp_verdicts", "xdp_tx", "xdp_aborted", "xdp_pass") as loaded:
        assert [each.spec.name for each in loaded.programs] == ["xdp_tx", "xdp_aborted", "xdp_pass"]
        assert [each.kernel.type for each in loaded.programs] == [6, 6, 6]
        verdicts = [Program(each.fd).test_run(bytes(64)).verdict for each in loaded.programs]
        assert verdicts == [3, 0, 2]


def test_a_classifier_is_loaded_from_a_section_of_another_name():
    for name, program in (("tcx", "tcx_ingress"), ("tc_counter", "stats_classifier")):
        for kind in ("tc", "tcx"):
            with load(name, program, kind=kind) as loaded:
                assert loaded.programs[0].kernel.type == 3


def test_nothing_is_left_when_it_is_closed():
    loaded = load("map_kinds", "map_kinds")
    ids = [each.kernel.id for each in loaded.maps]
    loaded.close()
    loaded.close()
    assert [map_id for map_id in ids if is_there(map_id)] == []


def is_there(map_id, within=5.0):
    """Whether the kernel still has a map a moment later: it frees them behind a grace period."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            os.close(bpf.fd_by_id(bpf.MAP_BY_ID, map_id))
        except FileNotFoundError:
            return False
        time.sleep(0.005)
    return True


def test_libbpf_stays_silent(capfd):
    with pytest.raises(VerifierRefused):
        load("xdp_bad", "bad")
    load("xdp_bad", "good").close()
    assert capfd.readouterr() == ("", "")


# maps


def test_all_maps_are_made_and_told_apart():
    with load("globals", "globals") as loaded:
        told = {each.name: (each.internal, each.shared, each.reused) for each in loaded.maps}
    assert told == {
        "seen": (False, False, False),
        "globals.rodata": (True, False, False),
        "globals.data": (True, False, False),
        "globals.bss": (True, False, False),
    }


def test_maps_that_ask_to_be_pinned_are_not_pinned_by_libbpf():
    with load("pin_by_name", "pin_by_name") as loaded:
        assert [(each.name, each.shared) for each in loaded.maps] == [("pinned_count", True)]
    assert not os.path.exists("/sys/fs/bpf/pinned_count")


def test_a_map_that_is_there_takes_the_place_of_one(kept):
    first = kept.enter_context(load("xdp_counter", "xdp_stats"))
    [stats] = first.maps
    second = kept.enter_context(load("xdp_counter", "xdp_stats", reuse={"xdp_stats_map": stats.fd}))
    assert [(each.kernel.id, each.reused) for each in second.maps] == [(stats.kernel.id, True)]
    assert second.programs[0].kernel.map_ids == (stats.kernel.id,)


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        ((2, 4, 16, 5), "type is 6 in the object and 2"),
        ((6, 4, 8, 5), "value size is 16 in the object and 8"),
        ((6, 4, 16, 6), "max entries is 5 in the object and 6"),
        ((5, 8, 16, 5), "type is 6 in the object and 5"),
    ],
)
def test_a_map_of_another_shape_does_not(kept, shape, what):
    other = kept.enter_context(Map(bpf.map_create(*shape, name="other")))
    with pytest.raises(InvalidRequest, match=f'map "xdp_stats_map" cannot be shared: its {what}') as refused:
        load("xdp_counter", "xdp_stats", reuse={"xdp_stats_map": other.fd})
    assert f"(id {other.info.id})" in str(refused.value)
    assert refused.value.hint


def test_a_map_that_the_kernel_does_not_make():
    """Of a type that no kernel has: `__uint(type, 250)`, the length of an array type in the object's BTF."""
    array = struct.pack("=II", 3 << 24, 0)  # info and size of struct btf_type; then struct btf_array
    pattern = re.compile(re.escape(array) + b"(.{8})" + re.escape(struct.pack("=I", 6)), re.DOTALL)
    data = pattern.sub(lambda m: array + m[1] + struct.pack("=I", 250), read_object("xdp_counter.o"))
    with pytest.raises(KernelRefused) as refused:
        load("xdp_counter", "xdp_stats", data=data)
    assert (
        str(refused.value) == "failed to load object: map 'xdp_stats_map': failed to create: Invalid argument"
    )
    assert not isinstance(refused.value, VerifierRefused)


# what is kept for chains


def test_code_holds_no_descriptor_and_knows_its_maps():
    with load("globals", "globals") as loaded:
        [program] = loaded.programs
        ids = {each.kernel.id for each in loaded.maps}
        assert {reference.map_id for reference in program.code.maps} == ids
        decoded = bpf_code.decode(program.code.instructions)
        for reference in program.code.maps:
            assert decoded[reference.instruction][0] == bpf_code.LD_IMM64
            assert decoded[reference.instruction][4] == 0
        assert len(decoded) >= program.kernel.verified_insns > 0


def test_subprograms_stand_behind_their_program():
    with load("xdp_subprogs", "xdp_subprogs") as loaded:
        assert len(bpf_code.function_starts(loaded.programs[0].code.instructions)) == 3


def test_sections_for_fragments():
    with load("xdp_frags", "xdp_frags") as frags, load("xdp_pass", "xdp_pass") as plain:
        assert [each.programs[0].frags for each in (frags, plain)] == [True, False]


def test_ids_of_own_types_are_noticed():
    with load("xdp_loop", "xdp_loop") as plain:
        assert not plain.programs[0].code.local_types
    assert ObjectSummary.parse(read_object("local_types.o")).has_local_type_ids


# refusals


def test_the_program_that_was_refused_is_named_with_its_whole_log():
    with pytest.raises(VerifierRefused, match="failed to load program bad") as refused:
        load("xdp_bad", "good", "bad")
    assert "invalid access to packet" in refused.value.log
    assert refused.value.log.rstrip().splitlines()[-1].startswith("processed ")
    assert "data_end" in refused.value.hint


def test_what_libbpf_cannot_read():
    with pytest.raises(ObjectError, match=r"libbpf cannot read the object: .+"):
        load("xdp_pass", "xdp_pass", data=read_object("xdp_pass.o")[:200])


@pytest.mark.parametrize("name", ["", "a.b/c d", "\udcff", "x" * 300])
def test_any_name_will_do_for_an_object(name):
    data = read_object("globals.o")
    with bpf_object.load(
        data, ObjectSummary.parse(data), [ProgramSpec("xdp", "globals")], name=name
    ) as loaded:
        assert {each.name.rpartition(".")[2] for each in loaded.maps if each.internal} == {
            "rodata",
            "data",
            "bss",
        }
