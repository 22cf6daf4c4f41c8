# SPDX-License-Identifier: Apache-2.0
"""`chain` and `dispatcher`: one thing in two vocabularies."""

from __future__ import annotations

import json

import pytest

from bpfman.errors import ChainNotFound, Conflict
from bpfman.model.chain import ChainStatus
from bpfman.model.hook import Hook
from tests.cli import samples

DISPATCHER_JSON = """\
{"key": {"type": "tc-ingress", "nsid": 4026531840, "ifindex": 7}, "revision": 2,
 "runtime": {"program_id": 431, "filter_priority": 50, "filter_handle": 2, "netns_path": ""},
 "members": [{"program_id": 429, "program_name": "meter_in", "prog_pin_path": "/run/bpfman/fs/prog_429", "link_id": 5,
   "kernel_link_id": null, "link_pin_path": "/run/bpfman/fs/tc-ingress/4026531840_7/chain",
   "position": 0, "priority": 10, "proceed_on": 2147483664, "ifname": "veth7", "metadata": null}]}"""


def owners():
    meter = samples.record(429, "tc", "meter_in")._replace(pin_path="/run/bpfman/fs/prog_429")
    return [(samples.TC_LINK.record, meter), (samples.XDP_LINK.record, samples.RECORD)]


def test_dispatcher_get_as_json(bpfman_command, stand_in):
    stand_in.answers |= {"chain": samples.TC_CHAIN, "links": owners()}
    result = bpfman_command("dispatcher", "get", "tc-ingress", "4026531840", "7", "-o", "json")
    assert json.loads(result.out) == json.loads(DISPATCHER_JSON)
    assert stand_in.calls[0] == ("chain", (Hook("tc-ingress", 4026531840, 7),), {})


def test_dispatcher_list_as_json(bpfman_command, stand_in):
    stand_in.answers["chains"] = [samples.XDP_CHAIN, samples.TC_CHAIN]
    xdp, tc = json.loads(bpfman_command("dispatcher", "list", "-o", "json").out)["dispatchers"]
    assert xdp == {
        "key": {"type": "xdp", "nsid": samples.NSID, "ifindex": 7},
        "revision": 2,
        "runtime": {"program_id": 420, "kernel_link_id": 58, "netns_path": ""},
        "member_count": 2,
    }
    assert tc["runtime"] == json.loads(DISPATCHER_JSON)["runtime"]


def test_dispatcher_list_as_table(bpfman_command, stand_in):
    stand_in.answers["chains"] = [samples.XDP_CHAIN, samples.TC_CHAIN]
    assert bpfman_command("dispatcher").out.splitlines() == [
        "TYPE        NSID        IFINDEX  REVISION  PROGRAM ID  KERNEL LINK ID  PRIORITY  HANDLE  MEMBERS  NETNS",
        "xdp         4026531840  7        2         420         58              -         -       2        -",
        "tc-ingress  4026531840  7        2         431         -               50        0x2     1        -",
    ]


def test_dispatcher_list_filters(bpfman_command, stand_in):
    stand_in.answers["chains"] = [samples.XDP_CHAIN, samples.TC_CHAIN]

    def types(*flags: str) -> list[str]:
        shown = json.loads(bpfman_command("dispatcher", "list", *flags, "-o", "json").out)
        return [each["key"]["type"] for each in shown["dispatchers"]]

    assert types("--type", "tc-ingress") == ["tc-ingress"]
    assert types("--nsid", "1") == []
    assert types("--ifindex", "7", "--type", "xdp") == ["xdp"]


