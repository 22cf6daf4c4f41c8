# SPDX-License-Identifier: Apache-2.0
"""What a command line asks of the manager."""

from __future__ import annotations

import pytest

from bpfman.model.link import ChainAttach, TcxAttach
from bpfman.model.program import ProgramSpec
from bpfman.model.targets import (
    FentryAttach,
    FexitAttach,
    KprobeAttach,
    LsmAttach,
    TracepointAttach,
    UprobeAttach,
)
from tests.cli import samples

XDP_DEFAULT, TC_DEFAULT = 0x80000004, 0x80000010


@pytest.fixture
def asked(bpfman_command, stand_in):
    """Runs a command line that succeeds and returns the calls it made."""
    stand_in.answers |= {"load_file": (), "attach": samples.XDP_LINK, "programs": [], "links": []}

    def run(*argv: str):
        result = bpfman_command(*argv)
        assert result.status == 0, result
        calls, stand_in.calls = stand_in.calls, []
        return calls

    return run


def load_options(**given):
    return {"globals": {}, "metadata": {}, "map_owner_id": None, **given}


def test_load(asked):
    (call,) = asked("program", "load", "file", "x.o", "--programs", "xdp:a,tc:b", "--programs", "tcx:c")
    specs = [ProgramSpec("xdp", "a"), ProgramSpec("tc", "b"), ProgramSpec("tcx", "c")]
    assert call == ("load_file", ("x.o", specs), load_options())


def test_load_with_everything(asked):
    (call,) = asked(
        *("program", "load", "--programs=XDP:a", "-mteam=edge", "--metadata", "note=a=b,c", "-m", "empty="),
        *(
            "-g",
            "limit=0x07000000",
            "--global=LIMIT2=0XabCD",
            "-a",
            "edge-app",
            "--map-owner-id",
            "412",
            "x.o",
        ),
    )
    assert call == (
        "load_file",
        ("x.o", [ProgramSpec("xdp", "a")]),
        load_options(
            globals={"limit": b"\x07\0\0\0", "LIMIT2": b"\xab\xcd"},
            metadata={"team": "edge", "note": "a=b,c", "empty": "", "bpfman.io/application": "edge-app"},
            map_owner_id=412,
        ),
    )


def test_map_owner_zero_is_none(asked):
    assert (
        asked("program", "load", "x.o", "--programs", "xdp:a", "--map-owner-id", "0")[0][2]["map_owner_id"]
        is None
    )


def test_a_path_that_looks_like_a_flag_or_a_command(asked):
    assert asked("program", "load", "--programs", "xdp:a", "--", "-x.o")[0][1][0] == "-x.o"
    assert asked("program", "load", "file", "--programs", "xdp:a", "file")[0][1][0] == "file"


@pytest.mark.parametrize(
    ("line", "spec"),
    [
        ("xdp 412 eth0 -p 50", ChainAttach("eth0", 50, XDP_DEFAULT)),
        ("xdp -p 0 412 eth0 --mode generic", ChainAttach("eth0", 0, XDP_DEFAULT, mode="generic")),
        ("xdp 412 eth0 -p 50 --proceed-on pass", ChainAttach("eth0", 50, 0x4)),
        ("xdp 412 eth0 -p 50 --proceed-on PASS,Drop --proceed-on aborted", ChainAttach("eth0", 50, 0x7)),
        (
            "xdp 412 eth0 -p 50 -n /run/netns/blue",
            ChainAttach("eth0", 50, XDP_DEFAULT, netns="/run/netns/blue"),
        ),
        ("tc 412 eth0 ingress -p 50", ChainAttach("eth0", 50, TC_DEFAULT, "ingress")),
        ("tc 412 eth0 egress --priority=7 --proceed-on=unspec", ChainAttach("eth0", 7, 0x1, "egress")),
        ("tcx 412 eth0 egress -p7 --netns=/n", TcxAttach("eth0", "egress", 7, "/n")),
        ("tracepoint 412 sched/sched_switch", TracepointAttach("sched", "sched_switch")),
        ("kprobe 412 vfs_read", KprobeAttach("vfs_read")),
        ("kprobe 412 vfs_read --offset 8", KprobeAttach("vfs_read", 8)),
        ("uprobe 412 libc -f malloc", UprobeAttach("libc", "malloc")),
        (
            "uprobe 412 /bin/sh --offset 4096 --pid 7 --container-pid=9",
            UprobeAttach("/bin/sh", "", 4096, 7, container_pid=9),
        ),
        ("fentry 412", FentryAttach()),
        ("fexit 412", FexitAttach()),
        ("lsm 412", LsmAttach()),
    ],
)
def test_attach(asked, line, spec):
    (call,) = asked("link", "attach", *line.split())
    assert call == ("attach", (412, spec), {"metadata": None})


