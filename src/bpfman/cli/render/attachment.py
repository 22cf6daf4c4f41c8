# SPDX-License-Identifier: Apache-2.0
"""Where a link is attached, in a few words, for tables and for the detail of its program."""

from __future__ import annotations

from bpfman.model.link import ChainDetails, TcxDetails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.link import LinkDetails, LinkRecord


def attachment_cell(details: LinkDetails) -> str:
    """`eth0 pos-2`, `eth0 ingress pos-0 netns=/var/run/netns/blue`, `sched/sched_switch`, `/lib/x.so +4096`."""
    if not isinstance(details, ChainDetails | TcxDetails):
        return str(details) or "<none>"
    words = [details.interface.name, details.direction, f"pos-{details.position}"]
    if details.interface.netns:
        words.append(f"netns={details.interface.netns}")
    return " ".join(filter(None, words))


def attachment_summary(record: LinkRecord) -> str:
    """`eth0 (ifindex=2, pos=0)`, `eth0/ingress (ifindex=2, pos=0)`, `sched/sched_switch`, `uretprobe:libc:malloc`."""
    details = record.details
    if isinstance(details, ChainDetails | TcxDetails):
        place = "/".join(filter(None, (details.interface.name, details.direction)))
        return f"{place} (ifindex={details.interface.ifindex}, pos={details.position})"
    where = str(details).replace(" ", ":", 1) if record.kind in ("uprobe", "uretprobe") else str(details)
    return f"{record.kind}:{where}" if getattr(details, "retprobe", False) else where
