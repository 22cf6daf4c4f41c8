# SPDX-License-Identifier: Apache-2.0
"""The verbs of `bpfman link attach` for links of their own, one table row each; the keys are the target's fields.

A row says what a verb takes and what its help tells; `attach` makes the target of it.  Network hooks, which programs
share by priority, are in `attach`.
"""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag
from bpfman.cli.flags import DRY_RUN, METADATA, OUTPUT
from bpfman.cli.link.attach import PROGRAM, attach, tracepoint
from bpfman.cli.values import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpfman.cli.command import Arguments

_EXTRA = (METADATA, DRY_RUN, OUTPUT)


def _runner(verb: str, keys: Sequence[str]) -> Callable[[Arguments], None]:
    def run(args: Arguments) -> None:
        from bpfman.model.targets import target_of

        values = {key: getattr(args, key) for key in keys}
        given = {key: value for key, value in values.items() if value is not None}
        attach(args, target_of(verb, given), dict(args.metadata))

    return run


def _row(
    verb: str,
    description: str,
    example: str,
    *,
    needs: str,
    arguments: Sequence[Argument] = (),
    flags: Sequence[Flag] = (),
) -> Command:
    keys = [*(each.key for each in arguments), *(flag.key for flag in flags)]
    return Command(
        _runner(verb, keys),
        arguments=[PROGRAM, *arguments],
        flags=[*flags, *_EXTRA],
        description=f"{description}\n\nNeeds {needs}",
        examples=[("Attach program 440", f"bpfman link attach {verb} 440{example}")],
    )


def _signed(text: str) -> int:
    """A whole number, which may be negative."""
    return -number(text[1:]) if text.startswith("-") else number(text)


def _run_tracepoint(args: Arguments) -> None:
    from bpfman.model.targets import TracepointAttach

    attach(args, TracepointAttach(*args.tracepoint), dict(args.metadata))


OFFSET = Flag("offset", metavar="N", about="How many bytes into it (default 0).", parse=number)
PID = Flag(
    "pid",
    metavar="PID",
    about="Only in this process, by its number on the host (default: all).",
    parse=number,
)
CONTAINER_PID = Flag(
    "container-pid",
    metavar="PID",
    about="Look TARGET up where this process sees it: in its container. The number is the one on the host.",
    parse=number,
)
TARGET = Argument(
    "target",
    "TARGET",
    "An absolute path, or the name of a library, such as libc.",
    complete="file",
)
NETNS = Flag(
    "netns",
    "n",
    "PATH",
    "In this network namespace, such as /var/run/netns/blue (default: bpfman's own).",
    default="",
    complete="file",
)
_FIXED = "The target was fixed when the program was loaded, as in --programs"

