# SPDX-License-Identifier: Apache-2.0
"""From what a program may do to words that a person can forbid: `drop-packets`, `write-user-memory`.

Called by `manifest` for each program.  The words are part of the published format (docs/capabilities.md): one
is never given another meaning.
"""

from __future__ import annotations

from bpfman.images.capability.flow import follow
from bpfman.images.capability.helpers import effects_of_helpers, helper_name, is_helper
from bpfman.images.capability.kernel_functions import (
    DYNPTR_WRITES,
    PACKET_DYNPTRS,
    are_known,
    effects_of_kernel_functions,
)
from bpfman.model.value import NamedTuple
from bpfman.model.verdicts import TC, XDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.bytecode import Bytecode, Program
    from bpfman.images.capability.flow import Behaviour, Budget
    from bpfman.model.verdicts import Verdicts

DROP, REWRITE, REDIRECT, SEND = "drop-packets", "rewrite-packets", "redirect-packets", "send-packets"
MARK, DENY, RESULTS, OVERRIDE = "mark-packets", "deny-operations", "change-results", "override-functions"
READ_KERNEL, CALL_KERNEL, UNKNOWN = "read-kernel-memory", "call-kernel-functions", "unknown"
SOCKETS = "change-sockets"

EFFECTS = {
    DROP: "let a packet go no further",
    REWRITE: "change the bytes or the length of packets",
    REDIRECT: "send packets to another interface, processor or socket",
    SEND: "send packets of its own",
    MARK: "change what the kernel notes about a packet (mark, priority, class)",
    DENY: "make an operation of a process fail",
    RESULTS: "change what an operation gives or is done with (addresses, options, values)",
    OVERRIDE: "have a function return without running, or change its registers",
    READ_KERNEL: "read the kernel's memory",
    "read-user-memory": "read the memory of processes",
    "write-user-memory": "write into the memory of processes",
    "send-signals": "send signals to processes",
    SOCKETS: "change sockets, their options or their tables",
    "make-system-calls": "make system calls",
    "report-events": "pass data to user space as it happens",
    "tail-call": "go on in another program, whose own manifest says what that may do",
    CALL_KERNEL: "call functions of the kernel that have no fixed list; kfuncs names them",
    UNKNOWN: "do anything: its code could not be followed",
}


class _Rule(NamedTuple):
    """One kind of program: where its context points into a packet (offsets in struct xdp_md or __sk_buff, in
    include/uapi/linux/bpf.h; None for any), what it means to return or to write into the context or what that points
    to."""

    packet_fields: frozenset[int] | None = frozenset()
    passes: frozenset[int] | None = None  # return values that change nothing; None: all
    otherwise: str = ""  # what another value does
    context: str = ""  # what such writing does
    verdicts: Verdicts | None = None
    always: tuple[str, ...] = ()