def test_attach_with_metadata(asked):
    (call,) = asked(
        "link", "attach", "tracepoint", "412", "sched/sched_switch", "-m", "ring=canary", "-m", "x="
    )
    assert call[2] == {"metadata": {"ring": "canary", "x": ""}}


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("program unload 1 2", ("unload", ([1, 2],), {"ignore_missing": False})),
        ("program unload 1 --ignore-missing", ("unload", ([1],), {"ignore_missing": True})),
        ("program delete 1 2 -r", ("delete_programs", ([1, 2],), {"recursive": True})),
        ("program delete --all", ("delete_programs", (None,), {"recursive": False})),
        ("link detach 3 4 --ignore-missing", ("detach", ([3, 4],), {"ignore_missing": True})),
        ("link delete 3 --recursive", ("delete_links", ([3],), {"recursive": True})),
        ("program list", ("programs", (), {"kernel_too": False})),
        ("program", ("programs", (), {"kernel_too": False})),
        ("program -qa", ("programs", (), {"kernel_too": True})),
        ("program list --all --type xdp", ("programs", (), {"kernel_too": True})),
        ("program list --all --application x", ("programs", (), {"kernel_too": False})),
        ("program list --all -m a=b", ("programs", (), {"kernel_too": False})),
        ("program list --all -l a", ("programs", (), {"kernel_too": False})),
        ("program list --all --unattached", ("programs", (), {"kernel_too": False})),
        ("link", ("links", (), {})),
    ],
)
def test_calls(asked, line, call):
    assert asked(*line.split()) == [call]


def test_global_flags_anywhere(asked, stand_in):
    argv = ["program", "list", "-q"]
    for place in range(len(argv) + 1):
        asked(*argv[:place], "--runtime-dir", "/run/other", "--lock-timeout=1m30s", *argv[place:])
        assert stand_in.made_with["layout"].runtime_dir == "/run/other"
        assert stand_in.made_with["lock_timeout"] == 90.0


def test_global_defaults(asked, stand_in):
    asked("program", "list")
    assert stand_in.made_with["layout"].runtime_dir == "/run/bpfman"
    assert stand_in.made_with["lock_timeout"] == 30.0
    assert stand_in.made_with["dry_run"] is False


def test_environment(asked, stand_in, monkeypatch):
    monkeypatch.setenv("BPFMAN_RUNTIME_DIR", "/run/other")
    monkeypatch.setenv("BPFMAN_LOCK_TIMEOUT", "0")
    asked("program", "list")
    assert stand_in.made_with["layout"].runtime_dir == "/run/other"
    assert stand_in.made_with["lock_timeout"] is None
    asked("program", "list", "--runtime-dir=/run/third", "--lock-timeout", "500ms")
    assert stand_in.made_with["layout"].runtime_dir == "/run/third"
    assert stand_in.made_with["lock_timeout"] == 0.5


class TestListFilters:
    """`program list`: which rows are left."""

    @pytest.fixture(autouse=True)
    def programs(self, stand_in):
        link = samples.XDP_LINK.record
        stand_in.answers["programs"] = [
            samples.entry(
                samples.record(1, "xdp", "a", team="edge", **{"bpfman.io/application": "app"}), link
            ),
            samples.entry(samples.record(2, "tc", "b", team="edge", ring="canary")),
            samples.entry(samples.record(3, "tcx", "c")),
            samples.foreign(4, 3, "their_cls"),
            samples.foreign(5, 2, "their_probe"),
            samples.foreign(6, 8, "their_cgroup"),
        ]

    @pytest.mark.parametrize(
        ("flags", "ids"),
        [
            ("--attached", "1"),
            ("--unattached", "2 3"),
            ("--type xdp", "1"),
            ("--type tc", "2"),
            ("--type XDP,tc", "1 2"),
            ("--type xdp -p tcx", "1 3"),
            ("--application app", "1"),
            ("-m team=edge", "1 2"),
            ("-m team=edge -m ring=canary", "2"),
            ("-l team=edge,ring!=canary", "1"),
            ("-l !team", "3"),
            ("--type tc,xdp -m team=edge --attached", "1"),
        ],
    )
    def test_of_managed_programs(self, bpfman_command, stand_in, flags, ids):
        stand_in.answers["programs"] = stand_in.answers["programs"][:3]
        assert bpfman_command("program", "list", "-q", *flags.split()).out.split() == ids.split()

    @pytest.mark.parametrize(
        ("flags", "ids"),
        [
            ("", "1 2 3 4 5 6"),
            ("--type tc", "2 4"),
            ("--type tcx", "3 4"),
            ("--type kretprobe", "5"),
            ("--type uprobe", "5"),
            ("--type xdp", "1"),
            ("--type cgroupskb", "6"),
            ("--type schedcls", "4"),
            ("--type fexit", ""),
        ],
    )
    def test_types_of_programs_that_are_not_ours(self, bpfman_command, flags, ids):
        assert bpfman_command("program", "list", "-q", "--all", *flags.split()).out.split() == ids.split()


