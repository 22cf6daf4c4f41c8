# SPDX-License-Identifier: Apache-2.0
"""What each kernel has, so that a test cannot be skipped for want of something that is there.

A test that shows a feature of the kernel says so by `@pytest.mark.feature("tcx")`, which has it run in the virtual
machines.  Where a test finds the kernel to be without something it skips with "this kernel has no ..." or "kernel 6.6
or newer", and tests/conftest.py holds that against this table whenever CI is set, as it is in a virtual machine.

Only Debian's kernels are judged by the table: how others are built (and locked down) it cannot know.  The rows' names
stand in the tests, in docs/kernels/*.json and in docs/kernels.md; each kind of bpfman's has a row of its name.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Feature(NamedTuple):
    """`since` is the first kernel where bpfman can use it, or the oldest tried ("5.10"); `without` are Debian's
    series that were built without it."""

    what: str
    since: str = "5.10"
    without: tuple[str, ...] = ()


_PERF_LINK = "5.15"  # links of perf events (BPF_LINK_TYPE_PERF_EVENT), which bpfman attaches probes by
_NO_FPROBE = ("6.1",)  # CONFIG_FPROBE is not set

FEATURES = {
    "xdp": Feature("XDP programs and chains of them"),
    "xdp.frags": Feature("XDP with packets in several buffers", "5.18"),
    "tc": Feature("TC programs and chains of them"),
    "tcx": Feature("TCX programs, ordered by the kernel", "6.6"),
    "full stack": Feature("chain members with 480 to 512 bytes of stack", "6.8"),
    "bpf_loop": Feature("callbacks in a chain (`bpf_loop()`)", "5.17"),
    "bpf_obj_new_impl": Feature("objects of a program's own types", "6.2"),
    "tracepoint": Feature("tracepoints", _PERF_LINK),
    "raw_tracepoint": Feature("raw tracepoints"),
    "tp_btf": Feature("tracepoints by their types (BTF)"),
    "kprobe": Feature("entries of kernel functions", _PERF_LINK),
    "modules": Feature("functions of modules, by kprobe", _PERF_LINK),
    "module:function": Feature("functions of a module by its name", _PERF_LINK),
    "kretprobe": Feature("returns of kernel functions", _PERF_LINK),
    "kprobe.multi": Feature("entries of many kernel functions at once", "5.18", _NO_FPROBE),
    "kretprobe.multi": Feature("returns of many kernel functions at once", "5.18", _NO_FPROBE),
    "fentry": Feature("entries of kernel functions, by trampoline"),
    "fexit": Feature("returns of kernel functions, by trampoline"),
    "modules.BTF": Feature("functions of modules, by trampoline", "5.11"),
    "uprobe": Feature("entries of functions in programs and libraries", _PERF_LINK),
    "uretprobe": Feature("returns of functions in programs and libraries", _PERF_LINK),
    "uprobe.multi": Feature("entries of many such functions at once", "6.6"),
    "uretprobe.multi": Feature("returns of many such functions at once", "6.6"),
    "usdt": Feature("markers in programs and libraries (USDT)", _PERF_LINK),
    "perf_event": Feature("sampling by perf events", _PERF_LINK),
    "lsm": Feature("LSM hooks"),
    "cgroup_skb": Feature("packets of a cgroup"),
    "cgroup_sock": Feature("sockets of a cgroup"),
    "cgroup_sock_addr": Feature("addresses that sockets of a cgroup use"),
    "cgroup_sockopt": Feature("options of a cgroup's sockets"),
    "cgroup_device": Feature("devices that a cgroup opens"),
    "cgroup_sysctl": Feature("settings that a cgroup reads and writes"),
    "sock_ops": Feature("events of a cgroup's TCP connections"),
    "sk_lookup": Feature("which socket gets a packet"),
    "netfilter": Feature("netfilter hooks", "6.4"),
    "netkit": Feature("netkit devices", "6.7"),
    "iter": Feature("iterators over kernel objects"),
    "struct_ops": Feature(
        "operations of the kernel's own", "6.4"
    ),  # its link; registering by a map came before
    "recovery": Feature("after a kill at any moment: nothing lost, nothing left"),
    "explained": Feature("what cannot be attached is told, and leaves nothing"),
    "BTF": Feature("type information of the kernel itself"),
}

_BY_LOWER_CASE = {name.lower(): name for name in FEATURES}
_DEBIAN = re.compile(r"(\d+\.\d+)\.\S*-cloud-amd64")
_LACKS = re.compile(r"this kernel has no (\S+(?: stack)?)")
_TOO_OLD = re.compile(r"(?:kernel|came with(?: Linux)?) (\d+\.\d+)\b")


def justifies(reason: str, release: str) -> bool:
    """Whether this reason to skip a test may be true of the kernel with that release: whether it is for want of a
    feature, or of a newer kernel, that the kernel is not known to have."""
    feature = lacking(reason)
    if feature is not None and series(release) is not None:
        return not has(release, feature)
    if feature is not None and "CONFIG_" in reason:
        return True  # new enough perhaps, but nobody knows how it was built
    if (too_old := _TOO_OLD.search(reason)) is not None:
        return version(release) < version(too_old[1])
    return series(release) is None and "this kernel " in reason


def lacking(reason: str) -> str | None:
    """The feature that a skip with this reason is for want of."""
    match = _LACKS.search(reason)
    return _BY_LOWER_CASE.get(match[1].rstrip(",.:;").lower()) if match else None


def has(release: str, feature: str) -> bool | None:
    """Whether the kernel with that release has a feature; None when it is not a kernel that the table knows."""
    name = series(release)
    if name is None:
        return None
    row = FEATURES[feature]
    return version(name) >= version(row.since) and name not in row.without


def series(release: str) -> str | None:
    """The series ("6.1") of a kernel of Debian's, None for others."""
    match = _DEBIAN.fullmatch(release)
    return match[1] if match else None


def version(release: str) -> tuple[int, int]:
    """The first two numbers of "6.1", or of "6.1.0-32-cloud-amd64"."""
    major, minor = re.findall(r"\d+", release)[:2]
    return int(major), int(minor)
