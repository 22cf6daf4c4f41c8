# SPDX-License-Identifier: Apache-2.0
"""`link get`, `link attach` and `link list`: the JSON and the text that programs and people rely on."""

from __future__ import annotations

import json

import pytest

from bpfman.errors import ProgramNotFound
from bpfman.model.targets import FentryAttach, KprobeAttach, LsmAttach, UprobeAttach
from tests.cli import samples

XDP_RECORD = """\
{"id": 3, "program_id": 412, "kernel_link_id": 58, "kind": "xdp",
  "pin_path": "/run/bpfman/fs/xdp/4026531840_7/link",
  "details": {"interface": "veth7", "ifindex": 7, "priority": 50, "position": 0, "proceed_on": [2, 31], "netns": "",
              "nsid": 4026531840, "dispatcher_id": 420, "revision": 1},
  "created_at": "2026-09-14T08:03:00Z", "metadata": {"ring": "canary"}}"""

DETAIL = """\
Link ID: 3
  Spec:
    BPF Function:      count_pkts
    Created At:        2026-09-14T08:03:00Z
    Interface:         veth7
    Kernel Link ID:    58
    Metadata:          ring=canary
    Network Namespace: None
    Pin Path:          /run/bpfman/fs/xdp/4026531840_7/link
    Position:          0
    Priority:          50
    Proceed On:        pass, dispatcher_return
    Program ID:        412
    Type:              xdp
  Status:
    Kernel Seen: true
    Pin Present: true
"""


def link_json(bpfman_command, stand_in, link):
    stand_in.answers["link"] = link
    return json.loads(bpfman_command("link", "get", str(link.record.id), "-o", "json").out)


def test_xdp_link_as_json(bpfman_command, stand_in):
    shown = link_json(bpfman_command, stand_in, samples.XDP_LINK)
    assert shown["record"] == json.loads(XDP_RECORD)
    assert list(shown["record"]["details"]) == list(json.loads(XDP_RECORD)["details"])
    assert shown["status"]["kernel_seen"] is True
    assert shown["status"]["pin_present"] is True


def test_what_the_kernel_says_of_a_link(bpfman_command, stand_in):
    kernel = link_json(bpfman_command, stand_in, samples.XDP_LINK)["status"]["kernel"]
    head = {"id": 58, "program_id": 412, "link_type": "xdp", "attach_type": "0", "ifindex": 7}
    assert list(kernel.items())[:5] == list(head.items())
    rest = set(kernel) - set(head)
    assert rest == {
        "target_obj_id",
        "target_btf_id",
        "cgroup_id",
        "netns_ino",
        "netfilter_pf",
        "netfilter_hooknum",
        "netfilter_priority",
        "netfilter_flags",
        "kprobe_multi_count",
        "kprobe_multi_flags",
        "kprobe_multi_missed",
        "kprobe_address",
        "kprobe_missed",
    }
    assert {kernel[key] for key in rest} == {0}


def test_tc_link_as_json(bpfman_command, stand_in):
    shown = link_json(bpfman_command, stand_in, samples.TC_LINK)
    assert shown["record"]["kernel_link_id"] is None
    assert shown["record"]["metadata"] is None
    assert shown["status"] == {"kernel": None, "kernel_seen": True, "pin_present": True}
    assert shown["record"]["details"] == {
        "interface": "veth7",
        "ifindex": 7,
        "direction": "ingress",
        "priority": 10,
        "position": 0,
        "proceed_on": [3, 30],
        "netns": "",
        "nsid": samples.NSID,
        "dispatcher_id": 431,
        "revision": 2,
    }


def test_tcx_link_as_json(bpfman_command, stand_in):
    assert link_json(bpfman_command, stand_in, samples.TCX_LINK)["record"]["details"] == {
        "interface": "veth7",
        "ifindex": 7,
        "direction": "egress",
        "priority": 0,
        "position": 1,
        "netns": "/n/blue",
        "nsid": samples.NSID,
    }


def test_tracepoint_link_as_json(bpfman_command, stand_in):
    details = link_json(bpfman_command, stand_in, samples.TRACEPOINT_LINK)["record"]["details"]
    assert details == {"group": "sched", "name": "sched_switch"}


