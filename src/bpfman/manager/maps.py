# SPDX-License-Identifier: Apache-2.0
"""Finding the map that a person means."""

from __future__ import annotations

from bpfman.errors import InvalidRequest, MapNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.bpf.kernel import Kernel
    from bpfman.bpf.map import Map
    from bpfman.model.map import ManagedMap


def open_map(
    kernel: Kernel, managed: Callable[[str, int | None], list[ManagedMap]], which: str, program_id: int | None
) -> Map:
    """By pin path (with a slash), by id (a number), or by the name it has in its object.  MapNotFound, or
    InvalidRequest where several programs have a map of that name."""
    if "/" in which:
        found = kernel.open_pinned_map(which)
        if found is None:
            raise MapNotFound(f"nothing is pinned at {which}", "`bpfman map list` shows the pins of maps")
        return found
    if which.isdecimal():
        return kernel.open_map(int(which))
    named = managed(which, program_id)
    if not named:
        there = ", ".join(sorted({each.name for each in managed("", None)})) or "none"
        of = f" of program {program_id}" if program_id is not None else ""
        raise MapNotFound(f'map "{which}"{of} does not exist', f"maps there are: {there}")
    # One map may be pinned in several programs' directories.
    if len({each.kernel.id for each in named if each.kernel is not None}) > 1:
        programs = ", ".join(str(program) for each in named for program in each.programs)
        raise InvalidRequest(
            f'several programs have a map "{which}": {programs}', "say which one: --program ID"
        )
    found = kernel.open_pinned_map(named[0].pin_path)
    if found is None:
        raise MapNotFound(f"the pin {named[0].pin_path} is gone", "unload the program and load it again")
    return found
