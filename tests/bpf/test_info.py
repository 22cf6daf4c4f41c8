# SPDX-License-Identifier: Apache-2.0
"""What we read of the kernel's objects is what bpftool reads of them."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from bpfman.bpf import info
from bpfman.bpf.map import Map
from bpfman.bpf.program import Bytecode, Program
from bpfman.chain import instructions as code
from bpfman.model import kernel
from bpfman.model.code import MapReference
from bpfman.syscalls import bpf
from tests.chain.parts import EXITING

pytestmark = pytest.mark.kernel


def bpftool(*arguments):
    if shutil.which("bpftool") is None:
        pytest.skip("needs the command bpftool")
    return json.loads(subprocess.run(["bpftool", "-j", *arguments], capture_output=True, check=True).stdout)


@pytest.mark.parametrize(
    ("name", "program", "kind"),
    [
        ("xdp_counter", "xdp_stats", "xdp"),
        ("globals", "globals", "xdp"),
        ("no_btf", "no_btf", "xdp"),
        ("nongpl", "nongpl", "xdp"),
        ("tc_counter", "stats", "tc"),
        ("tracepoint_kill", "tracepoint_kill", "tracepoint"),
    ],
)
def test_programs(loaded, name, program, kind):
    [there] = loaded(name, program, kind=kind).object.programs
    theirs = bpftool("prog", "show", "id", str(there.kernel.id))
    ours = info.program(there.fd)
    assert ours == info.program_by_id(there.kernel.id)
    assert kernel.program_type_name(ours.type) == theirs["type"].replace("_", "").replace(
        "schedcls", "schedcls"
    )
    assert (ours.name, ours.tag) == (theirs["name"], theirs["tag"])
    assert ours.gpl_compatible is theirs["gpl_compatible"]
    assert ours.map_ids == tuple(theirs.get("map_ids", ()))
    assert (ours.xlated_size, ours.jited_size) == (theirs["bytes_xlated"], theirs["bytes_jited"])
    assert (ours.memlock, ours.uid, ours.btf_id) == (
        theirs["bytes_memlock"],
        theirs["uid"],
        theirs.get("btf_id", 0),
    )
    assert abs(ours.loaded_at - theirs["loaded_at"]) <= 1
    assert ours.verified_insns > 0
    assert not ours.restricted
    assert (ours.run_time, ours.run_count, ours.recursion_misses) == (0, 0, 0)


def test_maps_of_every_kind(loaded):
    there = loaded("map_kinds").object.maps
    theirs = {each["id"]: each for each in bpftool("map", "list")}
    for made in there:
        ours, other = info.map(made.fd), theirs[made.kernel.id]
        assert ours == info.map_by_id(made.kernel.id)
        assert kernel.map_type_name(ours.type) == SPELLED.get(other["type"], other["type"].replace("_", ""))
        assert (ours.name, ours.flags, ours.memlock) == (
            other["name"],
            other["flags"],
            other["bytes_memlock"],
        )
        sizes = (other["bytes_key"], other["bytes_value"], other["max_entries"])
        assert (ours.key_size, ours.value_size, ours.max_entries) == sizes
        assert ours.frozen is bool(other["frozen"])


# Where the contract's spelling is not bpftool's without underscores.
SPELLED = {
    "lru_percpu_hash": "lrucpuhash",
    "prog_array": "programarray",
    "perf_event_array": "perfeventarray",
    "lpm_trie": "lpmtrie",
}


def test_constants_are_frozen(loaded):
    frozen = {each.name: each.kernel.frozen for each in loaded("globals").object.maps}
    assert frozen == {"seen": False, "globals.rodata": True, "globals.data": False, "globals.bss": False}


@pytest.mark.parametrize("ask", [info.program_by_id, info.map_by_id, info.link_by_id])
@pytest.mark.parametrize("number", [0, -1, 4_000_000_000, 1 << 32, 1 << 64])
def test_what_is_not_there_is_none(ask, number):
    assert ask(number) is None


def test_a_program_is_known_by_its_tag_and_load_time(loaded):
    found = loaded("xdp_pass").object.programs[0].kernel
    assert info.is_program(found.id, found.tag, found.load_time)
    assert not info.is_program(found.id, found.tag, found.load_time + 1)
    assert not info.is_program(found.id, "0" * 16, found.load_time)
    assert not info.is_program(4_000_000_000, found.tag, found.load_time)


def test_ids_of_all_programs(loaded):
    ours = loaded("xdp_pass").parts[0].program_id
    ids = [*info.program_ids()]
    assert ids == sorted(ids)
    assert ours in ids


def test_as_many_maps_as_a_program_can_have(kept):
    """64, MAX_USED_MAPS of the kernel."""
    maps = [kept.enter_context(Map(bpf.map_create(2, 4, 4, 1))) for _ in range(64)]
    loads = b"".join(code.encode(code.LD_IMM64, 1, code.MAP_FD) + bytes(8) for _ in maps)
    references = tuple(MapReference(index * 2, each.info.id) for index, each in enumerate(maps))
    program = kept.enter_context(Program.load(Bytecode("many", 6, 37, loads + EXITING, references, "GPL")))
    assert set(program.info.map_ids) == {each.info.id for each in maps}


def test_numbers_that_no_table_knows_are_told_as_numbers():
    assert kernel.program_type_name(4711) == "unknown(4711)"
    assert kernel.map_type_name(4711) == "unknown(4711)"
    assert kernel.link_type_name(4711) == "unknown(4711)"


def test_no_procfs_is_no_trouble():
    """What only /proc tells is left out."""
    assert info.fdinfo(-1) == {}
