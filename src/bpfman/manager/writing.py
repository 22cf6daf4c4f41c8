# SPDX-License-Identifier: Apache-2.0
"""What every change begins and ends with: the runtime directory, the lock, recovery; or none of it in a dry run.

Apart from the manager's other business, because reads pay for none of this.
"""

from __future__ import annotations

from contextlib import contextmanager

from bpfman.manager.plan import Planned, run
from bpfman.manager.work import Work
from bpfman.store.database import Store
from bpfman.store.layout import create
from bpfman.store.lock import Lock, WriterLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bpfman.bpf.kernel import Kernel
    from bpfman.bpf.link.link import Ending
    from bpfman.manager.plan import Step
    from bpfman.store.layout import Layout


@contextmanager
def writing(
    kernel: Kernel,
    layout: Layout,
    lock_timeout: float | None,
    warn: Callable[[str], None],
    done: Callable[[Step], None] | None,
    *,
    settle: bool = True,
) -> Iterator[Work]:
    """The lock, with whatever an earlier change left unfinished put right, and a place for pins (`settle`); without,
    nothing is changed yet."""
    create(layout)
    endings: list[Ending] = []
    try:
        with WriterLock(layout.lock, lock_timeout) as lock, Store.open(layout, write=True) as store:
            if settle:  # Two at once would each mount one, and the second would hide the pins in the first.
                kernel.mount_bpffs(layout.fs)
            work = Work(kernel, layout, store, lock, lambda steps: run(steps, done), endings)
            if settle and store.has_unfinished():
                from bpfman.manager import recovery

                recovery.recover(work, warn)
            yield work
    finally:
        for ending in endings:
            ending.wait()


@contextmanager
def planning(kernel: Kernel, layout: Layout) -> Iterator[Work]:
    """The same for a dry run: nothing is touched, and at the end Planned tells what would have been done."""
    planned: list[str] = []

    def note(steps: Sequence[Step]) -> None:
        planned.extend(step.what for step in steps)

    with Store.open(layout) as store:
        yield Work(kernel, layout, store, Lock(layout.lock), note, [])
    raise Planned(planned)
