# SPDX-License-Identifier: Apache-2.0
"""Programs: what was asked (spec), what we stored (record), what the kernel says (status)."""

from __future__ import annotations

from bpfman.model.kernel import KernelProgram
from bpfman.model.link import Link, LinkRecord
from bpfman.model.map import MapStatus
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION = "bpfman.io/application"  # the metadata key that groups programs


class ImageSource(NamedTuple):
    """Where an image-backed program came from; `url` as typed, `digest` of the platform's manifest."""

    url: str
    digest: str
    pull_policy: str  # Always, IfNotPresent, Never


class ProgramSpec(NamedTuple):
    """One program to load: `TYPE:NAME[:ATTACH_FUNC]`."""

    type: str
    name: str
    attach_func: str | None = None


class LoadSpec(NamedTuple):
    """One load: programs of one object, all or none.  `globals` are raw bytes in the machine's byte order."""

    programs: tuple[ProgramSpec, ...]
    source_path: str | None = None  # as typed; None for images
    image: ImageSource | None = None
    globals: Mapping[str, bytes] = {}
    metadata: Mapping[str, str] = {}
    map_owner_id: int | None = None
    owner: str = ""  # "bpfman" when the daemon loads


class ProgramRecord(NamedTuple):
    """What the store keeps of a loaded program.

    `tag` and `load_time` say which program the id meant; an id in the kernel with others is somebody else's.
    `map_set_id` is the id of the program whose directory under maps/ holds the pins."""

    program_id: int
    type: str
    name: str
    attach_func: str | None
    object_path: str
    source_path: str | None
    image: ImageSource | None
    globals: Mapping[str, bytes]
    metadata: Mapping[str, str]
    license: str
    gpl_compatible: bool
    map_owner_id: int | None
    pin_path: str
    map_pin_path: str
    owner: str
    created_at: int  # seconds since the epoch
    tag: str
    load_time: int  # ns since boot, the kernel's
    frags: bool  # an XDP program loaded with BPF_F_XDP_HAS_FRAGS

    def means(self, found: KernelProgram | None) -> bool:
        """Whether what the kernel has under the id is the very program, not another that got the id later."""
        return found is not None and (found.tag, found.load_time) == (self.tag, self.load_time)

    @property
    def map_set_id(self) -> int:
        return self.map_owner_id if self.map_owner_id is not None else self.program_id

    @property
    def application(self) -> str:
        return self.metadata.get(APPLICATION, "")


class ProgramStatus(NamedTuple):
    """What was seen of a program.  `kernel` is None when the kernel no longer has it; `stats` is False where run
    statistics were not asked for (right after a load)."""

    kernel: KernelProgram | None
    links: tuple[Link, ...]
    maps: tuple[MapStatus, ...]
    map_used_by: tuple[int, ...]
    prog_pin_present: bool
    bytecode_present: bool
    stats: bool = True


class Program(NamedTuple):
    record: ProgramRecord
    status: ProgramStatus


class ProgramEntry(NamedTuple):
    """One row of `program list`.  `record` is None for programs that bpfman does not manage."""

    program_id: int
    record: ProgramRecord | None
    kernel: KernelProgram | None
    links: tuple[LinkRecord, ...]
