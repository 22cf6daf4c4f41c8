# SPDX-License-Identifier: Apache-2.0
"""What a kernel cannot do, will not do, or has no room for: the error says which, and nothing is left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from bpfman import netkit
from bpfman.bpf import refusals
from bpfman.errors import Conflict, KernelRefused, Unsupported
from bpfman.model.targets import (
    KprobeAttach,
    KprobeMultiAttach,
    LsmAttach,
    NetfilterAttach,
    PerfEventAttach,
)
from tests.manager.hooks import files_below
from tests.manager.test_bad_targets import links_of, loaded, spec_of

pytestmark = pytest.mark.kernel
EVENTS = "/sys/bus/event_source/devices"


def refused(manager, program_id: int, target, error):
    """The error; and nothing is left of the attempt."""
    links, files = manager.links(), files_below(manager.layout)
    running = links_of(program_id)
    with pytest.raises(error) as caught:
        manager.attach(program_id, target)
    assert manager.links() == links
    assert files_below(manager.layout) == files
    assert links_of(program_id) == running
    return caught.value


@pytest.mark.parametrize("kind", ["kprobe", "kretprobe"])
def test_a_kernel_built_without_kprobes_is_told(manager, kind):
    if os.path.exists(f"{EVENTS}/kprobe"):
        pytest.skip("this kernel has kprobes")
    error = refused(manager, loaded(manager, kind), KprobeAttach("vfs_unlink"), Unsupported)
    assert "built without CONFIG_KPROBES" in str(error)
    assert "tracepoint" in error.hint


@pytest.mark.parametrize("kind", ["kprobe.multi", "kretprobe.multi"])
def test_a_kernel_built_without_fprobe_is_told(manager, kind):
    if refusals.built_with("CONFIG_FPROBE") is not False:
        pytest.skip("this kernel has CONFIG_FPROBE, or does not tell")
    error = refused(manager, loaded(manager, kind), KprobeMultiAttach("vfs_read"), Unsupported)
    assert "built without CONFIG_FPROBE" in str(error)


@pytest.mark.network
def test_a_kernel_built_without_netkit_is_told(manager, veth):
    if refusals.built_with("CONFIG_NETKIT") is not False:
        pytest.skip("this kernel has CONFIG_NETKIT, or does not tell")
    target = netkit(veth.a.interface, "peer", priority=1, netns=veth.a.namespace.path)
    error = refused(manager, loaded(manager, "netkit"), target, Unsupported)
    assert "CONFIG_NETKIT" in str(error)
    assert "TCX" in error.hint


@pytest.mark.parametrize(
    ("kind", "function"), [("fentry", "vfs_unlink"), ("fexit", "vfs_unlink"), ("lsm", "path_unlink")]
)
def test_a_kernel_that_is_locked_down_is_told(watched, nothing_left, kind, function):
    if refusals.lockdown() in ("", "none"):
        pytest.skip("this kernel is not locked down")
    path, spec = spec_of(kind)
    with pytest.raises(KernelRefused) as caught:
        watched.load_file(path, [spec._replace(attach_func=function)])
    assert f"locked down ({refusals.lockdown()})" in caught.value.hint
    nothing_left()


@pytest.mark.feature("lsm")
def test_lsm_programs_that_would_never_run_are_refused(manager, monkeypatch):
    """The kernel attaches them all the same, so the list of active modules decides."""
    program = loaded(manager, "lsm", "path_unlink")
    monkeypatch.setattr(refusals, "security_modules", lambda: ["lockdown", "yama"])
    error = refused(manager, program, LsmAttach(), Unsupported)
    assert "not among the active security modules" in str(error)
    assert "lsm=lockdown,yama,bpf" in error.hint


@pytest.mark.feature("explained")
def test_events_that_the_machine_does_not_count_are_told(manager):
    if os.path.exists(f"{EVENTS}/cpu"):
        pytest.skip("this kernel counts hardware events")
    error = refused(
        manager, loaded(manager, "perf_event"), PerfEventAttach("cycles", frequency=99), KernelRefused
    )
    assert "does not count cycles" in error.hint
    assert "cpu-clock" in error.hint


@pytest.mark.network
@pytest.mark.feature("netfilter")
def test_a_netfilter_priority_is_taken_once(manager, netns):
    first, second = loaded(manager, "netfilter"), loaded(manager, "netfilter")
    target = NetfilterAttach("ipv4", "input", 10, netns=netns.path)
    manager.attach(first, target)
    error = refused(manager, second, target, Conflict)
    assert "another program is at ipv4 input with priority 10" in str(error)
    assert "choose another" in error.hint
    manager.attach(second, target._replace(priority=11))


WITHOUT = """
import sys
from bpfman import Manager, BpfmanError, ProgramSpec
from bpfman.model.targets import *
from bpfman.store.layout import Layout
try:
    manager = Manager(Layout(sys.argv[1]))
    if sys.argv[2] == "load":
        manager.load_file(sys.argv[3], [ProgramSpec(*sys.argv[4].split(":"))])
    else:
        manager.attach(int(sys.argv[3]), eval(sys.argv[4]))
except BpfmanError as error:
    print(error)
    print(error.hint)
"""


def without(capabilities: str, *arguments: str) -> str:
    """What a process without these capabilities is told."""
    command = ["setpriv", f"--bounding-set={capabilities}", sys.executable, "-c", WITHOUT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def setpriv():
    if shutil.which("setpriv") is None:
        pytest.skip("needs the command setpriv")


LACKING = [
    ("uprobe", "-sys_admin,-bpf,-perfmon", "CAP_BPF and CAP_PERFMON are missing"),
    ("uprobe", "-sys_admin,-perfmon", "CAP_PERFMON is missing"),
    ("raw_tracepoint", "-sys_admin,-perfmon", "CAP_PERFMON is missing"),
    ("netfilter", "-sys_admin,-net_admin", "CAP_NET_ADMIN is missing"),
    ("xdp", "-sys_admin,-net_admin", "CAP_NET_ADMIN is missing"),
    ("cgroup_sock", "-sys_admin,-net_admin", "CAP_NET_ADMIN is missing"),
]


@pytest.mark.parametrize(("kind", "capabilities", "named"), LACKING)
def test_a_capability_that_loading_misses_is_named(manager, setpriv, kind, capabilities, named):
    manager.detach([])
    files = files_below(manager.layout)
    path, spec = spec_of(kind)
    told = without(capabilities, manager.layout.runtime_dir, "load", path, f"{kind}:{spec.name}")
    assert named in told
    assert manager.programs() == []
    assert files_below(manager.layout) == files


def test_a_capability_that_attaching_misses_is_named(manager, setpriv):
    program_id = loaded(manager, "uprobe")
    files = files_below(manager.layout)
    target = 'UprobeAttach("libc", "getppid")'
    told = without("-sys_admin", manager.layout.runtime_dir, "attach", str(program_id), target)
    assert "CAP_SYS_ADMIN is missing" in told
    assert manager.links() == []
    assert files_below(manager.layout) == files
    assert links_of(program_id) == []