_SKB = frozenset((76, 140))  # data, data_meta
_REDIRECTS = {"xdp": (XDP.codes["tx"], XDP.codes["redirect"]), "tc": (TC.codes["redirect"],)}
_TC_RULE = _Rule(
    _SKB,
    # What is no verdict at all is taken for unspec (net/sched/cls_bpf.c), so these are the only ones that stop it.
    frozenset(range(-1, 256)) - {TC.codes[name] for name in ("shot", "stolen", "queued", "trap", "redirect")},
    DROP, MARK, TC,
)  # fmt: skip
_TRACE = _Rule(always=(READ_KERNEL,))
_PROBE = _Rule(context=OVERRIDE)
_ALLOWS = _Rule(passes=frozenset((1,)), otherwise=DENY, context=RESULTS)
_RULES = {
    "xdp": _Rule(frozenset((0, 8)), frozenset((XDP.codes["pass"], XDP.dispatcher_return)), DROP, "", XDP),
    "tc": _TC_RULE,
    "tcx": _TC_RULE,
    "netkit": _Rule(_SKB, frozenset((-1, 0, 7)), DROP, MARK),  # next, pass, redirect
    "tracepoint": _Rule(),
    "raw_tracepoint": _TRACE,
    "kprobe": _PROBE, "kretprobe": _PROBE, "kprobe.multi": _PROBE, "kretprobe.multi": _PROBE,
    "uprobe": _PROBE, "uretprobe": _PROBE, "uprobe.multi": _PROBE, "uretprobe.multi": _PROBE,
    "usdt": _PROBE,
    "fentry": _TRACE, "fexit": _TRACE, "tp_btf": _TRACE, "perf_event": _Rule(),
    "iter": _Rule(context=RESULTS, always=(READ_KERNEL,)),  # some may write the values of a map
    "lsm": _Rule(passes=frozenset((0,)), otherwise=DENY, always=(READ_KERNEL,)),
    "cgroup_skb": _Rule(_SKB, frozenset((1, 3)), DROP, MARK),  # 3: let pass, and tell of congestion
    "cgroup_sock": _ALLOWS, "cgroup_sock_addr": _ALLOWS, "cgroup_sockopt": _ALLOWS, "cgroup_device": _ALLOWS,
    "cgroup_sysctl": _ALLOWS,
    "sock_ops": _Rule(context=RESULTS),
    "sk_lookup": _Rule(passes=frozenset((1,)), otherwise=DROP, context=RESULTS),
    # Its context points to the kernel's own structures, which it reads without asking anybody.
    "netfilter": _Rule(passes=frozenset((1,)), otherwise=DROP, always=(READ_KERNEL,)),
}  # fmt: skip
# A kind that is not known may do whatever some kind does by what it returns or by its context.
_UNKNOWN_RULE = _Rule(
    None, frozenset(), DROP, OVERRIDE, always=(DENY, REDIRECT, REWRITE, MARK, RESULTS, READ_KERNEL)
)
_MAP_CHANGES = frozenset(("map_update_elem", "map_delete_elem"))


class Abilities(NamedTuple):
    """What one program may do.  `verdicts` are names, or numbers where a kind has no names; None for any."""

    helpers: tuple[str, ...]
    kernel_functions: tuple[str, ...]
    verdicts: tuple[str, ...] | None
    effects: tuple[str, ...]


def abilities_of(bytecode: Bytecode, program: Program, budget: Budget) -> Abilities:
    rule = _RULES.get(program.kind, _UNKNOWN_RULE)
    found = follow(bytecode.functions, program.function, rule.packet_fields, budget)
    helpers = frozenset(map(helper_name, found.helpers))
    is_known = found.understood and all(map(is_helper, found.helpers)) and are_known(found.kernel_functions)
    return Abilities(
        tuple(sorted(helpers)),
        tuple(sorted(found.kernel_functions)),
        _verdicts(rule, found) if is_known else None,
        tuple(sorted(_effects(rule, found, helpers, bytecode.socket_maps) if is_known else EFFECTS)),
    )


def _effects(rule: _Rule, found: Behaviour, helpers: frozenset[str], socket_maps: bool) -> set[str]:
    effects = {*rule.always, *effects_of_helpers(helpers), *_of_results(rule, found)}
    effects |= effects_of_kernel_functions(found.kernel_functions)
    if found.kernel_functions:
        effects.add(CALL_KERNEL)
    if found.reads_kernel:
        effects.add(READ_KERNEL)
    if socket_maps and helpers & _MAP_CHANGES:
        effects.add(SOCKETS)
    if found.writes_packets or (
        found.kernel_functions & PACKET_DYNPTRS and (helpers | found.kernel_functions) & DYNPTR_WRITES
    ):
        effects.add(REWRITE)
    if found.writes_context and rule.context:
        effects.add(rule.context)
    return effects


def _of_results(rule: _Rule, found: Behaviour) -> set[str]:
    if rule.passes is None:
        return set()
    if found.returns is None:
        return {rule.otherwise, *((REDIRECT,) if rule.verdicts else ())}
    codes = {_signed(number) for number in found.returns}
    # What is sent elsewhere goes no further here, and perhaps nowhere: to an interface that does not exist.
    stops = {rule.otherwise} if codes - rule.passes else set()
    redirects = rule.verdicts is not None and codes & set(_REDIRECTS[rule.verdicts.family])
    return stops | ({REDIRECT} if redirects else set())


def _signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number


def _verdicts(rule: _Rule, found: Behaviour) -> tuple[str, ...] | None:
    if found.returns is None:
        return None
    codes = sorted(map(_signed, found.returns))
    return tuple(rule.verdicts.name(code) if rule.verdicts else str(code) for code in codes)
