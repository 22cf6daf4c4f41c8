# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import json
import os
import struct

import pytest

from bpfman import Map
from bpfman.bpf import pin
from bpfman.bpf.map import create_per_cpu_array, possible_cpus
from bpfman.bpf.program import Program
from bpfman.errors import BpfmanError, InvalidRequest, KernelRefused, MapNotFound, ObjectError
from bpfman.model.kernel import MAP_TYPES
from bpfman.syscalls import bpf
from tests.bpf.crafted import OBJECTS

pytestmark = pytest.mark.kernel

CPUS = possible_cpus()
ARRAY, HASH, PER_CPU_HASH, PER_CPU_ARRAY = 2, 1, 5, 6
NOBODY = 65534


@pytest.fixture
def kinds(kept, loaded):
    """`kinds(NAME)`: that map of map_kinds.o."""
    there = loaded("map_kinds")
    return lambda name: kept.enter_context(Map.by_id(there.map_id(name)))


@pytest.fixture
def bare(kept):
    """`bare(TYPE, KEY SIZE, VALUE SIZE, ENTRIES)`: a map without BTF."""
    return lambda *shape, **options: kept.enter_context(Map(bpf.map_create(*shape, name="bare", **options)))


# typed


@pytest.mark.parametrize("name", ["hash", "lru_hash"])
def test_entries_come_and_go(kinds, name):
    entries = kinds(name)
    assert dict(entries.items()) == {}
    entries[7] = 1 << 63
    entries[8] = 2
    assert (entries[7], entries[8]) == (1 << 63, 2)
    assert dict(entries.items()) == {7: 1 << 63, 8: 2}
    assert sorted(entries) == [7, 8]
    entries[8] = 3
    del entries[7]
    assert dict(entries.items()) == {8: 3}


@pytest.mark.parametrize("name", ["percpu_hash", "lru_percpu_hash", "percpu_array"])
def test_each_cpu_has_a_value_of_its_own(kinds, name):
    """A list is one for each, anything else one for all."""
    entries = kinds(name)
    entries[3] = [10 + cpu for cpu in range(CPUS)]
    assert entries[3] == [10 + cpu for cpu in range(CPUS)]
    entries[3] = 5
    assert entries[3] == [5] * CPUS
    assert dict(entries.items())[3] == [5] * CPUS


def test_elements_of_an_array_are_always_there(kinds):
    entries = kinds("array")
    entries[7] = 1
    assert [*entries.items()] == [*((key, 0) for key in range(7)), (7, 1)]
    with pytest.raises(KernelRefused) as refused:
        del entries[7]
    assert "set them to 0" in refused.value.hint
    with pytest.raises(MapNotFound):
        entries[8]


def test_keys_that_are_structures(kinds):
    entries = kinds("lpm_trie")
    entries[{"length": 24, "address": [10, 0, 0, 0]}] = 1
    assert entries[{"length": 32, "address": [10, 0, 0, 9]}] == 1
    assert [*entries.items()] == [({"length": 24, "address": [10, 0, 0, 0]}, 1)]
    with pytest.raises(MapNotFound, match="has no key"):
        entries[{"length": 32, "address": [10, 0, 1, 9]}]


def test_what_a_program_wrote_is_read_with_all_its_types(loaded):
    there = loaded("types", "types_run")
    with Program.by_id(there.parts[0].program_id) as program:
        program.test_run(bytes(64))
    with Map.by_id(there.map_id("types")) as entries:
        [(key, value)] = entries.items()
        assert set(key) == {"host", "port", "protocol"}
        assert (value["u8"], value["s64"], value["u128"]) == (200, -9000000000000000000, (1 << 100) + 1)
        assert (value["name"], value["colour"], value["yes"]) == ("bpfman", "BLUE", True)
        # What is read can be written.
        entries[key] = {**value, "u8": 9}
        assert entries[key]["u8"] == 9


def test_types_are_described(kinds):
    assert [each.describe() for each in kinds("hash").types] == ["__u32", "__u64"]
    key, value = kinds("lpm_trie").types
    assert key.describe().startswith("struct prefix {")
    assert key.parse('{"length": 8, "address": [127, 0, 0, 0]}') == struct.pack("=I4B", 8, 127, 0, 0, 0)
    assert value.size == 8


def test_a_key_that_does_not_fit_is_called_a_key(kinds):
    with pytest.raises(InvalidRequest, match=r"^key: "):
        kinds("hash")[{"no": "number"}]
    with pytest.raises(InvalidRequest, match=r"^value: "):
        kinds("hash")[1] = 1 << 64


