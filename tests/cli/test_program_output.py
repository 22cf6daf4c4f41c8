# SPDX-License-Identifier: Apache-2.0
"""`program get`, `load` and `list`: the JSON and the text that programs and people rely on."""

from __future__ import annotations

import json

import pytest

from bpfman.model.program import ImageSource
from tests.cli import samples

PROGRAM_JSON = """\
{
  "record": {
    "program_id": 412,
    "load": {"object_path": "/run/bpfman/programs/412/bytecode.o", "source_path": "build/meter.o",
             "program_name": "count_pkts", "program_type": "xdp", "global_data": {"limit": "BwAAAA=="},
             "image_source": null, "attach_func": null, "map_owner_id": null},
    "license": "GPL", "gpl_compatible": true,
    "handles": {"pin_path": "/run/bpfman/fs/prog_412", "map_pin_path": "/run/bpfman/fs/maps/412", "map_owner_id": null},
    "meta": {"name": "count_pkts", "owner": "", "description": "", "metadata": {"team": "edge"}},
    "created_at": "2026-09-14T08:01:22Z", "updated_at": null
  },
  "status": {
    "kernel": {"id": 412, "name": "count_pkts", "program_type": "xdp", "tag": "9f1c0a77d2b4e810",
               "loaded_at": "2026-09-14T08:01:22Z", "uid": 0, "has_uid": true, "btf_id": 77, "has_btf_id": true,
               "map_ids": [31], "has_map_ids": true, "jited_size": 140, "xlated_size": 232, "verified_insns": 29,
               "memlock": 4096, "has_memlock": true, "restricted": false},
    "stats": {"runtime": 0, "run_count": 0, "recursion_misses": 0},
    "prog_pin": "/run/bpfman/fs/prog_412", "map_dir": "/run/bpfman/fs/maps/412",
    "bytecode": "/run/bpfman/programs/412/bytecode.o",
    "links": [], "maps": [{"id": 31, "name": "pkt_totals", "map_type": "percpuarray", "key_size": 4, "value_size": 16,
      "max_entries": 8, "flags": 0, "btf_id": 77, "has_btf_id": true, "map_extra": 0, "has_map_extra": false,
      "memlock": 4096, "has_memlock": true, "frozen": false,
      "pin_path": "/run/bpfman/fs/maps/412/pkt_totals", "present": true}],
    "map_used_by": [412]
  }
}"""

DETAIL = """\
Program ID: 412
  Spec:
    GPL Compatible: true
    Global:         limit=07000000
    License:        GPL
    Map Owner ID:   None
    Map Pin Path:   /run/bpfman/fs/maps/412
    Metadata:       bpfman.io/application=edge-app, team=edge
    Name:           count_pkts
    Path:           build/meter.o
    Type:           xdp
  Status:
    BTF ID:          77
    Bytecode:        /run/bpfman/programs/412/bytecode.o
    Instructions:    29
    Kernel Type:     xdp
    Loaded At:       2026-09-14T08:01:22Z
    Map Dir:         /run/bpfman/fs/maps/412
    Maps Used By:    412 415
    Memory:          4096 bytes
    Prog Pin:        /run/bpfman/fs/prog_412
    Size JITted:     140 bytes
    Size Translated: 232 bytes
    Tag:             9f1c0a77d2b4e810
    Links:
      3:
        Attach: veth7 (ifindex=7, pos=0)
        Kind:   xdp
        Pin:    /run/bpfman/fs/xdp/4026531840_7/link
    Maps:
      31:
        Key Size:    4B
        Max Entries: 8
        Name:        pkt_totals
        Pin:         /run/bpfman/fs/maps/412/pkt_totals
        Type:        percpuarray
        Value Size:  16B
  Stats:
    Run Count: 0
    Runtime:   0s
"""


def attached():
    """The program of the text example."""
    metadata = {"team": "edge", "bpfman.io/application": "edge-app"}
    return samples.PROGRAM._replace(
        record=samples.RECORD._replace(metadata=metadata),
        status=samples.STATUS._replace(links=(samples.XDP_LINK,), map_used_by=(412, 415)),
    )