def masked(link, mask):
    """The link with another proceed-on mask."""
    record = link.record
    return link._replace(record=record._replace(details=record.details._replace(proceed_on=mask)))


@pytest.mark.parametrize(
    ("mask", "codes"), [(4, [2]), (0x80000004, [2, 31]), (0, []), (0x1F, [0, 1, 2, 3, 4])]
)
def test_proceed_on_as_codes(bpfman_command, stand_in, mask, codes):
    link = masked(samples.XDP_LINK, mask)
    assert link_json(bpfman_command, stand_in, link)["record"]["details"]["proceed_on"] == codes


def test_proceed_on_of_tc_begins_below_zero(bpfman_command, stand_in):
    link = masked(samples.TC_LINK, 1)
    assert link_json(bpfman_command, stand_in, link)["record"]["details"]["proceed_on"] == [-1]


def test_get_as_text(bpfman_command, stand_in):
    stand_in.answers |= {"link": samples.XDP_LINK, "program": samples.PROGRAM}
    assert bpfman_command("link", "get", "3").out == DETAIL


def test_get_of_a_link_whose_program_has_just_gone(bpfman_command, stand_in):
    stand_in.answers |= {"link": samples.XDP_LINK, "program": ProgramNotFound(412)}
    assert "BPF Function:      None" in bpfman_command("link", "get", "3").out


def test_attach_prints_the_link_without_the_function(bpfman_command, stand_in):
    stand_in.answers["attach"] = samples.XDP_LINK
    argv = ("link", "attach", "xdp", "412", "veth7", "-p", "50")
    assert bpfman_command(*argv).out == DETAIL.replace("    BPF Function:      count_pkts\n", "")
    assert json.loads(bpfman_command(*argv, "-o", "json").out)["record"] == json.loads(XDP_RECORD)


@pytest.mark.parametrize(
    ("link", "rows", "absent"),
    [
        (samples.TC_LINK, ["Direction:         ingress", "Proceed On:        pipe, dispatcher_return"], []),
        (
            samples.TCX_LINK,
            ["Direction:         egress", "Network Namespace: /n/blue", "Priority:          0"],
            ["Proceed On"],
        ),
        (samples.TRACEPOINT_LINK, ["Tracepoint:     sched/sched_switch"], ["Interface", "Priority"]),
    ],
    ids=["tc", "tcx", "tracepoint"],
)
def test_rows_of_each_kind(bpfman_command, stand_in, link, rows, absent):
    stand_in.answers |= {"link": link, "program": samples.PROGRAM}
    out = bpfman_command("link", "get", "5").out
    assert [row for row in rows if f"    {row}\n" not in out] == []
    assert [label for label in absent if label in out] == []


UPROBE = UprobeAttach("libc", "malloc", 8, 7, retprobe=True, container_pid=9)

TARGETS = [
    (
        "kprobe",
        KprobeAttach("vfs_read"),
        {"fn_name": "vfs_read", "offset": 0, "retprobe": False},
        {"Attach Type": "kprobe", "Target Function": "vfs_read"},
        "vfs_read",
        "vfs_read",
    ),
    (
        "kretprobe",
        KprobeAttach("vfs_read", 8, retprobe=True),
        {"fn_name": "vfs_read", "offset": 8, "retprobe": True},
        {"Attach Type": "kretprobe", "Target Function": "vfs_read", "Target Offset": "8"},
        "vfs_read+8",
        "kretprobe:vfs_read+8",
    ),
    (
        "uretprobe",
        UPROBE,
        {"target": "libc", "fn_name": "malloc", "offset": 8, "pid": 7, "retprobe": True, "container_pid": 9},
        {
            "Attach Type": "uretprobe",
            "Target": "libc",
            "PID": "7",
            "Container PID": "9",
            "Target Offset": "8",
        },
        "libc malloc+8",
        "uretprobe:libc:malloc+8",
    ),
    (
        "uprobe",
        UprobeAttach("/lib/x.so", offset=4096),
        {
            "target": "/lib/x.so",
            "fn_name": "",
            "offset": 4096,
            "pid": 0,
            "retprobe": False,
            "container_pid": 0,
        },
        {"Attach Type": "uprobe", "Target": "/lib/x.so", "Target Offset": "4096"},
        "/lib/x.so +4096",
        "/lib/x.so:+4096",
    ),
    (
        "fentry",
        FentryAttach("do_unlinkat"),
        {"fn_name": "do_unlinkat"},
        {"Target Function": "do_unlinkat"},
        "do_unlinkat",
        "do_unlinkat",
    ),
    (
        "lsm",
        LsmAttach("bprm_check_security"),
        {"hook_name": "bprm_check_security"},
        {"LSM Hook": "bprm_check_security"},
        "bprm_check_security",
        "bprm_check_security",
    ),
]