def test_an_entry_that_goes_while_all_are_read_is_left_out(kinds):
    entries = kinds("hash")
    for key in range(4):
        entries[key] = key
    seen = {}
    for key, value in entries.items():
        seen[key] = value
        for other in set(range(4)) - set(seen):
            if len(seen) == 1:
                del entries[other]
    assert len(seen) == 1


# without types


@pytest.mark.parametrize(
    ("kind", "expected"), [(HASH, b"\1\2\3\4\5"), (PER_CPU_HASH, [b"\1\2\3\4\5"] * CPUS)]
)
def test_without_btf_they_are_bytes(bare, kind, expected):
    """Values of CPUs are padded to 8 bytes, which is nobody's business."""
    entries = bare(kind, 3, 5, 10)
    entries[b"abc"] = b"\1\2\3\4\5"
    assert dict(entries.items()) == {b"abc": expected}
    assert [each.describe() for each in entries.types] == ["3 bytes", "5 bytes"]
    with pytest.raises(InvalidRequest, match=r"key: .*3"):
        entries[b"ab"]


@pytest.mark.parametrize("name", ["queue", "stack"])
def test_queues_and_stacks_have_no_keys(kinds, name):
    entries = kinds(name)
    with pytest.raises(MapNotFound, match="is empty"):
        entries.lookup(b"")
    for number in (1, 2, 3):
        entries.update(b"", struct.pack("=Q", number))
    assert entries.lookup(b"") == struct.pack("=Q", 1 if name == "queue" else 3)
    with pytest.raises(KernelRefused) as refused:
        [*entries.items()]
    assert "no keys" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ringbuf", "mapping"),
        ("perf_event_array", "perf buffers"),
        ("queue", "no keys"),
        ("stack", "no keys"),
    ],
)
def test_what_cannot_be_listed_says_why(kinds, name, says):
    with pytest.raises(KernelRefused, match=f"map {name[:15]}") as refused:
        [*kinds(name).items()]
    assert says in refused.value.hint
    assert "Unknown error" not in str(refused.value)


@pytest.mark.parametrize("name", ["array_of_maps", "hash_of_maps"])
def test_maps_of_maps_take_descriptors_and_give_ids(kinds, name, bare):
    entries, inner = kinds(name), bare(ARRAY, 4, 8, 1)
    entries[1] = inner.fd
    assert dict(entries.items()) == {struct.pack("=I", 1): struct.pack("=I", inner.info.id)}
    with pytest.raises(KernelRefused) as refused:
        entries[0] = 100_000
    assert "descriptors of maps" in refused.value.hint


def test_a_prog_array_takes_descriptors_and_gives_ids(loaded):
    there = loaded("xdp_tailcall", "xdp_tailcall", "xdp_tail_target")
    with Map.by_id(there.map_id("jump")) as jump:
        assert dict(jump.items()) == {}
        jump[0] = there.program_fd("xdp_tail_target")
        assert dict(jump.items()) == {0: there.parts[1].program_id}
        with pytest.raises(KernelRefused) as refused:
            jump[1] = 100_000
        assert "descriptors of programs" in refused.value.hint


# what goes wrong


def test_a_map_that_is_full(kinds):
    entries = kinds("hash")
    for key in range(8):
        entries[key] = key
    with pytest.raises(KernelRefused, match=r"write map hash \(id \d+, hash\)") as refused:
        entries[8] = 8
    assert "it has 8 entries" in refused.value.hint
    assert refused.value.errno == errno.E2BIG


def test_constants_cannot_be_written(loaded):
    there = loaded("globals")
    with Map.by_id(there.map_id("globals.rodata")) as constants:
        assert constants.info.frozen
        assert constants[0]["GLOBAL_u8"] == 25
        with pytest.raises(KernelRefused) as refused:
            constants.update(bytes(4), bytes(constants.info.value_size))
        assert "frozen" in refused.value.hint


def test_global_data_is_read_by_variable_and_written(loaded):
    there = loaded("globals")
    with Map.by_id(there.map_id("globals.data")) as data:
        assert data[0] == {"data_u32": 7}
        data[0] = {"data_u32": 8}
        assert data[0] == {"data_u32": 8}


@pytest.mark.parametrize("map_id", [0, -1, 4_000_000_000, 1 << 32, 1 << 64])
def test_an_id_that_is_not_there(map_id):
    with pytest.raises(MapNotFound, match=f"map {map_id} does not exist"):
        Map.by_id(map_id)


def test_an_id_is_not_cut_to_32_bits(bare):
    with pytest.raises(MapNotFound):
        Map.by_id(bare(HASH, 4, 4, 1).info.id + (1 << 32))


def test_a_closed_map_says_so(bare):
    entries = bare(HASH, 4, 4, 1)
    entries.close()
    entries.close()
    with pytest.raises(KernelRefused, match="Bad file descriptor"):
        entries.lookup(bytes(4))


