# SPDX-License-Identifier: Apache-2.0
"""One link in full, as JSON or as text (contract.md 3.3)."""

from __future__ import annotations

from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.render.layout import NONE, Tree, joined
from bpfman.cli.render.times import rfc3339
from bpfman.model.link import ChainDetails, TcxDetails
from bpfman.model.verdicts import BY_FAMILY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.link import Link, LinkDetails, LinkRecord


def show_link(link: Link, output: str, function: str = "") -> None:
    """`function` is the program's name, where it is known."""
    if output == "json":
        from bpfman.cli.render.link_json import link_json

        emit_json(link_json(link))
        return
    emit_lines(link_lines(link, function))


def link_lines(link: Link, function: str = "") -> list[str]:
    spec = _record(link.record) | _details(link.record.kind, link.record.details)
    if function:
        spec["BPF Function"] = function
    status = {
        "Kernel Seen": str(link.status.kernel_seen).lower(),
        "Pin Present": str(link.status.pin_present).lower(),
    }
    sections: dict[str, Tree | str] = {"Spec": Tree(spec), "Status": Tree(status)}
    return [f"Link ID: {link.record.id}", *Tree({}, sections).lines(1)]


def _record(record: LinkRecord) -> dict[str, str]:
    return {
        "Created At": rfc3339(record.created_at),
        "Kernel Link ID": str(record.kernel_link_id or NONE),
        "Metadata": joined(record.metadata or {}),
        "Pin Path": record.pin_path or NONE,
        "Program ID": str(record.program_id),
        "Type": record.kind,
    }


def _details(kind: str, details: LinkDetails) -> dict[str, str]:
    if not isinstance(details, ChainDetails | TcxDetails):
        from bpfman.cli.render.target import target_rows

        return target_rows(kind, details)
    fields = {
        "Interface": details.interface.name,
        "Network Namespace": details.interface.netns or NONE,
        "Position": str(details.position),
        "Priority": str(details.priority),
    }
    if details.direction:
        fields["Side" if kind == "netkit" else "Direction"] = details.direction
    if isinstance(details, ChainDetails):
        fields["Proceed On"] = ", ".join(BY_FAMILY[kind].names_of(details.proceed_on)) or NONE
    return fields
