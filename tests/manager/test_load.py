# SPDX-License-Identifier: Apache-2.0
"""What a load gives, keeps, and shows."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from bpfman import LoadSpec, ProgramSpec
from bpfman.bpf.program import Program
from bpfman.model.program import APPLICATION, ImageSource
from tests.bpf.crafted import OBJECTS, read_object

pytestmark = pytest.mark.kernel

ONE_OF_EACH = [
    ("xdp_counter", "xdp:xdp_stats", 6),
    ("xdp_frags", "xdp:xdp_frags", 6),
    ("tc_counter", "tc:stats", 3),
    ("tc_counter", "tc:stats_classifier", 3),
    ("tcx", "tcx:tcx_ingress", 3),
    ("tracepoint_kill", "tracepoint:tracepoint_kill", 5),
    ("no_btf", "xdp:no_btf", 6),
]


@pytest.mark.parametrize(("name", "program", "kernel_type"), ONE_OF_EACH)
def test_what_a_load_says_is_true_of_the_kernel(manager, load, name, program, kernel_type):
    before = time.time()
    [loaded] = load(name, program)
    record, kernel = loaded.record, loaded.status.kernel
    kind, function = program.split(":")
    assert (record.type, record.name) == (kind, function)
    assert kernel.id == record.program_id > 0
    assert kernel.type == kernel_type
    assert kernel.name == function[:15]
    assert kernel.tag == record.tag != ""
    assert kernel.load_time == record.load_time
    assert abs(kernel.loaded_at - before) <= 2
    assert kernel.uid == os.getuid()
    assert min(kernel.jited_size, kernel.xlated_size, kernel.memlock) > 0
    assert (kernel.btf_id > 0) is (name != "no_btf")
    pinned = Program.pinned(record.pin_path)
    assert pinned is not None
    with pinned:
        assert pinned.info == kernel


def test_get_agrees_with_load(manager, load):
    """But for maps, whose pins a load does not tell, and statistics."""
    [loaded] = load("xdp_counter", "xdp:xdp_stats", metadata={"team": "edge"})
    got = manager.program(loaded.record.program_id)
    assert got.record == loaded.record
    assert got.status.kernel == loaded.status.kernel
    assert (loaded.status.stats, got.status.stats) == (False, True)
    assert [(each.pin_path, each.present) for each in loaded.status.maps] == [("", False)]
    assert [each.present for each in got.status.maps] == [True]
    assert [each.kernel for each in got.status.maps] == [each.kernel for each in loaded.status.maps]


def test_paths_are_those_that_others_rely_on(manager, load):
    [loaded] = load("xdp_counter", "xdp:xdp_stats")
    root, number = manager.layout.runtime_dir, loaded.record.program_id
    [stats] = manager.program(number).status.maps
    assert loaded.record.pin_path == f"{root}/fs/prog_{number}"
    assert loaded.record.map_pin_path == f"{root}/fs/maps/{number}"
    assert loaded.record.object_path == f"{root}/programs/{number}/bytecode.o"
    assert stats.pin_path == f"{root}/fs/maps/{number}/xdp_stats_map"
    assert [os.stat(path).st_mode & 0o777 for path in (loaded.record.pin_path, stats.pin_path)] == [
        0o600,
        0o600,
    ]
    for folder in (f"{root}/fs/maps", f"{root}/fs/maps/{number}", f"{root}/programs/{number}"):
        assert os.stat(folder).st_mode & 0o777 == 0o755


def test_results_are_in_request_order(load):
    forward = load("two_programs", "xdp:first_xdp", "tc:second_tc")
    backward = load("two_programs", "tc:second_tc", "xdp:first_xdp")
    assert [each.record.name for each in forward] == ["first_xdp", "second_tc"]
    assert [each.record.name for each in backward] == ["second_tc", "first_xdp"]
    assert len({each.record.program_id for each in (*forward, *backward)}) == 4


def test_only_what_was_named_is_loaded(load):
    """Its sibling would be refused by the verifier."""
    [loaded] = load("xdp_bad", "xdp:good")
    assert loaded.record.name == "good"


def test_programs_are_listed_by_id(manager, load):
    loaded = [load("xdp_pass", "xdp:xdp_pass")[0].record for _ in range(3)]
    assert [entry.record for entry in manager.programs()] == sorted(
        loaded, key=lambda record: record.program_id
    )


def test_the_kernel_cuts_names_and_we_do_not(manager, load):
    [loaded] = load("tracepoint_kill", "tracepoint:tracepoint_kill")
    got = manager.program(loaded.record.program_id)
    assert (got.record.name, got.status.kernel.name) == ("tracepoint_kill", "tracepoint_kill")
    [stats] = [each for each in got.status.maps if not each.kernel.name.endswith(".rodata")]
    assert stats.kernel.name == "tracepoint_stat"
    assert stats.pin_path.endswith("/tracepoint_stats_map")
    [long] = load("xdp_verdicts", "xdp:xdp_dispatcher_return")
    assert (long.record.name, long.status.kernel.name) == ("xdp_dispatcher_return", "xdp_dispatcher_")


def test_maps_are_in_the_kernels_order_and_global_data_has_no_pin(manager, load):
    [loaded] = load("globals", "xdp:globals")
    got = manager.program(loaded.record.program_id)
    assert tuple(each.kernel.id for each in got.status.maps) == got.status.kernel.map_ids
    assert tuple(each.kernel.id for each in loaded.status.maps) == got.status.kernel.map_ids
    pins = {each.kernel.name: (os.path.basename(each.pin_path), each.present) for each in got.status.maps}
    assert pins == {
        "seen": ("seen", True),
        "globals.rodata": ("", False),
        "globals.data": ("", False),
        "globals.bss": ("", False),
    }
    assert [each.name for each in manager.maps()] == ["seen"]


def test_all_maps_of_the_object_are_made_and_pinned(manager, load):
    """Also those that the program does not use: other programs may."""
    [loaded] = load("map_kinds", "xdp:map_kinds")
    names = {each.name for each in manager.maps()}
    assert {"array", "ringbuf", "array_of_maps", "prog_array"} <= names
    assert set(os.listdir(loaded.record.map_pin_path)) == names
    assert len(names) == 14


# what is remembered


def test_metadata_and_application(manager, load):
    metadata = {APPLICATION: "edge-app", "empty": "", "eq": "a=b", "ünï": "çödé"}
    load("xdp_pass", "xdp:xdp_pass", metadata=metadata, owner="bpfman")
    [entry] = manager.programs()
    assert entry.record.metadata == metadata
    assert entry.record.application == "edge-app"
    assert entry.record.owner == "bpfman"
    assert load("xdp_pass", "xdp:xdp_pass")[0].record.application == ""


def test_it_is_the_same_time_and_source_ever_after(manager, monkeypatch):
    """The path as it was typed."""
    monkeypatch.chdir(OBJECTS)
    [loaded] = manager.load_file("./xdp_pass.o", [ProgramSpec("xdp", "xdp_pass")])
    got = manager.program(loaded.record.program_id)
    assert got.record.source_path == "./xdp_pass.o"
    assert abs(got.record.created_at - time.time()) <= 2
    assert got.record.created_at == loaded.record.created_at


def test_a_private_copy_outlives_the_source(manager, tmp_path):
    source = tmp_path / "mine.o"
    shutil.copy(OBJECTS / "xdp_pass.o", source)
    [loaded] = manager.load_file(str(source), [ProgramSpec("xdp", "xdp_pass")])
    source.unlink()
    assert Path(loaded.record.object_path).read_bytes() == read_object("xdp_pass.o")
    assert manager.program(loaded.record.program_id).status.bytecode_present


def test_where_each_program_came_from_is_written_down(manager, load):
    for loaded in load("two_programs", "xdp:first_xdp", "tc:second_tc"):
        note = json.loads(Path(manager.layout.provenance(loaded.record.program_id)).read_text())
        loaded_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(loaded.record.created_at))
        assert note == {
            "version": 1,
            "program_id": loaded.record.program_id,
            "program_name": loaded.record.name,
            "source": str(OBJECTS / "two_programs.o"),
            "source_kind": "file",
            "loaded_at": loaded_at,
        }


def test_an_object_of_an_image_is_remembered_as_one(manager):
    image = ImageSource("registry.example.net/acme/meter:1.2", "sha256:" + "0" * 64, "Always")
    spec = LoadSpec((ProgramSpec("xdp", "globals"),), image=image)
    [loaded] = manager.load(spec, read_object("globals.o"))
    got = manager.program(loaded.record.program_id)
    assert (got.record.image, got.record.source_path) == (image, None)
    note = json.loads(Path(manager.layout.provenance(loaded.record.program_id)).read_text())
    assert (note["source"], note["source_kind"]) == (image.url, "image")


@pytest.mark.parametrize(
    ("name", "licence", "compatible"),
    [("xdp_pass", "Dual BSD/GPL", True), ("gpl_helper", "GPL", True), ("nongpl", "Proprietary", False)],
)
def test_licences(load, name, licence, compatible):
    record = load(name, f"xdp:{name}")[0].record
    assert (record.license, record.gpl_compatible) == (licence, compatible)


def test_sections_for_fragments_are_remembered(load):
    assert load("xdp_frags", "xdp:xdp_frags")[0].record.frags
    assert not load("xdp_pass", "xdp:xdp_pass")[0].record.frags
