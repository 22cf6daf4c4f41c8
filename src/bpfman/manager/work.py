# SPDX-License-Identifier: Apache-2.0
"""What a change works with: the kernel, the paths, the store, and the writer lock that says it may.

Made by the Manager for each change, passed to whatever plans one.
"""

from __future__ import annotations

from bpfman.manager.identity import is_alive
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpfman.bpf.kernel import Kernel
    from bpfman.bpf.link.link import Ending
    from bpfman.manager.plan import Step
    from bpfman.model.program import ProgramRecord
    from bpfman.store.database import Store
    from bpfman.store.layout import Layout
    from bpfman.store.lock import Lock


class Work(NamedTuple):
    """`run` carries a plan out (or raises Planned with it, in a dry run).  `endings` are links that the kernel has yet
    to let go of, which is waited for once others may change things again."""

    kernel: Kernel
    layout: Layout
    store: Store
    lock: Lock
    run: Callable[[Sequence[Step]], None]
    endings: list[Ending]

    def is_alive(self, record: ProgramRecord) -> bool:
        return is_alive(self.kernel, record)


def now() -> int:
    """Seconds since the epoch."""
    import time

    return int(time.time())