def test_dispatcher_get_as_text(bpfman_command, stand_in):
    stand_in.answers |= {"chain": samples.TC_CHAIN, "links": owners()}
    assert bpfman_command("dispatcher", "get", "tc-ingress", "4026531840", "7").out == (
        "Dispatcher: tc-ingress nsid=4026531840 ifindex=7\n"
        "  Filter Handle: 0x2\n"
        "  Priority:      50\n"
        "  Program ID:    431\n"
        "  Revision:      2\n"
        "\n"
        "Members (1):\n"
        "POS  PRIORITY  PROGRAM ID  FUNCTION NAME  LINK ID  KERNEL LINK ID  PROCEED ON\n"
        "0    10        429         meter_in       5        <none>          pipe,dispatcher_return\n"
    )
    stand_in.answers["chain"] = samples.TC_CHAIN._replace(members=())
    assert bpfman_command("dispatcher", "get", "tc-ingress", "1", "7").out.endswith("Members (0):\n(none)\n")


def test_unknown_dispatcher(bpfman_command, stand_in):
    stand_in.answers["chain"] = ChainNotFound("dispatcher (xdp, 1, 2): record not found", "see `chain list`")
    result = bpfman_command("dispatcher", "get", "xdp", "1", "2")
    assert result == (
        1,
        "",
        "bpfman: error: dispatcher (xdp, 1, 2): record not found\n  hint: see `chain list`\n",
    )


def test_dispatcher_delete_forgets_the_rows(bpfman_command, stand_in):
    assert bpfman_command("dispatcher", "delete", "xdp", "4026531840", "7") == (0, "", "")
    assert stand_in.calls == [("forget_chain", (Hook("xdp", 4026531840, 7),), {})]


def test_chain_list(bpfman_command, stand_in):
    netns = samples.VETH7._replace(netns="/run/netns/blue")
    blue = samples.XDP_CHAIN._replace(record=samples.XDP_CHAIN.record._replace(interface=netns))
    stand_in.answers |= {"chains": [blue, samples.TC_CHAIN], "chain_statuses": [ChainStatus(True)] * 2}
    assert bpfman_command("chain").out.splitlines() == [
        "HOOK              REVISION  PROGRAM ID  MEMBERS  RUNS  MODE    ACCOUNTING  NETNS",
        "xdp veth7         2         420         2        yes   native  on          /run/netns/blue",
        "tc veth7 ingress  2         431         1        yes   -       off         -",
    ]


@pytest.mark.parametrize(
    ("status", "word", "line", "json_fields"),
    [
        (ChainStatus(True), " yes ", "  Runs:              yes", (True, None)),
        (ChainStatus(False, "its filter is gone"), " no ", "  Runs:              no: its filter is gone",
         (False, "its filter is gone")),
        (ChainStatus(None, "it changes"), " unknown ", "  Runs:              unknown: it changes",
         (None, "it changes")),
    ],
)  # fmt: skip
def test_a_chain_is_said_to_run_or_not(bpfman_command, stand_in, status, word, line, json_fields):
    chain = samples.TC_CHAIN
    stand_in.answers |= {"chains": [chain], "chain": chain, "chain_statuses": [status]}
    assert word in bpfman_command("chain", "list").out
    assert line in bpfman_command("chain", "get", "tc", "veth7", "ingress").out.splitlines()
    [listed] = json.loads(bpfman_command("chain", "list", "-o", "json").out)["chains"]
    assert (listed["runs"], listed["why"]) == json_fields
    assert json.loads(bpfman_command("chain", "get", "tc", "veth7", "ingress", "-o", "json").out) == listed


def test_chain_get_is_asked_as_a_person_says_it(bpfman_command, stand_in):
    hook = Hook("tc-ingress", samples.NSID, 7)
    statuses = [ChainStatus(True)]
    stand_in.answers |= {"chain": samples.TC_CHAIN, "find_hook": hook, "chain_statuses": statuses}
    result = bpfman_command("chain", "get", "tc", "veth7", "ingress", "--netns", "/run/netns/blue")
    assert stand_in.calls == [
        ("find_hook", ("tc", "veth7", "ingress", "/run/netns/blue"), {}),
        ("chain", (hook,), {}),
        ("chain_statuses", ([samples.TC_CHAIN],), {}),
    ]
    assert result.out == (
        "Chain: tc veth7 ingress\n"
        "  Accounting:        off\n"
        "  Interface:         veth7 (ifindex=7)\n"
        "  Network Namespace: None\n"
        "  Program ID:        431\n"
        "  Revision:          2\n"
        "  Runs:              yes\n"
        "\n"
        "Members (1):\n"
        "POS  PRIORITY  PROGRAM ID  FUNCTION NAME  LINK ID  PROCEED ON\n"
        "0    10        429         meter_in       5        pipe,dispatcher_return\n"
    )


