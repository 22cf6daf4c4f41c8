# SPDX-License-Identifier: Apache-2.0
"""Dropping the records of programs that the kernel no longer has: after a reboot, or because their pins were removed by
hand.  Done by each load, so that an id that the kernel gives away again finds no record of another program."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.manager.work import Work


def reap(work: Work) -> None:
    """Drop them, and with them their links, pins and copies."""
    dead = [record for record in work.store.programs() if not work.is_alive(record)]
    if not dead:
        return
    from bpfman.manager import detaching, unloading

    ids = {record.program_id for record in dead}
    detaching.detach(work, [link for link in work.store.links() if link.program_id in ids])
    for record in sorted(dead, key=lambda record: record.map_owner_id is None):
        work.run(unloading.steps(work, record))
