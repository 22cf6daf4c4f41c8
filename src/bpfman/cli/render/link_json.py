# SPDX-License-Identifier: Apache-2.0
"""Links as JSON objects (contract.md 2.4)."""

from __future__ import annotations

from bpfman.cli.render import kernel_json
from bpfman.cli.render.times import rfc3339
from bpfman.model.link import ChainDetails, TcxDetails
from bpfman.model.verdicts import BY_FAMILY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.model.link import Link, LinkDetails, LinkRecord


def link_json(link: Link) -> dict[str, object]:
    return {"record": record_json(link.record), "status": _status_json(link)}


def record_json(record: LinkRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "program_id": record.program_id,
        "kernel_link_id": record.kernel_link_id,
        "kind": record.kind,
        "pin_path": record.pin_path,
        "details": details_json(record.kind, record.details),
        "created_at": rfc3339(record.created_at),
        "metadata": metadata_json(record.metadata),
    }


def metadata_json(metadata: Mapping[str, str] | None) -> dict[str, str] | None:
    """Sorted by key; null when none was given."""
    return None if metadata is None else dict(sorted(metadata.items()))


def _status_json(link: Link) -> dict[str, object]:
    return {
        "kernel": kernel_json.link_json(link.status.kernel),
        "kernel_seen": link.status.kernel_seen,
        "pin_present": link.status.pin_present,
    }


def details_json(kind: str, details: LinkDetails) -> dict[str, object]:
    """The keys that the kind has, no others."""
    if isinstance(details, ChainDetails):
        return _chain_json(kind, details)
    if isinstance(details, TcxDetails):
        return _tcx_json(kind, details)
    return details._asdict()


def _chain_json(kind: str, details: ChainDetails) -> dict[str, object]:
    interface = details.interface
    fields: dict[str, object] = {"interface": interface.name, "ifindex": interface.ifindex}
    if details.direction:
        fields["direction"] = details.direction
    return fields | {
        "priority": details.priority,
        "position": details.position,
        "proceed_on": list(BY_FAMILY[kind].codes_of(details.proceed_on)),
        "netns": interface.netns,
        "nsid": interface.nsid,
        "dispatcher_id": details.chain_program_id,
        "revision": details.revision,
    }


def _tcx_json(kind: str, details: TcxDetails) -> dict[str, object]:
    interface = details.interface
    return {
        "interface": interface.name,
        "ifindex": interface.ifindex,
        "side" if kind == "netkit" else "direction": details.direction,
        "priority": details.priority,
        "position": details.position,
        "netns": interface.netns,
        "nsid": interface.nsid,
    }
