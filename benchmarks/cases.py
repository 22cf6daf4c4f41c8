# SPDX-License-Identifier: Apache-2.0
"""A program of each kind, and where it can be attached: what `kinds` measures and the soak does over and over.

Each target is so that nothing on the machine is disturbed: our own interfaces, cgroup and process.
"""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import bpfman
from benchmarks.place import OBJECTS
from bpfman.errors import KernelRefused, Unsupported
from bpfman.model import targets
from bpfman.syscalls.namespaces import entered
from bpfman.testing import cgroups
from bpfman.testing.netkit import add_netkit
from tests import usdt_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpfman.model.link import AttachSpec


class Here(NamedTuple):
    """Where network and cgroup programs go.  An interface for each kind that has one."""

    netns: str
    xdp: str
    tc: str
    tcx: str
    cgroup: str = ""
    netkit: str = ""  # a device, where the kernel has them
    marked: str = ""  # a program with USDT markers, where there is a compiler
    number: int = 0  # a netfilter hook takes one program at each priority


class Case(NamedTuple):
    """`alone`: no other process can attach such a program at the same time."""

    file: str
    spec: bpfman.ProgramSpec
    target: Callable[[Here], AttachSpec]
    alone: bool = False

    @property
    def kind(self) -> str:
        return self.spec.type

    @property
    def path(self) -> str:
        return str(OBJECTS / f"{self.file}.o")


def _case(file: str, program: str, target: Callable[[Here], AttachSpec]) -> Case:
    return Case(file, bpfman.ProgramSpec(*program.split(":")), target)


def _kernel_probe(program: str, target: AttachSpec) -> Case:
    return _case("kernel_probes", program, lambda _: target)


def _user_probe(program: str) -> Case:
    return _case("user_probes", program, lambda _: targets.UprobeAttach("libc", "getppid", pid=os.getpid()))


def _in_cgroup(program: str) -> Case:
    return _case("other_kinds", program, lambda here: targets.CgroupAttach(cgroup=here.cgroup))


