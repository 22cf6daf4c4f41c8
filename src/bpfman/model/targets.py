# SPDX-License-Identifier: Apache-2.0
"""Where programs are attached by a link of their own: one value a verb of `link attach`.

The same value is what was asked and what is stored and shown: its fields are the link's details, under the names that
listings print.  They are text, whole numbers or truth values, because the store keeps them by name.  What a kind needs
to become a link is in its file in `bpf/link/`.
"""

from __future__ import annotations

from bpfman.model.kinds import KINDS
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class TracepointAttach(NamedTuple):
    """A tracepoint of the kernel, such as sched and sched_switch."""

    group: str
    name: str

    def __str__(self) -> str:
        return f"{self.group}/{self.name}"


class KprobeAttach(NamedTuple):
    """A function of the kernel or of a module, `offset` bytes into it.  The program decides `retprobe`."""

    fn_name: str
    offset: int = 0
    retprobe: bool = False

    def __str__(self) -> str:
        return _at(self.fn_name, self.offset)


class UprobeAttach(NamedTuple):
    """A place in a program or library.

    `target` is an absolute path, or a library's name; with `fn_name`, `offset` counts from that symbol, else from the
    beginning of the file.  `pid` limits it to one process (0: all); `container_pid` is a process in whose mount
    namespace `target` is looked up (0: ours).  The program decides `retprobe`."""

    target: str
    fn_name: str = ""
    offset: int = 0
    pid: int = 0
    retprobe: bool = False
    container_pid: int = 0

    def __str__(self) -> str:
        return f"{self.target} {_at(self.fn_name, self.offset)}"


class FentryAttach(NamedTuple):
    """The entry of a kernel function, which was fixed when the program was loaded."""

    fn_name: str = ""

    def __str__(self) -> str:
        return self.fn_name


class FexitAttach(NamedTuple):
    """The return of a kernel function, which was fixed when the program was loaded."""

    fn_name: str = ""

    def __str__(self) -> str:
        return self.fn_name


class LsmAttach(NamedTuple):
    """A hook of the kernel's security modules, which was fixed when the program was loaded."""

    hook_name: str = ""

    def __str__(self) -> str:
        return self.hook_name


class RawTracepointAttach(NamedTuple):
    """A tracepoint by its bare name, without the group; the program gets the raw arguments."""

    name: str

    def __str__(self) -> str:
        return self.name


class TpBtfAttach(NamedTuple):
    """A tracepoint with typed arguments, which was fixed when the program was loaded."""

    name: str = ""

    def __str__(self) -> str:
        return self.name


class KprobeMultiAttach(NamedTuple):
    """Functions of the kernel: names and patterns (`vfs_*`), separated by commas.  The program decides `retprobe`."""

    functions: str
    retprobe: bool = False

    def __str__(self) -> str:
        return self.functions


class UprobeMultiAttach(NamedTuple):
    """Symbols of a program or library: names and patterns, separated by commas; the rest is as for UprobeAttach."""

    target: str
    functions: str
    pid: int = 0
    retprobe: bool = False
    container_pid: int = 0

    def __str__(self) -> str:
        return f"{self.target} {self.functions}"


class UsdtAttach(NamedTuple):
    """A marker (`provider:name`) that the makers of a program or library put into it, at all places where it is.

    `target`, `pid` and `container_pid` are as for UprobeAttach; `cookie` is what bpf_usdt_cookie() gives."""

    target: str
    marker: str
    pid: int = 0
    cookie: int = 0
    container_pid: int = 0

    def __str__(self) -> str:
        return f"{self.target} {self.marker}"


class CgroupAttach(NamedTuple):
    """A control group, by the path of its directory.  `hook` was fixed when the program was loaded."""

    hook: str = ""
    cgroup: str = ""

    def __str__(self) -> str:
        return f"{self.cgroup} {self.hook}"


class SkLookupAttach(NamedTuple):
    """The socket lookup of a network namespace; without a path, of our own."""

    netns: str = ""

    def __str__(self) -> str:
        return self.netns or "own network namespace"


