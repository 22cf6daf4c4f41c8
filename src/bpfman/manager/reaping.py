# SPDX-License-Identifier: Apache-2.0
"""Dropping the records of programs that the kernel no longer has: after a reboot, or because their pins were removed by
hand.  Done by each load, so that an id that the kernel gives away again finds no record of another program."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.manager.work import Work


def reap(work: Work) -> None:
    """Drop them, and with them their links, pins and copies.  One whose hook cannot be changed now is left for the next
    time: that is no reason to refuse a load."""
    # What is pinned is there, and nobody else can have its id.  This is all that a load pays on a large host.
    pinned = {f"{work.layout.fs}/{name}" for name in work.kernel.pins_in(work.layout.fs)}
    suspects = [program_id for program_id, path in work.store.program_pins() if path not in pinned]
    dead = [record for record in map(work.store.program, suspects) if not work.is_alive(record)]
    if not dead:
        return
    from bpfman.manager import unloading
    from bpfman.manager.several import Several

    unloading.unload(work, unloading.dependants_first(dead), Several())