def test_get_as_json(bpfman_command, stand_in):
    stand_in.answers["program"] = samples.PROGRAM
    result = bpfman_command("program", "get", "412", "-o", "json")
    assert result.status == 0
    assert json.loads(result.out) == json.loads(PROGRAM_JSON)
    assert list(json.loads(result.out)["record"]) == list(json.loads(PROGRAM_JSON)["record"])


def test_json_is_indented_by_two_and_ends_in_one_newline(bpfman_command, stand_in):
    stand_in.answers["program"] = samples.PROGRAM
    out = bpfman_command("program", "get", "412", "-o", "json").out
    assert out.startswith('{\n  "record": {\n    "program_id": 412,\n')
    assert out.endswith("}\n")
    assert not out.endswith("\n\n")


def test_get_as_text(bpfman_command, stand_in):
    stand_in.answers["program"] = attached()
    assert bpfman_command("program", "get", "412").out == DETAIL


def text_of(bpfman_command, stand_in, program) -> list[str]:
    stand_in.answers["program"] = program
    return [line.strip() for line in bpfman_command("program", "get", "412").out.splitlines()]


def test_what_is_gone_is_said_to_be(bpfman_command, stand_in):
    status = samples.STATUS._replace(
        kernel=None, maps=(), map_used_by=(), prog_pin_present=False, bytecode_present=False
    )
    lines = text_of(bpfman_command, stand_in, samples.PROGRAM._replace(status=status))
    assert "Prog Pin:     /run/bpfman/fs/prog_412 (missing)" in lines
    assert "Bytecode:     /run/bpfman/programs/412/bytecode.o (missing)" in lines
    assert "Kernel:       (no kernel info available)" in lines
    assert "Links: None" in lines
    assert "Maps: None" in lines


def test_what_the_kernel_says_in_other_circumstances(bpfman_command, stand_in):
    kernel = samples.KERNEL_PROGRAM._replace(
        restricted=True, run_time=1_234_000, run_count=9, recursion_misses=2
    )
    lines = text_of(
        bpfman_command, stand_in, samples.PROGRAM._replace(status=samples.STATUS._replace(kernel=kernel))
    )
    assert "Size Translated: (restricted)" in lines
    assert "Run Count:        9" in lines
    assert "Recursion Misses: 2" in lines
    assert "Runtime:          1.234ms" in lines


def test_image_backed_program(bpfman_command, stand_in):
    image = ImageSource("quay.io/acme/meter:1", "sha256:11aa", "IfNotPresent")
    record = samples.RECORD._replace(image=image, source_path=None, globals={}, metadata={})
    program = samples.PROGRAM._replace(record=record)
    lines = text_of(bpfman_command, stand_in, program)
    assert "Image URL:      quay.io/acme/meter:1" in lines
    assert "Pull Policy:    IfNotPresent" in lines
    assert "Global:         None" in lines
    assert "Metadata:       None" in lines
    assert not [line for line in lines if line.startswith("Path:")]
    loaded = json.loads(bpfman_command("program", "get", "412", "-o", "json").out)["record"]["load"]
    assert loaded["source_path"] is None
    assert loaded["image_source"] == {
        "url": "quay.io/acme/meter:1",
        "digest": "sha256:11aa",
        "pull_policy": "IfNotPresent",
    }


def test_load_answers_without_pins_and_statistics(bpfman_command, stand_in):
    stand_in.answers["load_file"] = (samples.LOADED_PROGRAM,)
    argv = ("program", "load", "file", "build/meter.o", "--programs", "xdp:count_pkts")
    (program,) = json.loads(bpfman_command(*argv, "-o", "json").out)["programs"]
    assert program["status"]["stats"] is None
    assert program["status"]["maps"][0]["pin_path"] == ""
    assert program["status"]["maps"][0]["present"] is False
    assert program["record"] == json.loads(PROGRAM_JSON)["record"]
    lines = bpfman_command(*argv).out.splitlines()
    assert lines[-1] == "  Stats: (not enabled, see sysctl kernel.bpf_stats_enabled)"
    assert not [line for line in lines if line.strip().startswith("Pin:")]


