# SPDX-License-Identifier: Apache-2.0
"""Where to attach, as a person says it: `xdp("eth0", priority=50)`, `tc("eth0", "ingress", priority=10)`.

For users of the library; each gives the spec that `Manager.attach` takes.  Values are checked there.
"""

from __future__ import annotations

from bpfman.errors import InvalidRequest
from bpfman.model import verdicts
from bpfman.model.hook import SIDES
from bpfman.model.link import ChainAttach, TcxAttach
from bpfman.model.targets import (
    FentryAttach,
    FexitAttach,
    KprobeAttach,
    LsmAttach,
    TracepointAttach,
    UprobeAttach,
    UsdtAttach,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def xdp(
    interface: str, *, priority: int, proceed_on: Iterable[str] = (), netns: str = "", mode: str = "auto"
) -> ChainAttach:
    """An XDP hook.  `proceed_on` names the verdicts after which the next program runs (none: the default, pass and
    dispatcher_return)."""
    return ChainAttach(interface, priority, verdicts.XDP.parse(proceed_on), "", netns, mode)


def tc(
    interface: str, direction: str, *, priority: int, proceed_on: Iterable[str] = (), netns: str = ""
) -> ChainAttach:
    """A TC hook, "ingress" or "egress".  `proceed_on` as for xdp; its default is pipe and dispatcher_return."""
    return ChainAttach(interface, priority, verdicts.TC.parse(proceed_on), direction, netns)


def tcx(interface: str, direction: str, *, priority: int, netns: str = "") -> TcxAttach:
    """A TCX hook (Linux 6.6), "ingress" or "egress"."""
    return TcxAttach(interface, direction, priority, netns)


def netkit(interface: str, side: str, *, priority: int, netns: str = "") -> TcxAttach:
    """A netkit device (Linux 6.7), by its primary end: what that sends ("primary"), or what its peer sends ("peer")."""
    if side not in SIDES:
        raise InvalidRequest(f'netkit side must be primary or peer, got "{side}"')
    return TcxAttach(interface, side, priority, netns)


def tracepoint(name: str) -> TracepointAttach:
    """A tracepoint, as "group/name"."""
    group, slash, rest = name.partition("/")
    if not (group and slash and rest):
        raise InvalidRequest(f'tracepoint "{name}" is not of the form GROUP/NAME')
    return TracepointAttach(group, rest)


def kprobe(function: str, *, offset: int = 0) -> KprobeAttach:
    """A function of the kernel or a module, `offset` bytes into it; for programs loaded as kprobe or kretprobe."""
    return KprobeAttach(function, offset)


def uprobe(
    target: str, function: str = "", *, offset: int = 0, pid: int = 0, container_pid: int = 0
) -> UprobeAttach:
    """A place in a program or library (an absolute path, or a name such as "libc"), for programs loaded as uprobe or
    uretprobe.  Without a function, `offset` counts from the beginning of the file."""
    return UprobeAttach(target, function, offset, pid, container_pid=container_pid)


def usdt(target: str, marker: str, *, pid: int = 0, cookie: int = 0, container_pid: int = 0) -> UsdtAttach:
    """A marker ("provider:name") in a program or library; `cookie` is what bpf_usdt_cookie() gives."""
    return UsdtAttach(target, marker, pid, cookie, container_pid)


def fentry() -> FentryAttach:
    """The entry of the kernel function that the program was loaded for."""
    return FentryAttach()


def fexit() -> FexitAttach:
    """The return of the kernel function that the program was loaded for."""
    return FexitAttach()


def lsm() -> LsmAttach:
    """The hook of the security modules that the program was loaded for."""
    return LsmAttach()
