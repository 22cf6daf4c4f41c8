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
    from collections.abc import Iterator, Mapping

# enum bpf_prog_type
PROG_KPROBE, PROG_SCHED_CLS, PROG_TRACEPOINT, PROG_XDP, PROG_TRACING, PROG_LSM = 2, 3, 5, 6, 26, 29
PROG_CGROUP_SKB, PROG_CGROUP_SOCK, PROG_SOCK_OPS, PROG_CGROUP_DEVICE, PROG_RAW_TRACEPOINT = 8, 9, 13, 15, 17
PROG_PERF_EVENT, PROG_STRUCT_OPS = 7, 27
PROG_CGROUP_SOCK_ADDR, PROG_CGROUP_SYSCTL, PROG_CGROUP_SOCKOPT, PROG_SK_LOOKUP, PROG_NETFILTER = (
    18,
    23,
    25,
    30,
    32,
)
# enum bpf_attach_type
ATTACH_NONE, ATTACH_XDP, ATTACH_PERF_EVENT = 0, 37, 41
ATTACH_TRACE_FENTRY, ATTACH_TRACE_FEXIT, ATTACH_LSM = 24, 25, 27
ATTACH_TRACE_RAW_TP, ATTACH_TRACE_ITER, ATTACH_SK_LOOKUP = 23, 28, 36
ATTACH_TRACE_KPROBE_MULTI, ATTACH_STRUCT_OPS, ATTACH_NETFILTER, ATTACH_TRACE_UPROBE_MULTI = 42, 44, 45, 48
ATTACH_TCX_INGRESS, ATTACH_TCX_EGRESS = 46, 47
ATTACH_NETKIT_PRIMARY, ATTACH_NETKIT_PEER = 54, 55

