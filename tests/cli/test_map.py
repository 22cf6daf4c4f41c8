# SPDX-License-Identifier: Apache-2.0
"""`bpfman map`: typed keys and values of real maps, as text that can be typed back and as JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bpfman.bpf.map import possible_cpus

pytestmark = pytest.mark.kernel

OBJECTS = Path(__file__).resolve().parents[1] / "objects"


@pytest.fixture
def maps(bpfman_command, runtime):
    """Runs `bpfman map` on the maps of map_kinds.o, and of types.o."""
    for name, function in (("map_kinds", "map_kinds"), ("types", "types_run")):
        argv = ("program", "load", "file", str(OBJECTS / f"{name}.o"), "--programs", f"xdp:{function}")
        assert bpfman_command(*argv, "--runtime-dir", runtime.runtime_dir).status == 0

    def run(*argv: str):
        return bpfman_command("map", *argv, "--runtime-dir", runtime.runtime_dir)

    yield run
    assert bpfman_command("program", "delete", "--all", "--runtime-dir", runtime.runtime_dir).status == 0


def test_list(maps, runtime):
    lines = maps("list").out.splitlines()
    assert lines[0].split("  ")[0] == "MAP ID"
    rows = {line.split()[1]: line.split() for line in lines[1:]}
    _, _, kind, key, value, room, program, pin = rows["percpu_hash"]
    assert (kind, key, value, room) == ("percpuhash", "4B", "8B", "8")
    assert pin == f"{runtime.runtime_dir}/fs/maps/{program}/percpu_hash"
    assert os.path.exists(pin)
    assert maps("list", "-q").out.split() == [line.split()[0] for line in lines[1:]]
    listed = json.loads(maps("list", "-o", "json").out)["maps"]
    (shown,) = [each for each in listed if each["name"] == "percpu_hash"]
    assert shown["programs"] == [int(program)]
    assert shown["pin_path"] == pin
    assert (shown["kernel"]["map_type"], shown["kernel"]["value_size"]) == ("percpuhash", 8)


def test_set_get_dump_delete(maps):
    assert maps("set", "hash", "1", "0x10") == (0, "", "")
    assert maps("set", "hash", "4294967295", "18446744073709551615") == (0, "", "")
    assert maps("get", "hash", "1").out == "16\n"
    assert json.loads(maps("get", "hash", "1", "-o", "json").out) == {"key": 1, "value": 16}
    dumped = json.loads(maps("dump", "hash", "-o", "json").out)
    assert dumped["map"]["key_type"] == "__u32"
    assert dumped["map"]["per_cpu"] is False
    entries = sorted(dumped["entries"], key=lambda entry: entry["key"])
    assert entries == [{"key": 1, "value": 16}, {"key": 4294967295, "value": 18446744073709551615}]
    assert maps("delete", "hash", "4294967295") == (0, "", "")
    assert maps("dump", "hash").out == "KEY  VALUE\n1    16\n"
    assert maps("delete", "hash", "1") == (0, "", "")
    assert maps("dump", "hash") == (0, "", "")


def test_a_map_is_found_by_name_id_and_pin(maps, runtime):
    maps("set", "array", "3", "9")
    listed = json.loads(maps("list", "-o", "json").out)["maps"]
    (array,) = [each for each in listed if each["name"] == "array"]
    for which in ("array", str(array["kernel"]["id"]), array["pin_path"]):
        assert maps("get", which, "3").out == "9\n"
    assert maps("get", "array", "3", "--program", str(array["programs"][0])).out == "9\n"
    assert maps("get", "array", "3", "--program", "1").status == 1


def test_values_of_every_cpu(maps):
    maps("set", "percpu_array", "2", "5")
    cpus = possible_cpus()
    assert maps("get", "percpu_array", "2").out.splitlines() == [
        "CPU  VALUE",
        *(f"{n}    5" for n in range(cpus)),
    ]
    assert maps("get", "percpu_array", "2", "--total").out == f"{5 * cpus}\n"
    assert json.loads(maps("get", "percpu_array", "2", "-o", "json").out)["value"] == [5] * cpus
    lines = maps("dump", "percpu_array").out.splitlines()
    assert lines[0].split() == ["KEY", "CPU", "VALUE"]
    assert len(lines) == 1 + 8 * cpus
    assert maps("dump", "percpu_array", "--total").out.splitlines()[3] == f"2    {5 * cpus}"


def test_a_struct_can_be_typed_as_it_was_printed(maps):
    key = '{"host": 167772161, "port": 443, "protocol": 6}'
    size = json.loads(maps("dump", "types", "-o", "json").out)["map"]["value_size"]
    assert maps("set", "types", key, "0x" + "00" * size).err == ""
    value = json.loads(maps("get", "types", key).out)
    assert (value["u8"], value["bytes"], value["point"]) == (0, [0] * 6, {"x": 0, "y": 0})

    value |= {"u8": 200, "name": "héllo", "colour": "GREEN", "point": {"x": -1, "y": 2}}
    typed = json.dumps(value, ensure_ascii=False)
    assert maps("set", "types", key, typed).err == ""

    assert maps("get", "types", key).out == typed + "\n"
    row = maps("dump", "types").out.splitlines()[1]
    assert json.loads(row.partition("}")[0] + "}") == json.loads(key)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("get", "hash", "7"), "has no key"),
        (("get", "nosuch", "7"), 'map "nosuch" does not exist'),
        (("get", "/nowhere/map", "7"), "nothing is pinned at /nowhere/map"),
        (("get", "hash", "seven"), "seven"),
        (("set", "hash", "1", "-1"), "-1"),
        (("set", "hash", "1", "{"), "{"),
        (("delete", "array", "1"), "array"),
        (("dump", "ringbuf"), "ringbuf"),
    ],
)
def test_refusals(maps, argv, reason):
    result = maps(*argv)
    assert result.status == 1
    assert result.out == ""
    assert result.err.startswith("bpfman: error: ")
    assert reason in result.err.splitlines()[0]


def test_dry_run_changes_nothing(maps):
    assert maps("set", "percpu_array", "2", "5", "--dry-run").out.startswith(
        "set 2 to 5 on every CPU in map percpu_arr"
    )
    assert maps("get", "percpu_array", "2", "--total").out == "0\n"
    maps("set", "hash", "1", "1")
    assert maps("delete", "hash", "1", "--dry-run").out.startswith("delete 1 from map hash (")
    assert maps("get", "hash", "1").out == "1\n"


class TestWatch:
    @pytest.fixture
    def watch(self, runtime):
        """Starts `bpfman map watch` and, once it looks, runs changes; returns its lines and exit status."""

        def run(change, *argv: str, lines: int) -> tuple[list[str], int]:
            command = [*("map", "watch", *argv, "--interval", "20ms", "--runtime-dir", runtime.runtime_dir)]
            # The first look is told, so that a change cannot come before it.
            code = f"""
