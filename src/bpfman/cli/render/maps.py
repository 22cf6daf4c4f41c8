# SPDX-License-Identifier: Apache-2.0
"""`map list` as a table and as JSON."""

from __future__ import annotations

from bpfman.cli.render.kernel_json import map_json
from bpfman.cli.render.layout import NO_CELL, table
from bpfman.model.kernel import map_type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.model.kernel import KernelMap
    from bpfman.model.map import ManagedMap


def map_table(maps: Sequence[ManagedMap]) -> list[str]:
    headers = ("MAP ID", "NAME", "TYPE", "KEY", "VALUE", "MAX ENTRIES", "PROGRAM IDS", "PIN PATH")
    return table(headers, [_row(found) for found in maps])


def _row(found: ManagedMap) -> list[str]:
    programs = " ".join(map(str, found.programs))
    map_id, *sizes = _kernel_cells(found.kernel)
    return [map_id, found.name, *sizes, programs or NO_CELL, found.pin_path or NO_CELL]


def _kernel_cells(kernel: KernelMap | None) -> list[str]:
    """Id, type, sizes and room; a map that is gone from the kernel has none."""
    if kernel is None:
        return [NO_CELL] * 5
    sizes = (f"{kernel.key_size}B", f"{kernel.value_size}B", str(kernel.max_entries))
    return [str(kernel.id), map_type_name(kernel.type), *sizes]


def managed_map_json(found: ManagedMap) -> dict[str, object]:
    return {
        "name": found.name,
        "pin_path": found.pin_path,
        "programs": list(found.programs),
        "kernel": map_json(found.kernel) if found.kernel else None,
    }
