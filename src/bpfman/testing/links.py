# SPDX-License-Identifier: Apache-2.0
"""What types of links the kernel makes (enum bpf_link_type), for the fake one.  Called by `bpfman.testing.kernel`."""

from __future__ import annotations

from bpfman.model.kinds import (
    ATTACH_NETKIT_PEER,
    ATTACH_NETKIT_PRIMARY,
    ATTACH_TCX_EGRESS,
    ATTACH_TCX_INGRESS,
)

XDP_LINK, PERF_LINK, TCX_LINK, NETKIT_LINK = 6, 7, 11, 13

# By the kind's file in bpf/link/; those that are not here are links of perf events.
LINKS = {
    "raw_tracepoint": 1, "tracing": 2, "lsm": 2, "cgroup": 3, "iter": 4, "sk_lookup": 5, "kprobe_multi": 8,
    "struct_ops": 9, "netfilter": 10, "uprobe_multi": 12, "usdt": 12,
}  # fmt: skip

# By direction or side: the type of the link, and that of the attachment.
ORDERED = {
    "ingress": (TCX_LINK, ATTACH_TCX_INGRESS),
    "egress": (TCX_LINK, ATTACH_TCX_EGRESS),
    "primary": (NETKIT_LINK, ATTACH_NETKIT_PRIMARY),
    "peer": (NETKIT_LINK, ATTACH_NETKIT_PEER),
}
