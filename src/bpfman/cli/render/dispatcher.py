# SPDX-License-Identifier: Apache-2.0
"""Chains in the reference implementation's words and shapes (contract.md 2.5, 3.2, 3.3)."""

from __future__ import annotations

from bpfman.cli.render.layout import NO_CELL, NONE, Tree, table
from bpfman.cli.render.link_json import metadata_json
from bpfman.model.chain import FILTER_PRIORITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpfman.model.chain import Chain, ChainRecord, Member
    from bpfman.model.link import LinkRecord
    from bpfman.model.program import ProgramRecord

    Owners = Mapping[int, tuple[LinkRecord, ProgramRecord]]  # link id -> the link and its program

_ABSENT = "-"


def dispatcher_table(chains: Sequence[Chain]) -> list[str]:
    headers = (
        "TYPE",
        "NSID",
        "IFINDEX",
        "REVISION",
        "PROGRAM ID",
        "KERNEL LINK ID",
        "PRIORITY",
        "HANDLE",
        "MEMBERS",
        "NETNS",
    )
    return table(headers, [_row(chain) for chain in chains])


def _row(chain: Chain) -> list[str]:
    record = chain.record
    return [
        *map(str, record.hook),
        str(record.revision),
        str(record.program_id),
        str(record.kernel_link_id or _ABSENT),
        _ABSENT if _is_xdp(record) else str(FILTER_PRIORITY),
        _handle(record) if record.filter_handle else _ABSENT,
        str(len(chain.members)),
        record.interface.netns or _ABSENT,
    ]


def dispatcher_lines(chain: Chain, owners: Owners) -> list[str]:
    record = chain.record
    fields = {"Revision": str(record.revision), "Program ID": str(record.program_id)}
    if _is_xdp(record):
        fields["Kernel Link ID"] = str(record.kernel_link_id or NONE)
    else:
        fields |= {"Priority": str(FILTER_PRIORITY), "Filter Handle": _handle(record)}
    return [
        f"Dispatcher: {record.hook}",
        *Tree(fields).lines(1),
        "",
        f"Members ({len(chain.members)}):",
        *(_member_table(chain, owners) or ["(none)"]),
    ]


def _member_table(chain: Chain, owners: Owners) -> list[str]:
    headers = ("POS", "PRIORITY", "PROGRAM ID", "FUNCTION NAME", "LINK ID", "KERNEL LINK ID", "PROCEED ON")
    verdicts = chain.record.hook.verdicts
    return table(
        headers,
        [
            [
                str(member.position),
                str(member.priority),
                str(member.program_id),
                member.program_name,
                str(member.link_id),
                str(_kernel_link_id(member, owners) or NO_CELL),
                ",".join(verdicts.names_of(member.proceed_on)),
            ]
            for member in chain.members
        ],
    )


def summary_json(chain: Chain) -> dict[str, object]:
    return {**_head_json(chain.record), "member_count": len(chain.members)}


def dispatcher_json(chain: Chain, owners: Owners) -> dict[str, object]:
    return {
        **_head_json(chain.record),
        "members": [_member_json(chain.record, member, owners) for member in chain.members],
    }


def _head_json(record: ChainRecord) -> dict[str, object]:
    runtime: dict[str, object] = {"program_id": record.program_id}
    if _is_xdp(record):
        runtime["kernel_link_id"] = record.kernel_link_id
    else:
        runtime |= {"filter_priority": FILTER_PRIORITY, "filter_handle": record.filter_handle}
    runtime["netns_path"] = record.interface.netns
    return {"key": record.hook._asdict(), "revision": record.revision, "runtime": runtime}


def _member_json(record: ChainRecord, member: Member, owners: Owners) -> dict[str, object]:
    link, program = owners.get(member.link_id, (None, None))
    return {
        "program_id": member.program_id,
        "program_name": member.program_name,
        "prog_pin_path": program.pin_path if program else "",
        "link_id": member.link_id,
        "kernel_link_id": _kernel_link_id(member, owners),
        "link_pin_path": (link.pin_path if link else None) or "",
        "position": member.position,
        "priority": member.priority,
        "proceed_on": member.proceed_on,
        "ifname": record.interface.name,
        "metadata": metadata_json(member.metadata),
    }


def _kernel_link_id(member: Member, owners: Owners) -> int | None:
    """None, too, for a link that was detached after the chain was read."""
    return owners[member.link_id][0].kernel_link_id if member.link_id in owners else None


def _is_xdp(record: ChainRecord) -> bool:
    return record.hook.family == "xdp"


def _handle(record: ChainRecord) -> str:
    return hex(record.filter_handle or 0)