def test_load_keeps_request_order_in_json_and_sorts_text(bpfman_command, stand_in):
    first = samples.LOADED_PROGRAM
    second = first._replace(record=first.record._replace(program_id=411))
    stand_in.answers["load_file"] = (first, second)
    argv = ("program", "load", "file", "x.o", "--programs", "xdp:a,xdp:b")
    programs = json.loads(bpfman_command(*argv, "-o", "json").out)["programs"]
    assert [program["record"]["program_id"] for program in programs] == [412, 411]
    text = bpfman_command(*argv).out
    assert text.startswith("Program ID: 411\n")
    assert "\n\nProgram ID: 412\n" in text


def entries():
    edge = samples.record(412, "xdp", "count_pkts", **{"bpfman.io/application": "edge-app"})
    links = (samples.XDP_LINK.record, samples.XDP_LINK.record._replace(id=9))
    return [samples.entry(edge, *links), samples.entry(samples.record(415, "tc", "a_rather_long_name"))]


def test_list_as_table(bpfman_command, stand_in):
    stand_in.answers["programs"] = entries()
    assert bpfman_command("program", "list").out == (
        "PROGRAM ID  APPLICATION  TYPE  FUNCTION NAME       LINK IDS\n"
        "412         edge-app     xdp   count_pkts          3 9\n"
        "415                      tc    a_rather_long_name  <none>\n"
    )


def test_no_column_for_applications_where_there_are_none(bpfman_command, stand_in):
    stand_in.answers["programs"] = [samples.entry(samples.RECORD)]
    assert bpfman_command("program").out == (
        "PROGRAM ID  TYPE  FUNCTION NAME  LINK IDS\n412         xdp   count_pkts     <none>\n"
    )


def test_list_as_json(bpfman_command, stand_in):
    stand_in.answers["programs"] = [*entries(), samples.foreign(500, 8, "cg_filter")]
    managed, _, other = json.loads(bpfman_command("program", "list", "-a", "-o", "json").out)["programs"]
    assert list(managed) == [
        "program_id",
        "managed",
        "application",
        "type",
        "function_name",
        "links",
        "record",
        "kernel",
    ]
    assert (managed["managed"], managed["application"], managed["links"]) == (True, "edge-app", [3, 9])
    assert managed["record"]["program_id"] == managed["kernel"]["id"] == 412
    assert (other["managed"], other["record"], other["links"]) == (False, None, [])
    assert (other["type"], other["function_name"], other["application"]) == ("cgroupskb", "cg_filter", "")


@pytest.mark.parametrize(
    ("noun", "answer", "empty"),
    [
        ("program", "programs", {"programs": []}),
        ("link", "links", {"links": []}),
        ("chain", "chains", {"chains": []}),
        ("dispatcher", "chains", {"dispatchers": []}),
        ("map", "maps", {"maps": []}),
    ],
)
def test_empty_lists(bpfman_command, stand_in, noun, answer, empty):
    stand_in.answers |= {answer: [], "chain_statuses": []}
    assert bpfman_command(noun, "list") == (0, "", "")
    assert json.loads(bpfman_command(noun, "list", "-o", "json").out) == empty


def test_names_that_are_no_utf8(bpfman_command, stand_in, capsysbinary):
    """Text repeats the bytes that were typed; JSON cannot hold them."""
    record = samples.RECORD._replace(source_path="caf\udce9.o")
    stand_in.answers["program"] = samples.PROGRAM._replace(record=record)
    from bpfman.cli.main import main

    assert main(["program", "get", "412"]) == 0
    assert b"Path:           caf\xe9.o\n" in capsysbinary.readouterr().out
    assert main(["program", "get", "412", "-o", "json"]) == 0
    shown = json.loads(capsysbinary.readouterr().out)
    assert shown["record"]["load"]["source_path"] == "caf\ufffd.o"
