# SPDX-License-Identifier: Apache-2.0
"""XDP links (5.9): one program an interface and mode, switched by a link update."""

from __future__ import annotations

import errno

from bpfman.bpf.link.link import Link
from bpfman.errors import ForeignProgram, KernelRefused
from bpfman.model.kinds import ATTACH_XDP
from bpfman.syscalls import bpf
from bpfman.syscalls.interfaces import interface
from bpfman.syscalls.namespaces import entered

# include/uapi/linux/if_link.h: XDP_FLAGS_{SKB,DRV,HW}_MODE; 0 lets the kernel choose native where it can
FLAGS = {"auto": 0, "generic": 2, "native": 4, "offload": 8}


def create(program_fd: int, ifindex: int, netns: str, mode: str) -> Link:
    """Attach to an interface of the namespace at `netns`.  Raises ForeignProgram when another XDP program is there,
    KernelRefused with what helps where the reason is known."""
    with entered(netns):
        try:
            return Link(bpf.link_create(program_fd, ifindex, ATTACH_XDP, flags=FLAGS[mode]))
        except OSError as error:
            raise _explained(error, ifindex, mode) from error


def _explained(error: OSError, ifindex: int, mode: str) -> Exception:
    found = interface(ifindex)
    if found is None:
        return KernelRefused(
            f"attach XDP program to interface {ifindex}", error.errno or 0, "the interface is gone"
        )
    name = found.name
    if found.xdp and error.errno in (errno.EBUSY, errno.EEXIST, errno.EINVAL):
        return ForeignProgram(
            f"interface already has an XDP program attached: {name} runs program {found.xdp.program_id} "
            f"({found.xdp.mode} mode), which bpfman did not attach",
            f"remove it with the tool that attached it, or with `ip link set dev {name} xdp off`",
        )
    hints = {
        errno.EOPNOTSUPP: f"the driver of {name} has no {mode} XDP; --mode generic works with every driver",
        errno.EINVAL: f"the driver of {name} refuses XDP as it is set up (rings, offloads, a bond's rules); "
        "`dmesg` may say more, --mode generic works with every driver",
        errno.ERANGE: f"the MTU of {name} ({found.mtu}) is too large for XDP programs without frags "
        'support: lower it, or build every program on this hook with SEC("xdp.frags")',
    }
    return KernelRefused(f"attach XDP program to {name}", error.errno or 0, hints.get(error.errno or 0, ""))
