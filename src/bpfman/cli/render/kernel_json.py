# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of programs, maps and links, as JSON objects (contract.md 2.2)."""

from __future__ import annotations

from bpfman.cli.render.times import rfc3339
from bpfman.model.kernel import link_type_name, map_type_name, program_type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kernel import KernelLink, KernelMap, KernelProgram
    from bpfman.model.map import MapStatus


def program_json(kernel: KernelProgram | None) -> dict[str, object] | None:
    if kernel is None:
        return None
    return {
        "id": kernel.id,
        "name": kernel.name,
        "program_type": program_type_name(kernel.type),
        "tag": kernel.tag,
        "loaded_at": rfc3339(kernel.loaded_at),
        "uid": kernel.uid,
        "has_uid": True,
        "btf_id": kernel.btf_id,
        "has_btf_id": kernel.btf_id > 0,
        "map_ids": list(kernel.map_ids),
        "has_map_ids": True,
        "jited_size": kernel.jited_size,
        "xlated_size": kernel.xlated_size,
        "verified_insns": kernel.verified_insns,
        "memlock": kernel.memlock,
        "has_memlock": kernel.memlock > 0,
        "restricted": kernel.restricted,
    }


def map_json(kernel: KernelMap) -> dict[str, object]:
    return {
        "id": kernel.id,
        "name": kernel.name,
        "map_type": map_type_name(kernel.type),
        "key_size": kernel.key_size,
        "value_size": kernel.value_size,
        "max_entries": kernel.max_entries,
        "flags": kernel.flags,
        "btf_id": kernel.btf_id,
        "has_btf_id": kernel.btf_id > 0,
        "map_extra": kernel.map_extra,
        "has_map_extra": kernel.map_extra != 0,
        "memlock": kernel.memlock,
        "has_memlock": kernel.memlock > 0,
        "frozen": kernel.frozen,
    }


def map_status_json(status: MapStatus) -> dict[str, object]:
    return {**map_json(status.kernel), "pin_path": status.pin_path, "present": status.present}


def link_json(kernel: KernelLink | None) -> dict[str, object] | None:
    if kernel is None:
        return None
    fields: dict[str, object] = kernel._asdict()
    del fields["type"], fields["attach_type"]
    head = {key: fields.pop(key) for key in ("id", "program_id")}
    return {
        **head,
        "link_type": link_type_name(kernel.type),
        "attach_type": str(kernel.attach_type),
        **fields,
    }
