# SPDX-License-Identifier: Apache-2.0
"""Links of their own: does the kernel still have them, running their program, under their pin?"""

from __future__ import annotations

from functools import partial

from bpfman.manager import detaching
from bpfman.manager.doctor.finding import Finding
from bpfman.model.link import ChainDetails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.manager.work import Work
    from bpfman.model.link import LinkRecord


def examine(work: Work) -> Iterator[Finding]:
    for link in work.store.links():
        if isinstance(link.details, ChainDetails):
            continue
        subject = f"link {link.id} ({link.kind} of program {link.program_id})"
        found = work.kernel.link(link.kernel_link_id or 0)
        if found is None or found.program_id != link.program_id:
            what = f"is recorded as attached, but kernel link {link.kernel_link_id} is gone: somebody detached it"
            yield Finding(subject, what, "drop its record", partial(_drop, work, link))
        elif not work.kernel.pin_exists(link.pin_path or ""):
            what = f"its pin {link.pin_path} is missing: it ends with whoever else holds it"
            yield Finding(subject, what, "pin it", partial(_pin, work, link))


def _drop(work: Work, link: LinkRecord) -> None:
    if work.store.find_link(link.id) is not None:
        detaching.detach(work, [link])


def _pin(work: Work, link: LinkRecord) -> None:
    with work.kernel.open_link(link.kernel_link_id or 0) as opened:
        work.kernel.pin(opened.fd, link.pin_path or "")