# Hooks of cgroups, as sections name them: enum bpf_attach_type
_SKB_HOOKS = {"ingress": 0, "egress": 1}
_SOCK_HOOKS = {"sock_create": 2, "sock_release": 34, "post_bind4": 12, "post_bind6": 13}
_DEVICE_HOOKS, _SYSCTL_HOOKS, _SOCK_OPS_HOOKS = {"dev": 6}, {"sysctl": 18}, {"sockops": 3}
_SOCKOPT_HOOKS = {"getsockopt": 21, "setsockopt": 22}
_SOCK_ADDR_HOOKS = {
    "bind4": 8, "bind6": 9, "connect4": 10, "connect6": 11, "sendmsg4": 14, "sendmsg6": 15, "recvmsg4": 19,
    "recvmsg6": 20, "getpeername4": 29, "getpeername6": 30, "getsockname4": 31, "getsockname6": 32,
    "connect_unix": 49, "sendmsg_unix": 50, "recvmsg_unix": 51, "getpeername_unix": 52, "getsockname_unix": 53,
}  # fmt: skip


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
    hooks: Mapping[str, int] = {}  # what its section, or TYPE:NAME:HOOK, chooses from: expected_attach_type
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
    Kind("raw_tracepoint", ("raw_tp", "raw_tracepoint"), "raw_tracepoint", PROG_RAW_TRACEPOINT, ATTACH_NONE,
         "raw_tracepoint", "rawtracepoint", module="raw_tracepoint"),
    Kind("tp_btf", ("tp_btf",), "tp_btf", PROG_TRACING, ATTACH_TRACE_RAW_TP, "tp_btf", "tracing", attach_func=True,
         symbol_prefix="__traceiter_", module="tracing"),
    Kind("kprobe.multi", ("kprobe.multi",), "kprobe", PROG_KPROBE, ATTACH_TRACE_KPROBE_MULTI, "kprobe.multi", "kprobe",
         attach_since="5.18", module="kprobe_multi"),
    Kind("kretprobe.multi", ("kretprobe.multi",), "kprobe", PROG_KPROBE, ATTACH_TRACE_KPROBE_MULTI, "kprobe.multi",
         "kprobe", attach_since="5.18", retprobe=True, module="kprobe_multi"),
    Kind("uprobe.multi", ("uprobe.multi",), "uprobe", PROG_KPROBE, ATTACH_TRACE_UPROBE_MULTI, "uprobe.multi", "kprobe",
         attach_since="6.6", module="uprobe_multi"),
    Kind("uretprobe.multi", ("uretprobe.multi",), "uprobe", PROG_KPROBE, ATTACH_TRACE_UPROBE_MULTI, "uprobe.multi",
         "kprobe", attach_since="6.6", retprobe=True, module="uprobe_multi"),
    Kind("usdt", ("usdt",), "usdt", PROG_KPROBE, ATTACH_TRACE_UPROBE_MULTI, "usdt", "kprobe", module="usdt"),
    Kind("cgroup_skb", ("cgroup_skb", "cgroup/skb"), "cgroup_skb", PROG_CGROUP_SKB, ATTACH_NONE, "cgroup", "cgroupskb",
         hooks=_SKB_HOOKS, module="cgroup"),
    Kind("cgroup_sock", ("cgroup/sock", "cgroup/post_bind"), "cgroup_sock", PROG_CGROUP_SOCK, ATTACH_NONE, "cgroup",
         "cgroupsock", hooks=_SOCK_HOOKS, module="cgroup"),
    Kind("cgroup_sock_addr", tuple(f"cgroup/{hook}" for hook in _SOCK_ADDR_HOOKS), "cgroup_sock_addr",
         PROG_CGROUP_SOCK_ADDR, ATTACH_NONE, "cgroup", "cgroupsockaddr", hooks=_SOCK_ADDR_HOOKS, module="cgroup"),
    Kind("cgroup_sockopt", tuple(f"cgroup/{hook}" for hook in _SOCKOPT_HOOKS), "cgroup_sockopt", PROG_CGROUP_SOCKOPT,
         ATTACH_NONE, "cgroup", "cgroupsockopt", hooks=_SOCKOPT_HOOKS, module="cgroup"),
    Kind("cgroup_device", ("cgroup/dev",), "cgroup_device", PROG_CGROUP_DEVICE, ATTACH_NONE, "cgroup", "cgroupdevice",
         hooks=_DEVICE_HOOKS, module="cgroup"),
    Kind("cgroup_sysctl", ("cgroup/sysctl",), "cgroup_sysctl", PROG_CGROUP_SYSCTL, ATTACH_NONE, "cgroup",
         "cgroupsysctl", hooks=_SYSCTL_HOOKS, module="cgroup"),
    Kind("sock_ops", ("sockops",), "sock_ops", PROG_SOCK_OPS, ATTACH_NONE, "cgroup", "sockops",
         hooks=_SOCK_OPS_HOOKS, module="cgroup"),
    Kind("sk_lookup", ("sk_lookup",), "sk_lookup", PROG_SK_LOOKUP, ATTACH_SK_LOOKUP, "sk_lookup", "sklookup",
         module="sk_lookup"),
    Kind("netkit", ("netkit",), "tc", PROG_SCHED_CLS, ATTACH_NONE, "netkit", "schedcls", attach_since="6.7"),
    Kind("netfilter", ("netfilter",), "netfilter", PROG_NETFILTER, ATTACH_NETFILTER, "netfilter", "netfilter",
         attach_since="6.4", module="netfilter"),
    Kind("perf_event", ("perf_event",), "perf_event", PROG_PERF_EVENT, ATTACH_NONE, "perf_event", "perfevent",
         module="perf_event"),
    Kind("iter", ("iter",), "iter", PROG_TRACING, ATTACH_TRACE_ITER, "iter", "tracing", attach_func=True,
         symbol_prefix="bpf_iter_", module="iter"),
    Kind("struct_ops", ("struct_ops",), "struct_ops", PROG_STRUCT_OPS, ATTACH_STRUCT_OPS, "struct_ops", "structops",
         attach_since="6.4", module="struct_ops"),
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


def hook_of_section(kind: Kind, section: str) -> str | None:
    """The hook of a kind that a section's name says (`cgroup/connect4` is connect4), or None.  Where a kind has one
    hook only, that is it."""
    word = section.removeprefix("?").rpartition("/")[2]
    word = {"sock": "sock_create"}.get(word, word)
    return word if word in kind.hooks else next(iter(kind.hooks)) if len(kind.hooks) == 1 else None


def expected_attach(kind: Kind, hook: str | None) -> int:
    """expected_attach_type at load."""
    return kind.hooks.get(hook or "", kind.expected_attach)


def family_of(kind: str) -> str:
    """Kinds of one family accept each other's sections: {tc, tcx, netkit}, {kprobe, kretprobe} and so on."""
    return KINDS[kind].family


def kinds_of_verb(verb: str) -> Iterator[str]:
    """The kinds that `link attach VERB` accepts, in table order."""
    return (row.name for row in _ROWS if row.verb == verb)
