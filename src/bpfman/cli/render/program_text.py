# SPDX-License-Identifier: Apache-2.0
"""One program as text (contract.md 3.1)."""

from __future__ import annotations

from bpfman.cli.render.attachment import attachment_summary
from bpfman.cli.render.layout import NONE, Tree, joined
from bpfman.cli.render.times import rfc3339
from bpfman.model.kernel import map_type_name, program_type_name
from bpfman.store.durations import format_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.model.kernel import KernelProgram
    from bpfman.model.link import Link
    from bpfman.model.map import MapStatus
    from bpfman.model.program import Program, ProgramRecord

_NOT_COUNTED = "(not enabled, see sysctl kernel.bpf_stats_enabled)"


def program_lines(program: Program) -> list[str]:
    sections: dict[str, Tree | str] = {
        "Spec": Tree(_spec(program.record)),
        "Status": _status(program),
        "Stats": _stats(program.status.kernel) if program.status.stats else _NOT_COUNTED,
    }
    return [f"Program ID: {program.record.program_id}", *Tree({}, sections).lines(1)]


def _spec(record: ProgramRecord) -> dict[str, str]:
    fields = {
        "GPL Compatible": str(record.gpl_compatible).lower(),
        "Global": joined({name: value.hex() for name, value in record.globals.items()}),
        "License": record.license or NONE,
        "Map Owner ID": str(record.map_owner_id or NONE),
        "Map Pin Path": record.map_pin_path,
        "Metadata": joined(record.metadata),
        "Name": record.name,
        "Type": record.type,
    }
    if record.image:
        return fields | {"Image URL": record.image.url, "Pull Policy": record.image.pull_policy}
    return fields | {"Path": record.source_path or NONE}


def _status(program: Program) -> Tree:
    record, status = program
    fields = {
        "Bytecode": _path(record.object_path, status.bytecode_present),
        "Map Dir": record.map_pin_path,
        "Maps Used By": " ".join(map(str, status.map_used_by)) or NONE,
        "Prog Pin": _path(record.pin_path, status.prog_pin_present),
    }
    fields |= _kernel(status.kernel) if status.kernel else {"Kernel": "(no kernel info available)"}
    return Tree(fields, {"Links": _links(status.links), "Maps": _maps(status.maps, with_pins=status.stats)})


def _kernel(kernel: KernelProgram) -> dict[str, str]:
    return {
        "BTF ID": str(kernel.btf_id or NONE),
        "Instructions": str(kernel.verified_insns),
        "Kernel Type": program_type_name(kernel.type),
        "Loaded At": rfc3339(kernel.loaded_at),
        "Memory": f"{kernel.memlock} bytes",
        "Size JITted": f"{kernel.jited_size} bytes",
        "Size Translated": "(restricted)" if kernel.restricted else f"{kernel.xlated_size} bytes",
        "Tag": kernel.tag,
    }


def _stats(kernel: KernelProgram | None) -> Tree | str:
    if kernel is None:
        return "(no kernel info available)"
    fields = {"Run Count": str(kernel.run_count), "Runtime": format_duration(kernel.run_time / 10**9)}
    if kernel.recursion_misses:
        fields["Recursion Misses"] = str(kernel.recursion_misses)
    return Tree(fields)


def _links(links: Sequence[Link]) -> Tree | str:
    return Tree({}, {str(link.record.id): _link(link) for link in links}) if links else NONE


def _link(link: Link) -> Tree:
    return Tree(
        {
            "Attach": attachment_summary(link.record),
            "Kind": link.record.kind,
            "Pin": _path(link.record.pin_path, link.status.pin_present),
        }
    )


def _maps(maps: Sequence[MapStatus], *, with_pins: bool) -> Tree | str:
    return Tree({}, {str(each.kernel.id): _map(each, with_pins=with_pins) for each in maps}) if maps else NONE


def _map(status: MapStatus, *, with_pins: bool) -> Tree:
    """A load's answer does not say where maps are pinned, and what is not known is not shown as None."""
    kernel = status.kernel
    fields = {
        "Key Size": f"{kernel.key_size}B",
        "Max Entries": str(kernel.max_entries),
        "Name": kernel.name,
        "Type": map_type_name(kernel.type),
        "Value Size": f"{kernel.value_size}B",
    }
    if with_pins:
        fields["Pin"] = _path(status.pin_path, status.present)
    return Tree(fields)


def _path(path: str | None, present: bool) -> str:
    if not path:
        return NONE
    return path if present else f"{path} (missing)"
