# SPDX-License-Identifier: Apache-2.0
"""What an image says of its bytecode, in the dialects that there have been.

Called with the labels of a configuration, by what inspects, caches and loads.  Labels are informative: nothing depends
on them but what is shown, so one that cannot be read is taken for none.  What holds is what the bytecode itself says
(capability/).
"""

from __future__ import annotations

from bpfman.errors import MalformedImage
from bpfman.images import documents
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAMS = "io.ebpf.programs"
MAPS = "io.ebpf.maps"
CAPABILITIES = "io.bpfman.capabilities"

# One program an image: bpfman 0.3 and 0.4, and bpfd before it, which named the section.
_OLD_FUNCTION = ("io.ebpf.bpf_function_name", "io.ebpf.section_name")
_OLD_TYPE = "io.ebpf.program_type"
_OLD_FILE = "io.ebpf.filename"


class Labels(NamedTuple):
    """Name -> type of programs and maps; `filename` is the object's in the layer, empty where it is not said."""

    programs: Mapping[str, str] = {}
    maps: Mapping[str, str] = {}
    filename: str = ""


def read_labels(labels: Mapping[str, str]) -> Labels:
    programs = _names(labels, PROGRAMS) or _old_program(labels)
    return Labels(programs, _names(labels, MAPS), labels.get(_OLD_FILE, ""))


def _names(labels: Mapping[str, str], key: str) -> Mapping[str, str]:
    if key not in labels:
        return {}
    try:
        found = documents.read_object(labels[key].encode("utf-8", "surrogatepass"), key)
        return {name: documents.text(found, name, key) for name in found}
    except MalformedImage:
        return {}


def _old_program(labels: Mapping[str, str]) -> Mapping[str, str]:
    name = next((labels[key] for key in _OLD_FUNCTION if labels.get(key)), "")
    return {name: labels.get(_OLD_TYPE, "")} if name else {}


def make_labels(programs: Mapping[str, str], maps: Mapping[str, str], capabilities: bytes) -> dict[str, str]:
    """The labels of an image that we build."""
    return {
        PROGRAMS: documents.dump(programs).decode(),
        MAPS: documents.dump(maps).decode(),
        CAPABILITIES: capabilities.decode(),
    }