@pytest.mark.parametrize(
    ("kind", "target", "details", "rows", "cell", "summary"), TARGETS, ids=[each[0] for each in TARGETS]
)
def test_links_of_their_own(bpfman_command, stand_in, kind, target, details, rows, cell, summary):
    record = samples.TRACEPOINT_LINK.record._replace(kind=kind, details=target)
    link = samples.TRACEPOINT_LINK._replace(record=record)
    assert link_json(bpfman_command, stand_in, link)["record"]["details"] == details

    program = samples.PROGRAM._replace(status=samples.STATUS._replace(links=(link,)))
    stand_in.answers |= {"program": program, "links": [(record, samples.RECORD)]}
    spec = bpfman_command("link", "get", "7").out.partition("  Status:")[0]
    shown = dict(line.strip().split(": ", 1) for line in spec.splitlines()[2:])
    common = {"BPF Function", "Created At", "Kernel Link ID", "Metadata", "Pin Path", "Program ID", "Type"}
    assert {label: value.strip() for label, value in shown.items() if label not in common} == rows | (
        {"Target Function": "malloc"} if target is UPROBE else {}
    )
    assert bpfman_command("link", "list").out.splitlines()[1].endswith(f"  {cell}")
    assert f"        Attach: {summary}\n" in bpfman_command("program", "get", "412").out


def listed():
    edge = samples.record(412, "xdp", "count_pkts", **{"bpfman.io/application": "edge-app"})
    return [
        (samples.XDP_LINK.record, edge),
        (samples.TC_LINK.record, samples.record(429, "tc", "meter_in")),
        (samples.TCX_LINK.record, samples.record(433, "tcx", "meter_out")),
        (samples.TRACEPOINT_LINK.record, samples.record(440, "tracepoint", "trail")),
    ]


def test_list_as_table(bpfman_command, stand_in):
    stand_in.answers["links"] = listed()
    assert bpfman_command("link", "list").out.splitlines() == [
        "LINK ID  KERNEL LINK ID  KIND        PROGRAM ID  APPLICATION  FUNCTION NAME  ATTACHMENT",
        "3        58              xdp         412         edge-app     count_pkts     veth7 pos-0",
        "5        <none>          tc          429                      meter_in       veth7 ingress pos-0",
        "6        61              tcx         433                      meter_out      veth7 egress pos-1 netns=/n/blue",
        "7        62              tracepoint  440                      trail          sched/sched_switch",
    ]


def test_list_as_json_has_records_only(bpfman_command, stand_in):
    stand_in.answers["links"] = listed()
    links = json.loads(bpfman_command("link", "list", "-o", "json").out)["links"]
    assert links[0] == json.loads(XDP_RECORD)
    assert [link["id"] for link in links] == [3, 5, 6, 7]


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        (["--kind", "xdp,tcx"], "3 6"),
        (["--kind", "XDP", "--kind", "tc"], "3 5"),
        (["--program-id", "429"], "5"),
        (["-p", "tc"], "5"),
        (["--application", "edge-app"], "3"),
        (["-m", "bpfman.io/application=edge-app"], "3"),
        (["-m", "ring=canary"], ""),  # the link's metadata, not the program's
        (["--application", "edge-app", "--kind", "tc"], ""),
    ],
)
def test_filters_look_at_the_owning_program(bpfman_command, stand_in, flags, ids):
    stand_in.answers["links"] = listed()
    assert bpfman_command("link", "list", "-q", *flags).out.split() == ids.split()
