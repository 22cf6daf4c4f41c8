# SPDX-License-Identifier: Apache-2.0
"""The kinds of programs bpfman manages, one row each.

Everything that differs between kinds and can be said in a word is a column here; what needs code is the kind's file
in `bpf/link/`.  Read by all layers; does no I/O.

Numbers are the kernel's (include/uapi/linux/bpf.h: enum bpf_prog_type, enum bpf_attach_type), names are bpfman's.
"""

from __future__ import annotations

from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# enum bpf_prog_type
PROG_KPROBE, PROG_SCHED_CLS, PROG_TRACEPOINT, PROG_XDP, PROG_TRACING, PROG_LSM = 2, 3, 5, 6, 26, 29
# enum bpf_attach_type
ATTACH_NONE, ATTACH_XDP, ATTACH_PERF_EVENT = 0, 37, 41
ATTACH_TRACE_FENTRY, ATTACH_TRACE_FEXIT, ATTACH_LSM = 24, 25, 27
ATTACH_TCX_INGRESS, ATTACH_TCX_EGRESS = 46, 47


class Kind(NamedTuple):
    """One row: how programs of this kind are recognised, loaded and attached."""

    name: str  # what users type
    sections: tuple[str, ...]  # prefixes of ELF section names that imply it
    family: str  # kinds of one family may stand in for one another's sections
    kernel_type: int  # enum bpf_prog_type
    expected_attach: int  # expected_attach_type at load
    verb: str  # `link attach VERB`
    coarse: str  # the kernel's type name, by which kernel-only rows are filtered
    attach_func: bool = False  # fixed to a function at load (TYPE:NAME:FUNCTION)
    attach_since: str = "5.15"  # the first kernel that can attach it the way we do
    retprobe: bool = False  # runs when the function returns
    symbol_prefix: str = ""  # what the kernel's symbol of an attach_func begins with
    module: str = ""  # its file in bpf/link/; empty for those that share a network hook


_ROWS = (
    Kind("xdp", ("xdp",), "xdp", PROG_XDP, ATTACH_XDP, "xdp", "xdp"),
    Kind("tc", ("tc", "classifier"), "tc", PROG_SCHED_CLS, ATTACH_NONE, "tc", "schedcls"),
    Kind("tcx", ("tcx",), "tc", PROG_SCHED_CLS, ATTACH_NONE, "tcx", "schedcls", attach_since="6.6"),
    Kind("tracepoint", ("tracepoint", "tp/"), "tracepoint", PROG_TRACEPOINT, ATTACH_NONE, "tracepoint", "tracepoint",
         module="tracepoint"),
    Kind("kprobe", ("kprobe", "ksyscall"), "kprobe", PROG_KPROBE, ATTACH_NONE, "kprobe", "kprobe", module="kprobe"),
    Kind("kretprobe", ("kretprobe", "kretsyscall"), "kprobe", PROG_KPROBE, ATTACH_NONE, "kprobe", "kprobe",
         retprobe=True, module="kprobe"),
    Kind("uprobe", ("uprobe",), "uprobe", PROG_KPROBE, ATTACH_NONE, "uprobe", "kprobe", module="uprobe"),
    Kind("uretprobe", ("uretprobe",), "uprobe", PROG_KPROBE, ATTACH_NONE, "uprobe", "kprobe",
         retprobe=True, module="uprobe"),
    Kind("fentry", ("fentry",), "fentry", PROG_TRACING, ATTACH_TRACE_FENTRY, "fentry", "tracing",
         attach_func=True, module="tracing"),
    Kind("fexit", ("fexit",), "fexit", PROG_TRACING, ATTACH_TRACE_FEXIT, "fexit", "tracing",
         attach_func=True, module="tracing"),
    Kind("lsm", ("lsm",), "lsm", PROG_LSM, ATTACH_LSM, "lsm", "lsm", attach_func=True,
         symbol_prefix="bpf_lsm_", module="lsm"),
)  # fmt: skip

KINDS: dict[str, Kind] = {row.name: row for row in _ROWS}

# A longer prefix is tried first.
_SECTIONS = sorted(
    ((prefix, row.name) for row in _ROWS for prefix in row.sections), key=lambda pair: -len(pair[0])
)


def kind_of_section(section: str) -> str | None:
    """The kind that a section's name implies (`xdp.frags` is xdp, `?tc/ingress` is tc), or None."""
    section = section.removeprefix("?")
    return next((name for prefix, name in _SECTIONS if section.startswith(prefix)), None)


def family_of(kind: str) -> str:
    """Kinds of one family accept each other's sections: {tc, tcx}, {kprobe, kretprobe}, {uprobe, uretprobe}."""
    return KINDS[kind].family


def kinds_of_verb(verb: str) -> Iterator[str]:
    """The kinds that `link attach VERB` accepts, in table order."""
    return (row.name for row in _ROWS if row.verb == verb)