import os, sys, time
import bpfman.cli.map.watch as watch
from bpfman.cli.main import main
sleep, told = time.sleep, []

def tell(seconds):
    told or told.append(os.write(1, b"looking\\n"))
    sleep(seconds)

watch.time.sleep = tell
sys.exit(main({command}))
"""
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "looking\n"
                change()
                seen = [process.stdout.readline().rstrip("\n") for _ in range(lines)]
                process.send_signal(signal.SIGINT)
                assert process.stdout.read() == ""
                return seen, process.wait(timeout=30)

        return run

    def test_changes(self, maps, watch):
        maps("set", "hash", "1", "10")
        maps("set", "hash", "2", "20")

        def change():
            maps("set", "hash", "1", "11")

        (line,), status = watch(change, "hash", lines=1)
        assert status == 0
        when, _, what = line.partition("  ")
        assert what == "1: 10 -> 11"
        assert when.endswith("Z")
        (line,), _ = watch(lambda: maps("delete", "hash", "2"), "hash", lines=1)
        assert line.endswith("  2: 20 -> none")

    def test_one_key_as_json(self, maps, watch):
        def change():
            maps("set", "hash", "5", "50")
            maps("set", "hash", "4", "40")

        (line,), status = watch(change, "hash", "4", "-o", "json", lines=1)
        assert status == 0
        change_seen = json.loads(line)
        assert change_seen.pop("time").endswith("Z")
        assert change_seen == {"key": 4, "old": None, "new": 40}

    def test_totals(self, maps, watch):
        (line,), _ = watch(lambda: maps("set", "percpu_array", "0", "3"), "percpu_array", "--total", lines=1)
        assert line.endswith(f"  0: 0 -> {3 * possible_cpus()}")
