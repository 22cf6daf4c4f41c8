# SPDX-License-Identifier: Apache-2.0
"""Maps as bpfman shows them: what the kernel says, and where ours are pinned."""

from __future__ import annotations

from bpfman.model.kernel import KernelMap
from bpfman.model.value import NamedTuple


class MapStatus(NamedTuple):
    """One map of a program.  `pin_path` is empty for internal maps (.rodata, .data, .bss) and right after a load."""

    kernel: KernelMap
    pin_path: str
    present: bool


class ManagedMap(NamedTuple):
    """One map of a map set, for `map list`.  `name` is the full name in the object, `programs` use it."""

    name: str
    pin_path: str
    programs: tuple[int, ...]
    kernel: KernelMap | None