def test_a_per_cpu_array_has_one_value_a_cpu(kept):
    made = kept.enter_context(create_per_cpu_array("mine", 24))
    assert (made.info.name, made.info.type, made.info.max_entries) == ("mine", PER_CPU_ARRAY, 1)
    made[bytes(4)] = [bytes([cpu] * 24) for cpu in range(CPUS)]
    assert made.split(made.lookup(bytes(4))) == [bytes([cpu] * 24) for cpu in range(CPUS)]


def test_a_value_that_is_too_large_for_every_cpu():
    with pytest.raises(KernelRefused, match="create map huge"):
        create_per_cpu_array("huge", 33 << 10)


def test_the_kernel_names_types_as_we_do(kinds):
    for name in ("array", "hash", "percpu_array", "queue", "stack", "ringbuf", "lpm_trie"):
        assert MAP_TYPES[kinds(name).info.type] == name.replace("_", "")


# for those without privilege


def as_nobody(act):
    """What `act` gives, or the error it raises, in a child process that is nobody; both as text."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            try:
                answer = act()
            except BpfmanError as error:
                answer = {"error": type(error).__name__, "says": str(error), "hint": error.hint}
            os.write(writable, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


@pytest.fixture
def counter_pin(bpffs, loaded):
    """A pinned map of xdp_counter with some packets counted, which only root may open."""
    import bpfman.bpf.decode
    import bpfman.bpf.elf  # noqa: F401 - nobody may not read where the interpreter lies

    if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (5, 19):
        pytest.skip("kernel 5.19 or newer")
    there = loaded("xdp_counter", "xdp_stats")
    with Program.by_id(there.parts[0].program_id) as program:
        program.test_run(bytes(64), repeat=3)
    path = f"{bpffs}/stats"
    with Map.by_id(there.map_id("xdp_stats_map")) as stats:
        pin.pin(stats.fd, path)
    return path


def copied(name, bpffs):
    path = f"{bpffs}-{name}.o"
    with open(path, "wb") as file:
        file.write((OBJECTS / f"{name}.o").read_bytes())
    os.chmod(path, 0o644)
    return path


def read(path, **options):
    found = Map.pinned(path, **options)
    assert found is not None
    with found:
        value = found[bytes([2, 0, 0, 0]) if not options else 2]
        return [each.hex() if isinstance(each, bytes) else each for each in value]


def test_a_pin_that_may_not_be_read_is_refused(counter_pin):
    answer = as_nobody(lambda: read(counter_pin))
    assert answer["error"] == "KernelRefused"
    assert answer["says"] == f"open pin {counter_pin}: Permission denied"


@pytest.mark.parametrize("mode", [0o604, 0o606])
def test_a_pin_that_may_be_read_is(counter_pin, mode):
    """Without types, which the kernel tells only root."""
    os.chmod(counter_pin, mode)
    values = as_nobody(lambda: read(counter_pin))
    assert sum(struct.unpack("=QQ", bytes.fromhex(value))[0] for value in values) == 3


def test_types_come_from_the_object(counter_pin, bpffs):
    os.chmod(counter_pin, 0o644)
    path = copied("xdp_counter", bpffs)
    try:
        values = as_nobody(lambda: read(counter_pin, types_from=path))
    finally:
        os.unlink(path)
    assert sum(value["rx_packets"] for value in values) == 3
    assert sum(value["rx_bytes"] for value in values) == 3 * 64


def test_reading_does_not_mean_writing(counter_pin):
    def write():
        found = Map.pinned(counter_pin)
        assert found is not None
        with found:
            found.update(bytes(4), bytes(16 * CPUS))

    os.chmod(counter_pin, 0o604)
    answer = as_nobody(write)
    assert answer["error"] == "KernelRefused"
    assert "right to write" in answer["hint"]


def test_the_wrong_object_is_noticed(counter_pin):
    found = Map.pinned(counter_pin, types_from=str(OBJECTS / "types.o"))
    assert found is not None
    with found, pytest.raises(BpfmanError) as refused:
        found[2]
    assert isinstance(refused.value, InvalidRequest)


def test_an_object_that_is_not_there(counter_pin):
    found = Map.pinned(counter_pin, types_from="/nowhere.o")
    assert found is not None
    with found, pytest.raises(ObjectError, match="cannot be read: No such file"):
        found[2]


def test_possible_cpus_are_those_of_the_kernel():
    with open("/sys/devices/system/cpu/possible", encoding="ascii") as file:
        assert max(int(part) for part in file.read().replace("-", ",").split(",")) + 1 == CPUS
