# SPDX-License-Identifier: Apache-2.0
"""The whole examination, and the repair of what it finds."""

from __future__ import annotations

from functools import partial

from bpfman.errors import BpfmanError, Interrupted
from bpfman.manager.doctor import chains, leftovers, links, programs, strays
from bpfman.manager.doctor.finding import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.manager.work import Work


_LOST = (
    "none: unload what can be unloaded, move {folder} away (to {folder}.damaged), then `bpfman doctor` tells what "
    "is left"
)


def examine(work: Work) -> list[Finding]:
    """Everything that disagrees, most important first."""
    folder = work.layout.database_dir
    damage = [
        Finding(f"database {work.layout.database}", f"is damaged: {problem}", _LOST.format(folder=folder))
        for problem in work.store.damage()
    ]
    return [
        *damage,
        *_bpffs(work),
        *leftovers.unfinished(work),
        *programs.examine(work),
        *chains.examine(work),
        *links.examine(work),
        *strays.examine(work),
        *leftovers.staging(work),
    ]


def _bpffs(work: Work) -> Iterator[Finding]:
    """Told first, as it explains the rest; no news where nothing was ever loaded."""
    fs = work.layout.fs
    if work.store.programs() and not work.kernel.has_bpffs(fs):
        what = (
            "no BPF file system is mounted there: the machine was restarted, or somebody unmounted it, and what only "
            "its pins held is gone"
        )
        yield Finding(f"directory {fs}", what, "mount one", partial(work.kernel.mount_bpffs, fs))


def repair(work: Work) -> list[Finding]:
    """Apply each remedy; what is left afterwards, with why its repair failed.  One repair may bring up something that
    could not be seen before it, so this goes on as long as it helps."""
    failures: dict[str, str] = {}
    found = examine(work)
    while True:
        for finding in found:
            if finding.repair is not None:
                try:
                    finding.repair()
                except Interrupted:
                    raise
                except BpfmanError as error:
                    failures[finding.subject] = f"could not be repaired: {error}"
        left = examine(work)
        if not left or _told(left) == _told(found):
            return [each._replace(remedy=failures.get(each.subject, each.remedy)) for each in left]
        found = left


def _told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.subject, finding.what) for finding in findings]
