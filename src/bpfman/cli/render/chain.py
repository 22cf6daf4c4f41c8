# SPDX-License-Identifier: Apache-2.0
"""Chains as text and JSON, for `bpfman chain`."""

from __future__ import annotations

from bpfman.cli.render.layout import NONE, Tree, table
from bpfman.cli.render.link_json import metadata_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpfman.model.chain import Chain, ChainRecord, ChainStatus, Member

_ABSENT = "-"
_RUNS = {True: "yes", False: "no", None: "unknown"}


def hook_words(record: ChainRecord) -> str:
    """As it is typed, but for the namespace: `tc eth0 ingress`."""
    return " ".join(filter(None, (record.hook.family, record.interface.name, record.hook.direction)))


def chain_table(chains: Sequence[tuple[Chain, ChainStatus]]) -> list[str]:
    headers = ("HOOK", "REVISION", "PROGRAM ID", "MEMBERS", "RUNS", "MODE", "ACCOUNTING", "NETNS")
    return table(headers, [_row(*each) for each in chains])


def _row(chain: Chain, status: ChainStatus) -> list[str]:
    record = chain.record
    return [
        hook_words(record),
        str(record.revision),
        str(record.program_id),
        str(len(chain.members)),
        _RUNS[status.runs],
        record.mode or _ABSENT,
        "on" if record.accounting else "off",
        record.interface.netns or _ABSENT,
    ]


def chain_lines(chain: Chain, status: ChainStatus) -> list[str]:
    return [
        *head_lines(chain.record, {"Runs": ": ".join(filter(None, (_RUNS[status.runs], status.why)))}),
        "",
        f"Members ({len(chain.members)}):",
        *_member_table(chain),
    ]


def head_lines(record: ChainRecord, seen: Mapping[str, str] = {}) -> list[str]:
    """What is said of the chain itself."""
    fields = {
        "Accounting": "on" if record.accounting else "off",
        "Interface": f"{record.interface.name} (ifindex={record.interface.ifindex})",
        "Network Namespace": record.interface.netns or NONE,
        "Program ID": str(record.program_id),
        "Revision": str(record.revision),
        **seen,
    }
    if record.hook.family == "xdp":
        fields |= {"Kernel Link ID": str(record.kernel_link_id or NONE), "Mode": record.mode}
    return [f"Chain: {hook_words(record)}", *Tree(fields).lines(1)]


def _member_table(chain: Chain) -> list[str]:
    headers = ("POS", "PRIORITY", "PROGRAM ID", "FUNCTION NAME", "LINK ID", "PROCEED ON")
    verdicts = chain.record.hook.verdicts
    rows = [
        [*member_cells(member), ",".join(verdicts.names_of(member.proceed_on))] for member in chain.members
    ]
    return table(headers, rows)


def member_cells(member: Member) -> list[str]:
    """The columns that say which member it is."""
    numbers = (member.position, member.priority, member.program_id)
    return [*map(str, numbers), member.program_name, str(member.link_id)]


def chain_json(chain: Chain, status: ChainStatus) -> dict[str, object]:
    return {
        **head_json(chain.record),
        "runs": status.runs,
        "why": status.why or None,
        "members": [member_json(chain, member) for member in chain.members],
    }


def head_json(record: ChainRecord) -> dict[str, object]:
    return {
        "type": record.hook.type,
        "interface": record.interface.name,
        "ifindex": record.interface.ifindex,
        "netns": record.interface.netns,
        "nsid": record.interface.nsid,
        "revision": record.revision,
        "program_id": record.program_id,
        "kernel_link_id": record.kernel_link_id,
        "filter_handle": record.filter_handle,
        "mode": record.mode,
        "accounting": record.accounting,
    }


def member_json(chain: Chain, member: Member) -> dict[str, object]:
    return {
        "position": member.position,
        "priority": member.priority,
        "link_id": member.link_id,
        "program_id": member.program_id,
        "program_name": member.program_name,
        "proceed_on": list(chain.record.hook.verdicts.names_of(member.proceed_on)),
        "metadata": metadata_json(member.metadata),
    }
