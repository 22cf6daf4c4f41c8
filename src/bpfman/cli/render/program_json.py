# SPDX-License-Identifier: Apache-2.0
"""Programs as JSON objects (contract.md 2.1)."""

from __future__ import annotations

import binascii

from bpfman.cli.render import kernel_json
from bpfman.cli.render.link_json import link_json
from bpfman.cli.render.times import rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.model.program import Program, ProgramRecord


def program_json(program: Program) -> dict[str, object]:
    return {"record": record_json(program.record), "status": _status_json(program)}


def record_json(record: ProgramRecord) -> dict[str, object]:
    return {
        "program_id": record.program_id,
        "load": _load_json(record),
        "license": record.license,
        "gpl_compatible": record.gpl_compatible,
        "handles": {
            "pin_path": record.pin_path,
            "map_pin_path": record.map_pin_path,
            "map_owner_id": record.map_owner_id,
        },
        "meta": {
            "name": record.name,
            "owner": record.owner,
            "description": "",
            "metadata": dict(sorted(record.metadata.items())),
        },
        "created_at": rfc3339(record.created_at),
        "updated_at": None,
    }


def _load_json(record: ProgramRecord) -> dict[str, object]:
    return {
        "object_path": record.object_path,
        "source_path": record.source_path,
        "program_name": record.name,
        "program_type": record.type,
        "global_data": _base64(record.globals),
        "image_source": record.image._asdict() if record.image else None,
        "attach_func": record.attach_func,
        "map_owner_id": record.map_owner_id,
    }


def _base64(values: Mapping[str, bytes]) -> dict[str, str]:
    return {
        name: binascii.b2a_base64(value, newline=False).decode() for name, value in sorted(values.items())
    }


def _status_json(program: Program) -> dict[str, object]:
    record, status = program
    return {
        "kernel": kernel_json.program_json(status.kernel),
        "stats": _stats_json(program),
        "prog_pin": record.pin_path,
        "map_dir": record.map_pin_path,
        "bytecode": record.object_path,
        "links": [link_json(link) for link in status.links],
        "maps": [kernel_json.map_status_json(status) for status in status.maps],
        "map_used_by": list(status.map_used_by),
    }


def _stats_json(program: Program) -> dict[str, int] | None:
    """Null right after a load; afterwards always numbers, zeros where the kernel does not count."""
    kernel = program.status.kernel
    if not program.status.stats:
        return None
    return {
        "runtime": kernel.run_time if kernel else 0,
        "run_count": kernel.run_count if kernel else 0,
        "recursion_misses": kernel.recursion_misses if kernel else 0,
    }
