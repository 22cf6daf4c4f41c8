# SPDX-License-Identifier: Apache-2.0
"""Netfilter hooks (6.4): packets on their way through a network namespace, among the rules of nftables and iptables."""

from __future__ import annotations

import errno

from bpfman.bpf import refusals
from bpfman.bpf.link.link import Link
from bpfman.errors import Conflict, InvalidRequest, KernelRefused, Unsupported
from bpfman.syscalls import bpf_links
from bpfman.syscalls.namespaces import entered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind
    from bpfman.model.targets import NetfilterAttach

FAMILIES = {"ipv4": 2, "ipv6": 10}  # include/uapi/linux/netfilter.h: NFPROTO_IPV4, NFPROTO_IPV6
HOOKS = {
    name: number for number, name in enumerate(("prerouting", "input", "forward", "output", "postrouting"))
}
_LAST = 2**31 - 1  # NF_IP_PRI_LAST; the first and the last are the kernel's
_DEFRAGMENT, _DEFRAGMENT_PRIORITY = 1, -400  # BPF_F_NETFILTER_IP_DEFRAG, NF_IP_PRI_CONNTRACK_DEFRAG


def check(kind: Kind, target: NetfilterAttach) -> None:
    for what, value, known in (("family", target.family, FAMILIES), ("hook", target.hook, HOOKS)):
        if value not in known:
            raise InvalidRequest(f'unknown netfilter {what} "{value}"', "known: " + ", ".join(known))
    if not -_LAST <= target.priority < _LAST:
        raise InvalidRequest(
            f"netfilter priority must be between {-_LAST} and {_LAST - 1}, got {target.priority}"
        )
    if target.defragment and target.priority <= _DEFRAGMENT_PRIORITY:
        raise InvalidRequest(
            f"with defragmenting, the priority must be above {_DEFRAGMENT_PRIORITY}, got {target.priority}",
            "packets are put together at that priority",
        )


def create(kind: Kind, program_fd: int, target: NetfilterAttach) -> Link:
    family, hook = FAMILIES[target.family], HOOKS[target.hook]
    flags = _DEFRAGMENT if target.defragment else 0
    with entered(target.netns):
        try:
            return Link(
                bpf_links.netfilter(program_fd, kind.expected_attach, family, hook, target.priority, flags)
            )
        except OSError as error:
            raise _explained(kind, target, error) from error


def _explained(kind: Kind, target: NetfilterAttach, error: OSError) -> Exception:
    if error.errno == errno.EBUSY:
        return Conflict(
            f"another program is at {target.family} {target.hook} with priority {target.priority}",
            "the kernel takes one BPF program a priority: choose another",
        )
    if (
        error.errno in (errno.EINVAL, errno.EOPNOTSUPP)
        and refusals.built_with("CONFIG_NETFILTER_BPF_LINK") is False
    ):
        return Unsupported(
            f"this kernel was built without CONFIG_NETFILTER_BPF_LINK, which {kind.name} programs need"
        )
    hint = {
        errno.EAFNOSUPPORT: f"this kernel was built without netfilter for {target.family}",
        errno.EOPNOTSUPP: "this kernel cannot defragment here",
    }.get(error.errno or 0) or refusals.hint(error.errno or 0, "CAP_NET_ADMIN", "CAP_BPF")
    return KernelRefused(f"attach {kind.name} to {target}", error.errno or 0, hint)