class TestOlderCommandLine:
    """What tutorials for bpfman 0.5 and 0.6 show."""

    def test_load_file(self, asked):
        (call,) = asked(
            *("load", "file", "--path", "x.o", "--programs", "xdp:a", "tc:b", "-g", "u8=01", "u32=0A0B0C0D"),
            *("--application", "app", "-m", "a=b,c=d", "--map-owner-id", "3"),
        )
        assert call == (
            "load_file",
            ("x.o", [ProgramSpec("xdp", "a"), ProgramSpec("tc", "b")]),
            load_options(
                globals={"u8": b"\x01", "u32": b"\x0a\x0b\x0c\x0d"},
                metadata={"a": "b", "c": "d", "bpfman.io/application": "app"},
                map_owner_id=3,
            ),
        )

    def test_load_file_in_another_order(self, asked):
        (call,) = asked("load", "file", "-m", "a=b", "--programs", "xdp:a", "-p", "x.o")
        assert call[1] == ("x.o", [ProgramSpec("xdp", "a")])

    def test_hex_has_no_prefix(self, bpfman_command):
        result = bpfman_command("load", "file", "-p", "x.o", "--programs", "xdp:a", "-g", "u8=0x01")
        assert result.status == 80
        assert '"0x01" is not hexadecimal' in result.err

    @pytest.mark.parametrize(
        ("line", "spec"),
        [
            ("412 xdp --iface eth0 --priority 35", ChainAttach("eth0", 35, XDP_DEFAULT)),
            ("412 xdp -i eth0 -p 30 --proceed-on drop pass", ChainAttach("eth0", 30, 0x6)),
            ("412 xdp -i eth0 -p 30 --proceed-on drop --proceed-on pass", ChainAttach("eth0", 30, 0x6)),
            ("412 tc -d ingress -i eth0 -p 40 -n /n", ChainAttach("eth0", 40, TC_DEFAULT, "ingress", "/n")),
            ("412 tcx --direction egress --iface eth0 --priority 22", TcxAttach("eth0", "egress", 22)),
            ("412 tracepoint --tracepoint sched/sched_switch", TracepointAttach("sched", "sched_switch")),
            ("412 kprobe -f try_to_wake_up -o 4", KprobeAttach("try_to_wake_up", 4)),
            ("412 uprobe -t libc -f malloc", UprobeAttach("libc", "malloc")),
            ("412 uprobe -t /bin/sh -o 8 -p 7 -c 9", UprobeAttach("/bin/sh", "", 8, 7, container_pid=9)),
            ("412 fentry", FentryAttach()),
            ("412 fexit", FexitAttach()),
        ],
    )
    def test_attach(self, asked, line, spec):
        assert asked("attach", *line.split()) == [("attach", (412, spec), {"metadata": None})]

    def test_attach_metadata(self, asked):
        (call,) = asked("attach", "412", "tracepoint", "-t", "a/b", "-m", "x=y,z=")
        assert call[2] == {"metadata": {"x": "y", "z": ""}}

    @pytest.mark.parametrize(
        ("line", "call"),
        [
            ("unload 1", ("unload", ([1],), {"ignore_missing": False})),
            ("detach 3", ("detach", ([3],), {"ignore_missing": False})),
            ("list programs", ("programs", (), {"kernel_too": False})),
            ("list program --all", ("programs", (), {"kernel_too": True})),
            ("list links", ("links", (), {})),
            ("list link --application a -m k=v,k2=v2", ("links", (), {})),
        ],
    )
    def test_others(self, asked, line, call):
        assert asked(*line.split()) == [call]

    def test_get(self, bpfman_command, stand_in):
        stand_in.answers |= {"program": samples.PROGRAM, "link": samples.XDP_LINK}
        for noun, number in (("program", "412"), ("link", "3")):
            older = bpfman_command("get", noun, number)
            assert older.status == 0
            assert older.out == bpfman_command(noun, "get", number).out

    def test_list_filters_take_commas(self, bpfman_command, stand_in):
        both = samples.record(1, "xdp", "a", team="edge", ring="canary")
        stand_in.answers["programs"] = [
            samples.entry(both),
            samples.entry(samples.record(2, "xdp", "b", team="edge")),
        ]
        assert bpfman_command("list", "programs", "-q", "-m", "team=edge,ring=canary").out == "1\n"

    def test_it_is_not_advertised(self, bpfman_command):
        shown = bpfman_command("--help").out
        assert not [name for name in ("load", "attach", "dispatcher", "man ") if f"\n  {name}" in shown]