TRACEPOINT = Command(
    _run_tracepoint,
    arguments=[
        PROGRAM,
        Argument("tracepoint", "GROUP/NAME", "The tracepoint.", parse=tracepoint, complete="tracepoints"),
    ],
    flags=[*_EXTRA],
    description="Runs the program each time the kernel passes the tracepoint.\n\nNeeds Linux 5.15 with "
    "CONFIG_BPF_EVENTS.",
    examples=[("Attach program 440", "bpfman link attach tracepoint 440 sched/sched_switch")],
)
KPROBE = _row(
    "kprobe",
    "Runs the program each time a function of the kernel, or of a module, is entered; a program loaded as kretprobe "
    "when it returns.",
    " vfs_read",
    needs="Linux 5.15 with CONFIG_KPROBES, not locked down for confidentiality.",
    arguments=[
        Argument(
            "fn_name",
            "FUNCTION",
            "The function, as /proc/kallsyms has it; of a module, also MODULE:FUNCTION.",
        )
    ],
    flags=[OFFSET],
)
UPROBE = _row(
    "uprobe",
    "Runs the program each time a process gets to a place in a program or library; a program loaded as uretprobe when "
    "the function returns. The place is a symbol (--fn-name), so many bytes behind it (with --offset), or "
    "so many bytes behind the beginning of the file (--offset alone).\n\n"
    "A library's name is looked for in what the process of --pid has mapped (also when the file was deleted or "
    "replaced since), in the DT_RUNPATH of its program, in /etc/ld.so.cache, and in the directories of musl. libc "
    "stands for libc.so.6 or libc-2.31.so; a name with .so in it must be the whole name. With --container-pid all of "
    "that is the container's own. Symbols are read from the file, its debug file (/usr/lib/debug/.build-id, "
    ".gnu_debuglink) and .gnu_debugdata. A symbol may have a version: memcpy@GLIBC_2.2.5.",
    " libc --fn-name malloc",
    needs="Linux 5.15 with CONFIG_UPROBES.",
    arguments=[TARGET],
    flags=[Flag("fn-name", "f", "SYMBOL", "The symbol to start from."), OFFSET, PID, CONTAINER_PID],
)
FENTRY = _row(
    "fentry",
    f"Runs the program each time a kernel function is entered. {_FIXED} fentry:NAME:FUNCTION.",
    "",
    needs="Linux 5.15 with CONFIG_DEBUG_INFO_BTF, not locked down for confidentiality; functions of modules need BTF "
    "of modules; arm64 needs Linux 6.0.",
)
FEXIT = _row(
    "fexit",
    f"Runs the program each time a kernel function returns. {_FIXED} fexit:NAME:FUNCTION.",
    "",
    needs="Linux 5.15 with CONFIG_DEBUG_INFO_BTF, not locked down for confidentiality; functions of modules need BTF "
    "of modules; arm64 needs Linux 6.0.",
)
RAW_TRACEPOINT = _row(
    "raw_tracepoint",
    "Runs the program each time the kernel passes the tracepoint, with its raw arguments.",
    " sched_switch",
    needs="Linux 5.15 with CONFIG_BPF_EVENTS.",
    arguments=[Argument("name", "NAME", "The tracepoint, without its group.")],
)
TP_BTF = _row(
    "tp_btf",
    f"Runs the program each time the kernel passes a tracepoint, with typed arguments. {_FIXED} "
    "tp_btf:NAME:TRACEPOINT.",
    "",
    needs="Linux 5.15 with CONFIG_DEBUG_INFO_BTF, not locked down for confidentiality.",
)
FUNCTIONS = Argument(
    "functions", "FUNCTION[,...]", "Functions by name or pattern, such as vfs_*, comma-separated."
)
KPROBE_MULTI = _row(
    "kprobe.multi",
    "Runs the program each time one of many kernel functions is entered; a program loaded as kretprobe.multi when it "
    "returns. All are attached at once, by one link.",
    " vfs_read,vfs_write",
    needs="Linux 5.18 with CONFIG_FPROBE, not locked down for confidentiality.",
    arguments=[FUNCTIONS],
)
UPROBE_MULTI = _row(
    "uprobe.multi",
    "Runs the program each time a process enters one of many functions of a program or library; a program loaded as "
    "uretprobe.multi when it returns. All are attached at once, by one link.",
    " libc malloc,free",
    needs="Linux 6.6 with CONFIG_UPROBES.",
    arguments=[TARGET, FUNCTIONS],
    flags=[PID, CONTAINER_PID],
)
USDT = _row(
    "usdt",
    "Runs the program each time a process passes a marker (USDT) that the makers of a program or library put into it, "
    "at all places where it is. The marker's semaphore, by which a program sees that it is watched, is counted up as "
    "long as the link is there. Programs that call bpf_usdt_arg() of libbpf's usdt.bpf.h get its arguments.",
    " /usr/bin/python3 python:gc__start",
    needs="Linux 5.15 with CONFIG_UPROBES; one link of the kernel for all places needs Linux 6.10, before it is one a "
    "place.",
    arguments=[
        TARGET,
        Argument("marker", "PROVIDER:NAME", "The marker, as `readelf -n` tells its provider and name."),
    ],
    flags=[
        PID,
        Flag(
            "cookie",
            metavar="N",
            about="What bpf_usdt_cookie() gives in the program (default 0).",
            parse=number,
        ),
        CONTAINER_PID,
    ],
)
CGROUP = _row(
    "cgroup",
    "Runs the program for what the processes of a control group, and of those below it, do. Which hook it is was fixed "
    "when the program was loaded: by its section, or as in --programs cgroup_skb:NAME:egress. Takes programs of the "
    "types cgroup_skb, cgroup_sock, cgroup_sock_addr, cgroup_sockopt, cgroup_device, cgroup_sysctl and sock_ops.",
    " /sys/fs/cgroup/system.slice",
    needs="Linux 5.15 with CONFIG_CGROUP_BPF, and cgroup v2; hooks of Unix sockets need Linux 6.7.",
    arguments=[Argument("cgroup", "CGROUP", "The directory of the control group.", complete="directory")],
)
SK_LOOKUP = _row(
    "sk_lookup",
    "Runs the program when a network namespace looks for the socket that an incoming connection or packet is for.",
    " --netns /var/run/netns/blue",
    needs="Linux 5.15; a namespace takes 64 such programs.",
    flags=[NETNS],
)
NETFILTER = _row(
    "netfilter",
    "Runs the program on packets at a netfilter hook, among the rules of nftables and iptables. The kernel takes one "
    "BPF program at each priority.",
    " ipv4 input --priority 10",
    needs="Linux 6.4 with CONFIG_NETFILTER_BPF_LINK; --defragment needs Linux 6.6.",
    arguments=[
        Argument("family", "FAMILY", "ipv4 or ipv6.", choices=("ipv4", "ipv6")),
        Argument(
            "hook",
            "HOOK",
            "Where on a packet's way.",
            choices=("prerouting", "input", "forward", "output", "postrouting"),
        ),
    ],
    flags=[
        Flag(
            "priority",
            "p",
            "N",
            "The place among all that is there: lower runs first (default 0).",
            parse=_signed,
        ),
        Flag("defragment", about="Put fragments together before the program sees them."),
        NETNS,
    ],
)
PERF_EVENT = _row(
    "perf_event",
    "Samples: runs the program so many times a second, or each time an event happened so often, on whatever is "
    "running. Events: cycles, instructions, cache-misses, branch-misses and other hardware events; cpu-clock, "
    "page-faults, context-switches and other software events.",
    " cpu-clock --frequency 99",
    needs="Linux 5.15 with CONFIG_PERF_EVENTS; hardware events need a machine that counts them.",
    arguments=[Argument("event", "EVENT", "The event, as perf list names it.")],
    flags=[
        Flag("frequency", metavar="HZ", about="How many samples a second.", parse=number),
        Flag("period", metavar="N", about="How many events a sample.", parse=number),
        PID,
    ],
)
ITER = _row(
    "iter",
    "Makes the program readable: each time the link's pin is read, it runs over all tasks, maps, sockets or whatever "
    f"it was loaded for, and what it writes is what is read. {_FIXED} iter:NAME:task.",
    "",
    needs="Linux 5.15 with CONFIG_DEBUG_INFO_BTF; what there is to go through, the kernel's version and configuration "
    "decide.",
    flags=[
        Flag(
            "map-id",
            metavar="ID",
            about="The map to go through, for iterators over the elements of one (bpf_map_elem, sockmap).",
            parse=number,
        )
    ],
)
STRUCT_OPS = _row(
    "struct_ops",
    "Lets the functions of a struct_ops take the place of operations of the kernel's own, such as those of a TCP "
    "congestion control, as long as the link is there. It was loaded by the name of its variable, as `bpftool "
    "struct_ops` shows it: --programs struct_ops:NAME; the first of its functions is the program that is listed.",
    "",
    needs="Linux 6.4 with CONFIG_DEBUG_INFO_BTF; which operations can be replaced, the kernel's version and "
    "configuration decide.",
)
LSM = _row(
    "lsm",
    "Runs the program where the kernel's security modules decide; a value other than 0 refuses what was asked for. "
    f"{_FIXED} lsm:NAME:HOOK.",
    "",
    needs='Linux 5.15 with CONFIG_BPF_LSM and "bpf" among the active modules (lsm=... on the kernel command line; '
    "/sys/kernel/security/lsm lists them).",
)