def test_chain_get_as_json(bpfman_command, stand_in):
    stand_in.answers |= {"chain": samples.XDP_CHAIN, "chain_statuses": [ChainStatus(True)]}
    shown = json.loads(bpfman_command("chain", "get", "xdp", "veth7", "-o", "json").out)
    assert (shown["type"], shown["interface"], shown["revision"]) == ("xdp", "veth7", 2)
    assert (shown["mode"], shown["accounting"], shown["kernel_link_id"]) == ("native", True, 58)
    assert [member["program_name"] for member in shown["members"]] == ["drop_odd", "count_pkts"]
    assert shown["members"][1]["proceed_on"] == ["pass", "dispatcher_return"]
    assert shown["members"][1]["metadata"] == {"ring": "canary"}


def test_a_hook_has_the_words_of_its_family(bpfman_command, stand_in):
    missing = bpfman_command("chain", "get", "tc", "eth0")
    assert missing.status == 80
    assert "a tc hook has a direction: ingress or egress" in missing.err
    extra = bpfman_command("chain", "get", "xdp", "eth0", "ingress")
    assert extra.status == 80
    assert 'an xdp hook has no direction, got "ingress"' in extra.err
    assert stand_in.calls == []


def test_accounting_says_who_dropped_the_packet(bpfman_command, stand_in):
    stand_in.answers |= {"chain": samples.XDP_CHAIN, "counts": samples.COUNTS}
    assert bpfman_command("chain", "account", "show", "xdp", "veth7").out.splitlines() == [
        "Chain: xdp veth7",
        "",
        "POS  PRIORITY  PROGRAM ID  FUNCTION NAME  LINK ID  RUNS  VERDICTS         ENDED HERE",
        "0    10        430         drop_odd       4        100   drop=40 pass=60  drop=40",
        "1    50        412         count_pkts     3        60    pass=59 other=1  other=1",
    ]


def test_accounting_as_json(bpfman_command, stand_in):
    stand_in.answers |= {"chain": samples.XDP_CHAIN, "counts": samples.COUNTS}
    shown = json.loads(bpfman_command("chain", "account", "show", "xdp", "veth7", "-o", "json").out)
    first = shown["members"][0]
    assert (first["link_id"], first["runs"], first["ended"]) == (4, 100, {"drop": 40})
    assert first["verdicts"] == {"drop": 40, "pass": 60, "tx": 0}


def test_accounting_is_switched_in_silence(bpfman_command, stand_in):
    hook = Hook("xdp", samples.NSID, 7)
    stand_in.answers["find_hook"] = hook
    assert bpfman_command("chain", "account", "on", "xdp", "veth7") == (0, "", "")
    assert bpfman_command("chain", "account", "off", "xdp", "veth7") == (0, "", "")
    assert [call for call in stand_in.calls if call[0] == "set_accounting"] == [
        ("set_accounting", (hook, True), {}),
        ("set_accounting", (hook, False), {}),
    ]


def test_accounting_that_is_off(bpfman_command, stand_in):
    stand_in.answers |= {"chain": samples.TC_CHAIN, "counts": Conflict("accounting is off", "switch it on")}
    result = bpfman_command("chain", "account", "show", "tc", "veth7", "ingress")
    assert result == (1, "", "bpfman: error: accounting is off\n  hint: switch it on\n")
