# SPDX-License-Identifier: Apache-2.0
"""The target of a link of its own, as rows of the link's detail (contract.md 3.3)."""

from __future__ import annotations

from bpfman.model.targets import TracepointAttach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.targets import Target

_LABELS = {
    "fn_name": "Target Function",
    "hook_name": "LSM Hook",
    "offset": "Target Offset",
    "pid": "PID",
    "container_pid": "Container PID",
    "map_id": "Map ID",
}


def target_rows(kind: str, target: Target) -> dict[str, str]:
    """One row a field that says something: no zeroes, and no empty text."""
    if isinstance(target, TracepointAttach):
        return {"Tracepoint": str(target)}
    rows = {
        _label(name): str(value) for name, value in target._asdict().items() if value and value is not True
    }
    if "retprobe" in target._fields:
        rows["Attach Type"] = kind
    return rows


def _label(field: str) -> str:
    return _LABELS.get(field) or field.replace("_", " ").title()
