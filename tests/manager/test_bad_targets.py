# SPDX-License-Identifier: Apache-2.0
"""What cannot be attached or loaded, for every kind: the error says what is wrong and what to do, and nothing is left.

Rows of kinds that many kernels are without are tried in virtual machines too.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bpfman import netkit, tc, tcx, xdp
from bpfman.bpf import info
from bpfman.errors import (
    BpfmanError,
    InterfaceNotFound,
    InvalidRequest,
    KernelRefused,
    NamespaceNotFound,
    ObjectError,
    ProcessNotFound,
    SymbolNotFound,
    TargetNotFound,
    TracepointNotFound,
    TypeMismatch,
    Unsupported,
)
from bpfman.model.kinds import KINDS
from bpfman.model.program import ProgramSpec
from bpfman.model.targets import (
    CgroupAttach,
    KprobeAttach,
    KprobeMultiAttach,
    NetfilterAttach,
    PerfEventAttach,
    RawTracepointAttach,
    SkLookupAttach,
    TracepointAttach,
    UprobeAttach,
    UprobeMultiAttach,
    UsdtAttach,
)
from bpfman.model.value import NamedTuple
from bpfman.syscalls import bpf
from tests.manager.hooks import files_below
from tests.manager.test_kinds import load

pytestmark = pytest.mark.kernel

OBJECTS = Path(__file__).parent.parent / "objects"
#: A program of each kind that has a link of its own: object and function.
PROGRAMS = {
    "tracepoint": ("tracepoint_kill", "tracepoint_kill"),
    "kprobe": ("probes", "on_kprobe"),
    "kretprobe": ("probes", "on_kretprobe"),
    "uprobe": ("probes", "on_uprobe"),
    "uretprobe": ("probes", "on_uretprobe"),
    "fentry": ("kernel_probes", "on_fentry"),
    "fexit": ("kernel_probes", "on_fexit"),
    "lsm": ("kernel_probes", "on_lsm"),
    "usdt": ("usdt", "on_marker"),
    "xdp": ("xdp_pass", "xdp_pass"),
    "tc": ("tc_counter", "stats"),
    "tcx": ("tcx", "tcx_ingress"),
    "netkit": ("netkit", "on_peer"),
    "struct_ops": ("struct_ops_unknown", "unknown"),
}
#: Kinds that a kernel may be built without, or refuse when it is locked down.
ELSEWHERE_TOO = {
    "kprobe",
    "kretprobe",
    "kprobe.multi",
    "kretprobe.multi",
    "fentry",
    "fexit",
    "lsm",
    "tp_btf",
    "netkit",
}
GONE = (1 << 22) - 1  # the largest process id there can be, which nobody has
NO_CODE = 1  # an offset in the ELF header


class Attach(NamedTuple):
    """One row: what is attached to what, and the error that is to come."""

    kind: str
    target: object
    error: type[BpfmanError]
    words: str
    hint: str = ""


class Load(NamedTuple):
    """One row: what is loaded, and the error that is to come."""

    kind: str
    function: str
    error: type[BpfmanError]
    words: str
    hint: str = ""


def uprobe_rows(kind: str) -> list[Attach]:
    def row(target: UprobeAttach, error: type[BpfmanError], words: str, hint: str = "") -> Attach:
        return Attach(kind, target, error, words, hint)

    at = UprobeAttach
    return [
        row(at("libc", "getpppid"), SymbolNotFound, '"getpppid" not found; did you mean: getppid'),
        row(at("libcc", "getppid"), TargetNotFound, 'library "libcc" not found', "ldconfig -p"),
        row(at("/no/such/file", "main"), TargetNotFound, 'file "/no/such/file" does not exist'),
        row(at("/tmp", "main"), TargetNotFound, "is no regular file"),
        row(at("/etc/hostname", "main"), ObjectError, "ELF file"),
        row(at("STRIPPED", "main"), SymbolNotFound, "not found", "is stripped: install its debug symbols"),
        row(at("libc", "getppid", offset=1 << 20), InvalidRequest, "past the end of getppid"),
        row(at("libc", offset=1 << 40), InvalidRequest, "past the end of libc"),
        row(at("libc", offset=NO_CODE), InvalidRequest, "is not in its code", "beginning of the file"),
        row(at("libc"), InvalidRequest, "requires a function name or a non-zero offset"),
        row(at("libc", "getppid", pid=GONE), ProcessNotFound, f"process {GONE} does not exist"),
        row(at("libc", "getppid", container_pid=GONE), ProcessNotFound, f"process {GONE} does not exist"),
    ]


ATTACH = [
    *(row for kind in ("uprobe", "uretprobe") for row in uprobe_rows(kind)),
    Attach("tracepoint", TracepointAttach("sched", "sched_swich"), TracepointNotFound,
           "did you mean: sched/sched_switch", "ls /sys/kernel/tracing/events"),
    Attach("tracepoint", TracepointAttach("..", "kernel"), TracepointNotFound, "not found"),
    Attach("raw_tracepoint", RawTracepointAttach("sched_swich"), SymbolNotFound, "did you mean: sched_switch"),
    Attach("raw_tracepoint", RawTracepointAttach("sched/sched_switch"), InvalidRequest, "is no raw tracepoint",
           "bare name"),
    *(
        Attach(kind, KprobeAttach("vfs_unlinkk"), SymbolNotFound, "did you mean: vfs_unlink", "/proc/kallsyms")
        for kind in ("kprobe", "kretprobe")
    ),
    Attach("kprobe", KprobeAttach("vfs_unlink", 1 << 20), InvalidRequest, "is past the end of vfs_unlink ("),
    Attach("kprobe", KprobeAttach(""), InvalidRequest, "requires a function name"),
    Attach("kretprobe", KprobeAttach("vfs_unlink", 4), InvalidRequest, "takes no offset", "as kprobe"),
    *(
        row
        for kind in ("kprobe.multi", "kretprobe.multi")
        for row in (
            Attach(kind, KprobeMultiAttach("vfs_unlink,vfs_unlnk"), SymbolNotFound, "did you mean: vfs_unlink"),
            Attach(kind, KprobeMultiAttach("no_such_thing_*"), SymbolNotFound, '"no_such_thing_*" not found'),
        )
    ),
    *(
        row
        for kind in ("uprobe.multi", "uretprobe.multi")
        for row in (
            Attach(kind, UprobeMultiAttach("libc", "getpppid"), SymbolNotFound, "did you mean: getppid"),
            Attach(kind, UprobeMultiAttach("libc", "no_such_*"), SymbolNotFound, '"no_such_*" not found'),
            Attach(kind, UprobeMultiAttach("libcc", "getppid"), TargetNotFound, 'library "libcc" not found'),
            Attach(kind, UprobeMultiAttach("libc", "getppid", pid=GONE), ProcessNotFound, "does not exist"),
        )
    ),
    Attach("usdt", UsdtAttach("MARKED", "demo:wached"), SymbolNotFound, "did you mean: demo:watched", "readelf -n"),
    Attach("usdt", UsdtAttach("/bin/true", "demo:plain"), SymbolNotFound, "not found", "no markers at all"),
    Attach("usdt", UsdtAttach("MARKED", "watched"), InvalidRequest, "is not of the form PROVIDER:NAME"),
    Attach("usdt", UsdtAttach("MARKED", "demo:plain", pid=GONE), ProcessNotFound, "does not exist"),
    Attach("usdt", UsdtAttach("libcc", "demo:plain"), TargetNotFound, 'library "libcc" not found'),
    *(
        row
        for kind, found in KINDS.items()
        if found.verb == "cgroup"
        for row in (
            Attach(kind, CgroupAttach(cgroup="CGROUPS/no-such"), TargetNotFound, "does not exist", "systemd-cgls"),
            Attach(kind, CgroupAttach(cgroup="/tmp"), InvalidRequest, "is not in a cgroup v2 file system"),
            Attach(kind, CgroupAttach(cgroup="/etc/hostname"), TargetNotFound, "does not exist", "are directories"),
        )
    ),
    Attach("sk_lookup", SkLookupAttach("/no/such/netns"), NamespaceNotFound, "/no/such/netns"),
    Attach("sk_lookup", SkLookupAttach("/etc/hostname"), NamespaceNotFound, "/etc/hostname"),
    Attach("netfilter", NetfilterAttach("ipv5", "input"), InvalidRequest, 'family "ipv5"', "ipv4, ipv6"),
    Attach("netfilter", NetfilterAttach("ipv4", "inptu"), InvalidRequest, 'hook "inptu"', "prerouting, input"),
    Attach("netfilter", NetfilterAttach("ipv4", "input", 2**31 - 1), InvalidRequest, "priority must be between"),
    Attach("netfilter", NetfilterAttach("ipv4", "input", -(2**31)), InvalidRequest, "priority must be between"),
    Attach("netfilter", NetfilterAttach("ipv4", "input", -400, defragment=True), InvalidRequest,
           "priority must be above -400"),
    Attach("netfilter", NetfilterAttach("ipv4", "input", netns="/no/such/netns"), NamespaceNotFound, "/no/such/netns"),
    Attach("perf_event", PerfEventAttach("cpu-clok", frequency=9), InvalidRequest, 'unknown perf event "cpu-clok"',
           "cpu-clock"),
    Attach("perf_event", PerfEventAttach("cpu-clock"), InvalidRequest, "either a frequency or a period"),
    Attach("perf_event", PerfEventAttach("cpu-clock", 9, 9), InvalidRequest, "either a frequency or a period"),
    Attach("perf_event", PerfEventAttach("cpu-clock", frequency=1 << 31), KernelRefused, "cpu-clock",
           "perf_event_max_sample_rate"),
    Attach("perf_event", PerfEventAttach("cpu-clock", frequency=9, pid=GONE), ProcessNotFound, "does not exist"),
    *(
        row
        for kind, spec in (
            ("xdp", xdp("no0", priority=1)),
            ("tc", tc("no0", "ingress", priority=1)),
            ("tcx", tcx("no0", "ingress", priority=1)),
            ("netkit", netkit("no0", "peer", priority=1)),
        )
        for row in (
            Attach(kind, spec, InterfaceNotFound, 'interface "no0"'),
            Attach(kind, spec._replace(netns="/no/such/netns"), NamespaceNotFound, "/no/such/netns"),
            Attach(kind, spec._replace(interface="lo", priority=-1), InvalidRequest, "priority must be non-negative"),
        )
    ),
    Attach("tc", tc("lo", "sideways", priority=1), InvalidRequest, "direction must be ingress or egress"),
    Attach("tcx", tcx("lo", "sideways", priority=1), InvalidRequest, "direction must be ingress or egress"),
    Attach("xdp", TracepointAttach("sched", "sched_switch"), TypeMismatch,
           "attach tracepoint takes tracepoint programs", "link attach xdp"),
]  # fmt: skip
LOAD = [
    Load("fentry", "vfs_unlinkk", SymbolNotFound, 'fentry target "vfs_unlinkk" not found; did you mean: vfs_unlink',
         "/proc/kallsyms"),
    Load("fexit", "vfs_unlinkk", SymbolNotFound, "did you mean: vfs_unlink", "/proc/kallsyms"),
    Load("fentry", "", InvalidRequest, "fentry programs need a function"),
    Load("lsm", "path_unlnk", SymbolNotFound, 'lsm target "path_unlnk" not found; did you mean: path_unlink'),
    Load("tp_btf", "sys_entr", SymbolNotFound, "did you mean: sys_enter"),
    Load("iter", "tusk", SymbolNotFound, "did you mean: task", "bpf_prog, "),
    Load("struct_ops", "", Unsupported, "did you mean: tcp_congestion_ops"),
    Load("cgroup_skb", "egres", InvalidRequest, 'has no hook "egres"', "ingress, egress"),
    Load("cgroup_sock_addr", "conect4", InvalidRequest, 'has no hook "conect4"', "connect4"),
    Load("uprobe", "malloc", InvalidRequest, "uprobe programs take no function"),
]  # fmt: skip


def spec_of(kind: str) -> tuple[str, ProgramSpec]:
    """Object and program of a kind, with what it has to be fixed to."""
    name, function = PROGRAMS.get(kind, ("other_kinds", f"on_{kind.replace('.', '_')}"))
    return str(OBJECTS / f"{name}.o"), ProgramSpec(kind, function)


@pytest.fixture(scope="session")
def stripped(tmp_path_factory, marked) -> str:
    path = tmp_path_factory.mktemp("stripped") / "stripped"
    subprocess.run(["strip", "-o", str(path), marked], check=True)
    return str(path)


@pytest.fixture
def real(request):
    """What stands for a path in the table, made when it is asked for."""

    def real(word):
        if word == "MARKED":
            return request.getfixturevalue("marked")
        if word == "STRIPPED":
            return request.getfixturevalue("stripped")
        if isinstance(word, str) and word.startswith("CGROUPS"):
            root = next(p for p in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.isdir(p))
            return word.replace("CGROUPS", root)
        return word

    return real


def loaded(manager, kind: str, function: str | None = None) -> int:
    """A program of a kind; skips where the kernel has no such programs."""
    path, spec = spec_of(kind)
    spec = spec._replace(attach_func=function)
    program_id: int = load(manager, Path(path).stem, spec).record.program_id
    return program_id


def links_of(program_id: int) -> list[int]:
    """The links of the kernel that run a program."""
    found = [info.link_by_id(each) for each in bpf.ids(bpf.LINK_NEXT_ID)]
    return [each.id for each in found if each is not None and each.program_id == program_id]


def parameters(rows: list[Attach] | list[Load]):
    for row in rows:
        words = row.function if isinstance(row, Load) else f"{row.error.__name__}-{row.words[:30]}"
        marks = [pytest.mark.feature("explained")] if row.kind in ELSEWHERE_TOO else []
        yield pytest.param(row, id=f"{row.kind}-{words}", marks=marks)


@pytest.mark.parametrize("row", list(parameters(ATTACH)))
def test_an_attachment_that_cannot_be_is_told_and_leaves_nothing(manager, real, row):
    program_id = loaded(manager, row.kind)
    files = files_below(manager.layout)
    target = row.target._replace(
        **{name: real(value) for name, value in row.target._asdict().items() if isinstance(value, str)}
    )

    with pytest.raises(row.error) as refused:
        manager.attach(program_id, target)

    assert row.words in str(refused.value)
    assert row.hint in refused.value.hint
    assert manager.links() == []
    assert files_below(manager.layout) == files
    assert links_of(program_id) == []
    assert manager.examine() == []


@pytest.mark.parametrize("row", list(parameters(LOAD)))
def test_a_program_that_cannot_be_is_told_and_leaves_nothing(watched, nothing_left, row):
    path, spec = spec_of(row.kind)
    with pytest.raises(row.error) as refused:
        watched.load_file(path, [spec._replace(attach_func=row.function or None)])
    assert row.words in str(refused.value)
    assert row.hint in refused.value.hint
    nothing_left()


def test_a_function_of_struct_ops_is_not_loaded_alone(manager):
    with pytest.raises(InvalidRequest, match="is a function of struct_ops") as refused:
        manager.load_file(str(OBJECTS / "struct_ops.o"), [ProgramSpec("struct_ops", "counted_init")])
    assert "struct_ops:counted" in refused.value.hint
    assert manager.programs() == []


def test_a_netkit_device_has_two_sides():
    with pytest.raises(InvalidRequest, match="primary or peer"):
        netkit("nk0", "ingress", priority=1)


def test_every_kind_is_in_the_table():
    assert {row.kind for row in ATTACH} | {row.kind for row in LOAD} == set(KINDS)
