# SPDX-License-Identifier: Apache-2.0
"""The capability manifest: what an object's programs may do, as a document.

Made by `capabilities_of` from code, written as JSON into what is built and shown, and asked by whoever decides what may
be loaded.  The format is published in docs/capabilities.md; `version` grows with each change that a reader must
know of.
"""

from __future__ import annotations

from bpfman.images import documents
from bpfman.images.capability.effects import abilities_of
from bpfman.images.capability.flow import Budget
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from bpfman.images.bytecode import Bytecode, Map

VERSION = 1


class ProgramCapabilities(NamedTuple):
    """One program; `verdicts` are all that it can return, None where that cannot be told."""

    name: str
    type: str
    section: str
    helpers: tuple[str, ...]
    kernel_functions: tuple[str, ...]
    verdicts: tuple[str, ...] | None
    effects: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "section": self.section,
            "helpers": list(self.helpers),
            "kfuncs": list(self.kernel_functions),
            "verdicts": None if self.verdicts is None else list(self.verdicts),
            "effects": list(self.effects),
        }


class CapabilityManifest(NamedTuple):
    """One object."""

    license: str
    gpl_compatible: bool
    byteorder: str
    programs: tuple[ProgramCapabilities, ...]
    maps: tuple[Map, ...]

    @property
    def effects(self) -> tuple[str, ...]:
        """What any of its programs may do."""
        return tuple(sorted({effect for program in self.programs for effect in program.effects}))

    def as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "license": self.license,
            "gpl_compatible": self.gpl_compatible,
            "byteorder": self.byteorder,
            "effects": list(self.effects),
            "programs": [program.as_json() for program in self.programs],
            "maps": [_map_json(each) for each in self.maps],
        }

    def dump(self) -> bytes:
        """As an image carries it: the same bytes for the same bytecode."""
        return documents.dump(self.as_json())


def capabilities_of(bytecode: Bytecode) -> CapabilityManifest:
    labels, budget = bytecode.program_labels, Budget()
    programs = (
        ProgramCapabilities(each.name, labels[each.name], each.section, *abilities_of(bytecode, each, budget))
        for each in bytecode.programs
    )
    return CapabilityManifest(
        bytecode.license, bytecode.gpl_compatible, bytecode.byteorder, tuple(programs), bytecode.maps
    )


def _map_json(each: Map) -> dict[str, Any]:
    return {
        "name": each.name,
        "type": each.type_name,
        "key_size": each.key_size,
        "value_size": each.value_size,
        "max_entries": each.max_entries,
        "shared": each.shared,
    }