class NetfilterAttach(NamedTuple):
    """A netfilter hook: `family` is ipv4 or ipv6.  Lower priorities run first, among nftables' and iptables' own."""

    family: str
    hook: str
    priority: int = 0
    defragment: bool = False
    netns: str = ""

    def __str__(self) -> str:
        return f"{self.family} {self.hook} priority {self.priority}" + (
            f" netns={self.netns}" if self.netns else ""
        )


class PerfEventAttach(NamedTuple):
    """Samples of an event: `frequency` times a second, or (with `period`) each time so many of them happened; in one
    process or (0) all."""

    event: str
    frequency: int = 0
    period: int = 0
    pid: int = 0

    def __str__(self) -> str:
        return f"{self.event} " + (
            f"every {self.period}" if self.period else f"{self.frequency} times a second"
        )


class IterAttach(NamedTuple):
    """What the program goes through when its pin is read; fixed when the program was loaded.  Those that go through the
    elements of a map need its id."""

    name: str = ""
    map_id: int = 0

    def __str__(self) -> str:
        return f"{self.name} of map {self.map_id}" if self.map_id else self.name


class StructOpsAttach(NamedTuple):
    """Operations of the kernel's own, such as tcp_congestion_ops, that the program's functions take the place of: which
    ones was fixed by the object.  `map_id` is the map that holds the functions together."""

    operations: str = ""
    map_id: int = 0

    def __str__(self) -> str:
        return self.operations


TARGETS: dict[str, type] = {
    "tracepoint": TracepointAttach,
    "kprobe": KprobeAttach,
    "uprobe": UprobeAttach,
    "fentry": FentryAttach,
    "fexit": FexitAttach,
    "lsm": LsmAttach,
    "raw_tracepoint": RawTracepointAttach,
    "tp_btf": TpBtfAttach,
    "kprobe.multi": KprobeMultiAttach,
    "uprobe.multi": UprobeMultiAttach,
    "usdt": UsdtAttach,
    "cgroup": CgroupAttach,
    "sk_lookup": SkLookupAttach,
    "netfilter": NetfilterAttach,
    "perf_event": PerfEventAttach,
    "iter": IterAttach,
    "struct_ops": StructOpsAttach,
}

if TYPE_CHECKING:
    Target = (
        TracepointAttach
        | KprobeAttach
        | UprobeAttach
        | FentryAttach
        | FexitAttach
        | LsmAttach
        | RawTracepointAttach
        | TpBtfAttach
        | KprobeMultiAttach
        | UprobeMultiAttach
        | UsdtAttach
        | CgroupAttach
        | SkLookupAttach
        | NetfilterAttach
        | PerfEventAttach
        | IterAttach
        | StructOpsAttach
    )


def verb_of_target(target: Target) -> str:
    """The verb of `link attach` that it is for."""
    return next(verb for verb, cls in TARGETS.items() if type(target) is cls)


def settled(target: Target, kind: str, attach_func: str | None) -> Target:
    """The target as it is recorded: with what the loaded program decides."""
    decided: dict[str, object] = {}
    if "retprobe" in target._fields:
        decided["retprobe"] = KINDS[kind].retprobe
    if attach_func is not None:
        decided[target._fields[0]] = attach_func
    return target._replace(**decided) if decided else target  # type: ignore[arg-type]


def target_of(verb: str, values: Mapping[str, str | int]) -> Target:
    """The target of a verb from its values by name, as the store has them."""
    cls = TARGETS[verb]
    defaults = cls._field_defaults  # type: ignore[attr-defined]
    truth = {
        name: bool(values[name]) for name, default in defaults.items() if default is False and name in values
    }
    target: Target = cls(**{**values, **truth})
    return target


def _at(name: str, offset: int) -> str:
    """`fn`, `fn+8`, `+4096`."""
    return f"{name}+{offset}" if offset or not name else name
