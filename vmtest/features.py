# SPDX-License-Identifier: Apache-2.0
"""What each kernel has, so that a test cannot be skipped for want of something that is there.

A test that shows a feature of the kernel says so by `@pytest.mark.feature("tcx")`; where it finds the kernel to be
without, it calls `lacks("tcx")`, and the skip is then held against this table: by tests/conftest.py whenever CI is set,
as it is in a virtual machine, and by `suite.py`, which also refuses a table that denies what works.

Only Debian's kernels are judged, as how others are built (and locked down) is not for this table to say.  The rows'
names stand in the tests, in docs/kernels/*.json and in docs/kernels.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import NoReturn


class Feature(NamedTuple):
    """`since` is the first kernel with it; `without` are Debian's series that were built without it."""

    what: str
    since: str
    without: tuple[str, ...] = ()


FEATURES = {
    "xdp": Feature("XDP programs and chains of them", "5.9"),
    "xdp frags": Feature("packets in several buffers (`xdp.frags`)", "5.18"),
    "tc": Feature("TC programs and chains of them", "5.10"),
    "tcx": Feature("TCX programs", "6.6"),
    "tracepoint": Feature("tracepoints", "5.10"),
    "bpf_loop": Feature("`bpf_loop()` and its callbacks", "5.17"),
    "full stack": Feature("chain members with 480 to 512 bytes of stack", "6.8"),
    "raw tracepoint": Feature("raw tracepoints", "5.10"),
    "BTF tracepoint": Feature("BTF tracepoints (`tp_btf`)", "5.10"),
    "kprobe": Feature("kprobes and kretprobes", "5.10"),
    "kprobe.multi": Feature(
        "kprobes of many functions at once", "5.18", without=("6.1",)
    ),  # FPROBE is not set
    "uprobe": Feature("uprobes and uretprobes", "5.10"),
    "perf_event": Feature("sampling by perf events", "5.10"),
    "fentry": Feature("fentry and fexit", "5.10"),
    "module fentry": Feature("fentry and fexit of functions in modules", "5.11"),
    "freplace": Feature("replacing a function of another program", "5.10"),
    "lsm": Feature("LSM hooks", "5.10"),
    "iter": Feature("iterators", "5.10"),
    "cgroup": Feature("cgroup hooks", "5.10"),
    "struct_ops": Feature("operations of the kernel's own (`struct_ops`)", "5.10"),
    "netfilter": Feature("netfilter hooks", "6.4"),
    "netkit": Feature("netkit devices", "6.7"),
    "BTF": Feature("type information of its own (BTF)", "5.10"),
}

_DEBIAN = re.compile(r"(\d+\.\d+)\.\S*-cloud-amd64")
_LACKS = re.compile(r"this kernel has no (.+)")
_TOO_OLD = re.compile(r"needs kernel (\d+\.\d+) or newer")


def lacks(feature: str) -> NoReturn:
    """Skip the test that calls it, as it has found that this kernel is without a feature."""
    import pytest

    assert feature in FEATURES
    pytest.skip(f"this kernel has no {feature}")


def lacking(reason: str) -> str | None:
    """The feature that a skip with this reason is for want of."""
    match = _LACKS.search(reason)
    return match[1] if match and match[1] in FEATURES else None


def justifies(reason: str, release: str) -> bool:
    """Whether this reason to skip a test may be true of the kernel with that release: whether it is for want of a
    feature, or of a newer kernel, that the kernel is not known to have."""
    if (too_old := _TOO_OLD.search(reason)) is not None:
        return version(release) < version(too_old[1])
    if series(release) is None:
        return "this kernel " in reason
    return (feature := lacking(reason)) is not None and has(release, feature) is False


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