CASES = (
    _case("xdp_pass", "xdp:xdp_pass", lambda here: bpfman.xdp(here.xdp, priority=50, netns=here.netns)),
    _case(
        "tc_verdicts", "tc:tc_pipe", lambda here: bpfman.tc(here.tc, "ingress", priority=50, netns=here.netns)
    ),
    _case(
        "tcx", "tcx:tcx_ingress", lambda here: bpfman.tcx(here.tcx, "ingress", priority=50, netns=here.netns)
    ),
    _case(
        "tracepoint_kill",
        "tracepoint:tracepoint_kill",
        lambda _: bpfman.tracepoint("syscalls/sys_enter_kill"),
    ),
    _case(
        "other_kinds", "raw_tracepoint:on_raw_tracepoint", lambda _: targets.RawTracepointAttach("sys_enter")
    ),
    _user_probe("uprobe:on_call"),
    _user_probe("uretprobe:on_return"),
    _case(
        "other_kinds",
        "uprobe.multi:on_uprobe_multi",
        lambda _: targets.UprobeMultiAttach("libc", "getppid,getpgi*", pid=os.getpid()),
    ),
    _case(
        "other_kinds",
        "uretprobe.multi:on_uprobe_multi",
        lambda _: targets.UprobeMultiAttach("libc", "getppid,getpgi*", pid=os.getpid()),
    ),
    _case("usdt", "usdt:on_marker", lambda here: targets.UsdtAttach(here.marked, "demo:plain")),
    _kernel_probe("kprobe:on_entry", targets.KprobeAttach("vfs_unlink")),
    _kernel_probe("kretprobe:on_return", targets.KprobeAttach("vfs_unlink")),
    _case(
        "other_kinds",
        "kprobe.multi:on_kprobe_multi",
        lambda _: targets.KprobeMultiAttach("vfs_unlink,vfs_rm*"),
    ),
    _case(
        "other_kinds",
        "kretprobe.multi:on_kprobe_multi",
        lambda _: targets.KprobeMultiAttach("vfs_unlink,vfs_rm*"),
    ),
    _kernel_probe("fentry:on_fentry:vfs_unlink", targets.FentryAttach()),
    _kernel_probe("fexit:on_fexit:vfs_unlink", targets.FexitAttach()),
    _case("other_kinds", "tp_btf:on_tp_btf:sys_enter", lambda _: targets.TpBtfAttach()),
    _kernel_probe("lsm:on_lsm:path_unlink", targets.LsmAttach()),
    _in_cgroup("cgroup_skb:on_cgroup_skb"),
    _in_cgroup("cgroup_sock:on_cgroup_sock"),
    _in_cgroup("cgroup_sock_addr:on_cgroup_sock_addr"),
    _in_cgroup("cgroup_sockopt:on_cgroup_sockopt"),
    _in_cgroup("cgroup_device:on_cgroup_device"),
    _in_cgroup("cgroup_sysctl:on_cgroup_sysctl"),
    _in_cgroup("sock_ops:on_sock_ops"),
    _case(
        "netkit",
        "netkit:on_primary",
        lambda here: bpfman.netkit(here.netkit, "primary", priority=50, netns=here.netns),
    ),
    _case("other_kinds", "sk_lookup:on_sk_lookup", lambda here: targets.SkLookupAttach(here.netns)),
    _case(
        "other_kinds",
        "netfilter:on_netfilter",
        lambda here: targets.NetfilterAttach("ipv4", "output", here.number + 1, netns=here.netns),
    ),
    _case(
        "other_kinds",
        "perf_event:on_perf_event",
        lambda _: targets.PerfEventAttach("cpu-clock", frequency=99, pid=os.getpid()),
    ),
    _case("other_kinds", "iter:on_iter:task", lambda _: targets.IterAttach()),
    _case("struct_ops", "struct_ops:counted", lambda _: targets.StructOpsAttach())._replace(alone=True),
)

# What a kernel says of a kind that it does not have, or that it is locked down for.
_REFUSALS = (errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP, errno.ENOENT, errno.ENODEV)


def why_not(manager: bpfman.Manager, case: Case, here: Here) -> str:
    """Why this kernel cannot do it; empty when it can, which is tried."""
    if (case.kind, here.netkit) == ("netkit", "") or (case.kind, here.marked) == ("usdt", ""):
        return "there is nothing to attach it to"
    try:
        [program] = manager.load_file(case.path, [case.spec])
    except (KernelRefused, Unsupported) as error:
        return _explained(error)
    try:
        link = manager.attach(program.record.program_id, case.target(here))
        manager.detach([link.record.id])
    except (KernelRefused, Unsupported) as error:
        return _explained(error)
    finally:
        manager.unload([program.record.program_id])
    return ""


def _explained(error: KernelRefused | Unsupported) -> str:
    if isinstance(error, KernelRefused) and error.errno not in _REFUSALS:
        raise error
    return str(error)


def netkit_device(netns: str, number: int = 0) -> str:
    """A netkit device in the namespace; empty where the kernel has none."""
    name = f"nk{number}"
    try:
        with entered(netns):
            add_netkit(name, f"{name}peer", netns)
    except KernelRefused as refused:
        if refused.errno != errno.EOPNOTSUPP:
            raise
        return ""
    return name


@contextmanager
def marked_program() -> Iterator[str]:
    """A program with USDT markers; empty without a compiler."""
    if not usdt_program.can_build():
        yield ""
        return
    with tempfile.TemporaryDirectory() as folder:
        yield usdt_program.build(f"{folder}/marked")


@contextmanager
def empty_cgroups(count: int) -> Iterator[list[str]]:
    """New cgroups without a process in them; empty paths where cgroup v2 is not mounted."""
    with ExitStack() as held:
        yield [held.enter_context(cgroups.cgroup()) if cgroups.root() else "" for _ in range(count)]
