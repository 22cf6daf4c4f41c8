# SPDX-License-Identifier: Apache-2.0
"""Loads that cannot be: which error, what it says, and that nothing is left."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from bpfman import LoadSpec, Manager, ProgramSpec
from bpfman.errors import (
    InvalidRequest,
    MapOwnerNotFound,
    ObjectError,
    StoreError,
    TypeMismatch,
    VerifierRefused,
)
from bpfman.manager import loading
from bpfman.store.layout import Layout
from tests.bpf.crafted import OBJECTS, read_object, with_header

PASS = [ProgramSpec("xdp", "xdp_pass")]


def check(name: str, *programs: str, **options) -> loading.Request:
    """What is refused before the kernel is asked."""
    specs = tuple(ProgramSpec(*program.split(":")) for program in programs)
    return loading.check(LoadSpec(specs, f"{name}.o", **options), read_object(f"{name}.o"))


# the file


@pytest.fixture
def fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_a_fifo_does_not_keep_us_waiting(fifo):
    with pytest.raises(ObjectError, match="is not a regular file"):
        loading.read_object(str(fifo))


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_devices_are_no_objects(path):
    with pytest.raises(ObjectError, match="is not a regular file"):
        loading.read_object(path)


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("", InvalidRequest, "path of the object file is empty"),
        ("/nowhere/at/all.o", ObjectError, 'object file "/nowhere/at/all.o" does not exist'),
        ("/etc/passwd/x.o", ObjectError, "cannot be read: Not a directory"),
        (str(OBJECTS), ObjectError, "is a directory"),
        ("with\0nul", ObjectError, "cannot be read"),
        ("x" * 5000, ObjectError, "cannot be read: File name too long"),
    ],
)
def test_what_cannot_be_read(path, error, says):
    with pytest.raises(error, match=says):
        loading.read_object(path)


def test_what_is_larger_than_16_mib(tmp_path):
    path = tmp_path / "large.o"
    with path.open("wb") as file:
        file.truncate(17 << 20)
    with pytest.raises(ObjectError, match=r"larger than 16 MiB"):
        loading.read_object(str(path))


GOOD = read_object("xdp_pass.o")
BAD_OBJECTS = {
    "empty": (b"", "the file is empty"),
    "text": (b"#!/bin/sh\necho hello\n" * 10, "not an ELF file"),
    "half a header": (GOOD[:40], "truncated"),
    "cut off": (GOOD[:-1], "runs past the end"),
    "for another machine": (with_header(GOOD, e_machine=62), "x86-64"),
    "an executable": (Path("/proc/self/exe").read_bytes()[: 1 << 20], "expected BPF"),
    "for the other byte order": (read_object("xdp_counter.be.o"), "expected ELFDATA2LSB"),
}


@pytest.mark.parametrize(("data", "says"), BAD_OBJECTS.values(), ids=BAD_OBJECTS)
def test_what_is_no_object_for_this_machine(manager, tmp_path, data, says):
    path = tmp_path / "some.o"
    path.write_bytes(data)
    with pytest.raises(ObjectError, match=says) as refused:
        manager.load_file(str(path), PASS)
    assert str(path) in str(refused.value)
    assert os.listdir(manager.layout.runtime_dir) == []


# what was asked of it


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("xdp_pass", "xdp:xdp_pass"),
        ("xdp_frags", "xdp:xdp_frags"),
        ("tc_counter", "tc:stats"),
        ("tc_counter", "tcx:stats"),
        ("tc_counter", "tc:stats_classifier"),
        ("tc_counter", "tcx:stats_classifier"),
        ("tcx", "tcx:tcx_ingress"),
        ("tcx", "tc:tcx_ingress"),
        ("tracepoint_kill", "tracepoint:tracepoint_kill"),
    ],
)
def test_types_that_go_with_a_section(name, program):
    assert check(name, program).spec.programs == (ProgramSpec(*program.split(":")),)


@pytest.mark.parametrize(
    ("name", "program", "section"),
    [
        ("xdp_pass", "tc:xdp_pass", "xdp"),
        ("xdp_pass", "tracepoint:xdp_pass", "xdp"),
        ("tc_counter", "xdp:stats", "tc"),
        ("tc_counter", "xdp:stats_classifier", "classifier"),
        ("tcx", "xdp:tcx_ingress", "tcx/ingress"),
        ("tracepoint_kill", "xdp:tracepoint_kill", "tracepoint/syscalls/sys_enter_kill"),
        ("probes", "xdp:on_kprobe", "kprobe/do_unlinkat"),
        ("probes", "tracepoint:on_uprobe", "uprobe"),
        ("probes", "tc:on_uretprobe", "uretprobe"),
    ],
)
def test_types_that_contradict_a_section(name, program, section):
    with pytest.raises(TypeMismatch, match=f'program type mismatch: .* is in section "{section}"'):
        check(name, program)


def test_a_type_that_is_none():
    with pytest.raises(InvalidRequest, match='unknown program type "banana"') as refused:
        check("xdp_pass", "banana:xdp_pass")
    assert "xdp, tc, tcx, tracepoint" in refused.value.hint


def test_a_function_for_a_type_that_takes_none():
    with pytest.raises(InvalidRequest, match="xdp programs take no function"):
        check("xdp_pass", "xdp:xdp_pass:somewhere")


def test_programs_that_are_not_there():
    with pytest.raises(InvalidRequest) as refused:
        check("two_programs", "xdp:first_xdp", "xdp:nope", "tc:neither")
    assert str(refused.value) == (
        "program(s) not found in object file: [nope, neither]; available programs: [first_xdp, second_tc]"
    )


def test_a_subprogram_is_no_program():
    with pytest.raises(InvalidRequest, match=r"not found .*\[global_function\]"):
        check("xdp_subprogs", "xdp:global_function")


def test_no_program_at_all():
    with pytest.raises(InvalidRequest, match="no programs named"):
        check("xdp_pass")


def test_a_program_twice():
    with pytest.raises(InvalidRequest, match='"xdp_pass" is named twice'):
        check("xdp_pass", "xdp:xdp_pass", "xdp:xdp_pass")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"nope": b"\1"},
            r'global variable "nope" not found in program; available: \[GLOBAL_u8, GLOBAL_u16,',
        ),
        ({"GLOBAL_u8": b""}, r'"GLOBAL_u8" has 1 byte\(s\), the value given has 0'),
        ({"GLOBAL_u32": b"\1\2"}, r'"GLOBAL_u32" has 4 byte\(s\), the value given has 2'),
        ({"GLOBAL_bytes": bytes(13)}, r'"GLOBAL_bytes" has 12 byte\(s\), the value given has 13'),
        ({"GLOBAL_u8": b"\1", "bss_u64": bytes(4)}, r'"bss_u64" has 8 byte\(s\)'),
        ({"seen": bytes(4)}, r'global variable "seen" not found'),
    ],
)
def test_global_data_that_does_not_fit(values, says):
    with pytest.raises(InvalidRequest, match=says):
        check("globals", "xdp:globals", globals=values)


@pytest.mark.kernel
@pytest.mark.parametrize("owner", [0, 1, 4_294_967_295, 2**70])
def test_a_map_owner_that_is_not_there(watched, load, nothing_left, owner):
    with pytest.raises(MapOwnerNotFound, match=f"map_owner_id {owner} does not exist"):
        load("xdp_counter", "xdp:xdp_stats", by=watched, map_owner_id=owner)
    nothing_left()


@pytest.mark.kernel
@pytest.mark.parametrize("metadata", [{"key": "\udcff"}, {"\udcff": "value"}])
def test_metadata_that_is_no_text(watched, load, nothing_left, metadata):
    with pytest.raises(InvalidRequest, match="not valid UTF-8"):
        load("xdp_counter", "xdp:xdp_stats", by=watched, metadata=metadata)
    nothing_left()


@pytest.mark.kernel
def test_a_path_that_is_no_text(watched, tmp_path, nothing_left):
    path = os.fsencode(tmp_path) + b"/\xff.o"
    with open(path, "wb") as file:
        file.write(GOOD)
    with pytest.raises(InvalidRequest, match="not valid UTF-8"):
        watched.load_file(os.fsdecode(path), PASS)
    nothing_left()


# the verifier


@pytest.mark.kernel
@pytest.mark.parametrize("programs", [["xdp:bad"], ["xdp:good", "xdp:bad"], ["xdp:bad", "xdp:good"]])
def test_a_refusal_names_the_program_and_has_the_whole_log(watched, load, nothing_left, programs):
    with pytest.raises(VerifierRefused, match="program bad") as refused:
        load("xdp_bad", *programs, by=watched)
    lines = refused.value.log.splitlines()
    assert any("invalid access to packet, off=13 size=1" in line for line in lines)
    assert any(line.startswith("processed ") and "insns" in line for line in lines)
    assert lines[0].endswith("R10=fp0") or "func#0" in lines[0]
    assert "data_end" in refused.value.hint
    assert refused.value.errno == 13
    nothing_left()


@pytest.mark.kernel
def test_a_load_that_was_refused_does_not_disturb_the_next(watched, load):
    with pytest.raises(VerifierRefused):
        load("xdp_bad", "xdp:bad", by=watched)
    assert load("xdp_bad", "xdp:good", by=watched)[0].record.name == "good"


# the runtime directory


@pytest.mark.kernel
def test_a_runtime_directory_that_cannot_be_written(read_only, kernel):
    """The kernel is asked first, without the lock: what it took is given back."""
    manager = Manager(Layout(f"{read_only}/bpfman"), kernel=kernel)
    with pytest.raises(StoreError, match="Read-only file system"):
        manager.load_file(str(OBJECTS / "xdp_pass.o"), PASS)
    assert os.listdir(read_only) == []


@pytest.mark.kernel
def test_a_runtime_directory_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        Manager(Layout(str(tmp_path / "file"))).load_file(str(OBJECTS / "xdp_pass.o"), PASS)


@pytest.mark.kernel
@pytest.mark.parametrize("kibibytes", [4, 16, 64, 104, 128, 136, 144, 152, 160])
def test_a_file_system_that_is_full(small, kibibytes, kernel):
    """Whichever file it is that does not fit any more: the database, the copy of the object.  With room made, the next
    load works, and finds nothing of the first."""
    manager = Manager(Layout(small.mount(kibibytes)), kernel=kernel)
    load = partial(manager.load_file, str(OBJECTS / "map_kinds.o"), [ProgramSpec("xdp", "map_kinds")])
    with pytest.raises(StoreError) as refused:
        [load() for _ in range(10)]
    assert "space" in str(refused.value) + refused.value.hint
    small.grow()
    there = {entry.program_id for entry in manager.programs()}
    [loaded] = load()
    assert {entry.program_id for entry in manager.programs()} == {*there, loaded.record.program_id}
    copies = {int(name) for name in os.listdir(manager.layout.programs_dir) if name != ".staging"}
    assert copies == {*there, loaded.record.program_id}
    assert os.listdir(manager.layout.staging) == []
