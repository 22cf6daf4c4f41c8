# SPDX-License-Identifier: Apache-2.0
"""Every kind with a link of its own: it runs when attached, is listed as what it is, and stands still when detached."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from bpfman.errors import InvalidRequest, KernelRefused, MapNotFound, Unsupported
from bpfman.model.kinds import KINDS
from bpfman.model.program import ProgramSpec
from bpfman.model.targets import (
    CgroupAttach,
    FentryAttach,
    FexitAttach,
    IterAttach,
    KprobeAttach,
    KprobeMultiAttach,
    LsmAttach,
    NetfilterAttach,
    PerfEventAttach,
    RawTracepointAttach,
    SkLookupAttach,
    TpBtfAttach,
    UprobeAttach,
    UprobeMultiAttach,
)
from bpfman.testing import cgroups

pytestmark = pytest.mark.kernel

OBJECTS = Path(__file__).parent.parent / "objects"
libc = ctypes.CDLL(None)


def unlink(_) -> None:
    name = f"/tmp/bpfman-{os.getpid()}"
    with open(name, "w"):
        os.unlink(name)


def getppid(_) -> None:
    libc.getppid()


def send(_) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", 9))


def connect(_) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())
        client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def open_device(_) -> None:
    with open("/dev/null"):
        pass


def read_sysctl(_) -> None:
    Path("/proc/sys/kernel/ostype").read_text()


def read_pin(link) -> None:
    Path(link.record.pin_path).read_bytes()


def burn(_) -> None:
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        pass


IN_CGROUP = CgroupAttach(cgroup="CGROUP")
#: program, what it is attached to, what makes it run, its row in `runs`
KERNEL = [
    (ProgramSpec("kprobe", "on_entry"), KprobeAttach("vfs_unlink"), unlink, 0),
    (ProgramSpec("kretprobe", "on_return"), KprobeAttach("vfs_unlink"), unlink, 1),
    (ProgramSpec("fentry", "on_fentry", "vfs_unlink"), FentryAttach(), unlink, 2),
    (ProgramSpec("fexit", "on_fexit", "vfs_unlink"), FexitAttach(), unlink, 3),
    (ProgramSpec("lsm", "on_lsm", "path_unlink"), LsmAttach(), unlink, 4),
]
USER = [
    (ProgramSpec("uprobe", "on_call"), UprobeAttach("libc", "getppid", pid=os.getpid()), getppid, 0),
    (ProgramSpec("uretprobe", "on_return"), UprobeAttach("libc", "getppid", pid=os.getpid()), getppid, 1),
]
OTHER = [
    (ProgramSpec("raw_tracepoint", "on_raw_tracepoint"), RawTracepointAttach("sys_enter"), getppid, 0),
    (ProgramSpec("tp_btf", "on_tp_btf", "sys_enter"), TpBtfAttach(), getppid, 1),
    (ProgramSpec("kprobe.multi", "on_kprobe_multi"), KprobeMultiAttach("vfs_unlink,vfs_rm*"), unlink, 2),
    (
        ProgramSpec("uprobe.multi", "on_uprobe_multi"),
        UprobeMultiAttach("libc", "getppid,getpgi*"),
        getppid,
        3,
    ),
    (
        ProgramSpec("kretprobe.multi", "on_kretprobe_multi"),
        KprobeMultiAttach("vfs_unlink,vfs_rm*"),
        unlink,
        15,
    ),
    (
        ProgramSpec("uretprobe.multi", "on_uretprobe_multi"),
        UprobeMultiAttach("libc", "getppid,getpgi*"),
        getppid,
        16,
    ),
    (ProgramSpec("cgroup_skb", "on_cgroup_skb"), IN_CGROUP, send, 4),
    (ProgramSpec("cgroup_sock", "on_cgroup_sock"), IN_CGROUP, send, 5),
    (ProgramSpec("cgroup_sock_addr", "on_cgroup_sock_addr"), IN_CGROUP, connect, 6),
    (ProgramSpec("cgroup_sockopt", "on_cgroup_sockopt"), IN_CGROUP, connect, 7),
    (ProgramSpec("cgroup_device", "on_cgroup_device"), IN_CGROUP, open_device, 8),
    (ProgramSpec("cgroup_sysctl", "on_cgroup_sysctl"), IN_CGROUP, read_sysctl, 9),
    (ProgramSpec("sock_ops", "on_sock_ops"), IN_CGROUP, connect, 10),
    (ProgramSpec("sk_lookup", "on_sk_lookup"), SkLookupAttach(), send, 11),
    (ProgramSpec("netfilter", "on_netfilter"), NetfilterAttach("ipv4", "output", 10), send, 12),
    (ProgramSpec("perf_event", "on_perf_event"), PerfEventAttach("cpu-clock", frequency=999), burn, 14),
    (ProgramSpec("iter", "on_iter", "task"), IterAttach(), read_pin, 13),
]
CASES = [
    pytest.param(file, *case, id=case[0].type, marks=pytest.mark.feature(case[0].type))
    for file, cases in (("kernel_probes", KERNEL), ("user_probes", USER), ("other_kinds", OTHER))
    for case in cases
]


@contextmanager
def inside_a_cgroup():
    """A cgroup of the test's own, with this process in it."""
    root = Path(cgroups.root() or pytest.skip("needs a mounted cgroup v2"))
    before = next(
        line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")
    )
    with cgroups.cgroup() as made:
        Path(made, "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield made
        finally:
            (root / before[4:] / "cgroup.procs").write_text(str(os.getpid()))


@contextmanager
def where(target):
    """The target with a cgroup in it, where it needs one."""
    if not isinstance(target, CgroupAttach):
        yield target
        return
    with inside_a_cgroup() as path:
        yield target._replace(cgroup=path)


def runs(manager, program_id: int, row: int) -> int:
    with manager.open_map("runs", program_id) as found:
        return int.from_bytes(found.lookup(struct.pack("=I", row)), sys.byteorder)


def load(manager, file: str, spec: ProgramSpec):
    try:
        [program] = manager.load_file(str(OBJECTS / f"{file}.o"), [spec])
    except KernelRefused as error:
        if error.errno == errno.EPERM and "locked down" in error.hint:
            pytest.skip(f"this kernel is locked down: {error}")
        if error.errno == errno.EINVAL and KINDS[spec.type].attach_since != "5.15":
            pytest.skip(f"this kernel has no {spec.type}")
        raise
    return program


def attach(manager, program, target):
    try:
        return manager.attach(program.record.program_id, target)
    except Unsupported as error:
        pytest.skip(str(error))
    except KernelRefused as error:
        kind = KINDS[program.record.type]
        if error.errno == errno.EINVAL and kind.attach_since != "5.15":
            pytest.skip(f"this kernel has no {kind.name}, which came with {kind.attach_since}")
        raise


def stands_still(manager, program, trigger, link, row) -> bool:
    """Whether the counter stops within two seconds, as the contract allows."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        before = runs(manager, program.record.program_id, row)
        trigger(link)
        if runs(manager, program.record.program_id, row) == before:
            return True
    return False


@pytest.mark.parametrize(("file", "spec", "target", "trigger", "row"), CASES)
def test_a_program_runs_while_it_is_attached(manager, file, spec, target, trigger, row):
    program = load(manager, file, spec)
    with where(target) as place:
        link = attach(manager, program, place)
        before = runs(manager, program.record.program_id, row)
        trigger(link)
        after = runs(manager, program.record.program_id, row)

        assert after > before
        assert link.record.kind == spec.type
        assert link.record.kernel_link_id
        assert link.status.kernel_seen
        assert link.status.pin_present
        assert manager.link(link.record.id) == link
        assert [record for record, _ in manager.links()] == [link.record]

        manager.detach([link.record.id])
        assert manager.links() == []
        assert not os.path.exists(link.record.pin_path)
        if trigger is not read_pin:
            assert stands_still(manager, program, trigger, link, row)


@pytest.mark.feature("iter")
def test_an_iterator_goes_through_the_elements_of_the_map_it_is_given(manager):
    program = load(manager, "other_kinds", ProgramSpec("iter", "on_iter_elements", "bpf_map_elem"))
    program_id = program.record.program_id
    with manager.open_map("runs", program_id) as elements:
        map_id, size = elements.info.id, elements.info.max_entries
    with pytest.raises(InvalidRequest, match="goes through the elements of a map"):
        manager.attach(program_id, IterAttach())
    with pytest.raises(MapNotFound):
        manager.attach(program_id, IterAttach(map_id=(1 << 32) - 1))
    assert manager.links() == []

    link = manager.attach(program_id, IterAttach(map_id=map_id))
    read_pin(link)
    assert runs(manager, program_id, 17) == size + 1  # once more at the end
    assert manager.link(link.record.id).record.details == IterAttach("bpf_map_elem", map_id)


def test_every_kind_with_a_link_of_its_own_is_tried():
    tried = {case[0].type for case in (*KERNEL, *USER, *OTHER)}
    # these have tests of their own
    assert tried | {"tracepoint", "usdt", "struct_ops"} == {k.name for k in KINDS.values() if k.module}
