# SPDX-License-Identifier: Apache-2.0
"""Links of their own: does the kernel still have them, running their program, under their pin?"""

from __future__ import annotations

import os
from functools import partial

from bpfman.manager import detaching
from bpfman.manager.doctor.finding import Finding
from bpfman.manager.identity import link_of
from bpfman.model.link import ChainDetails
from bpfman.model.targets import KprobeAttach, PerfEventAttach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.manager.work import Work
    from bpfman.model.link import LinkRecord


def examine(work: Work) -> Iterator[Finding]:
    for link in work.store.links():
        program = work.store.program(link.program_id)
        if isinstance(link.details, ChainDetails) or not work.is_alive(program):
            continue  # told with the chain, or with the program, which a link holds
        subject = f"link {link.id} ({link.kind} of program {link.program_id})"
        found = link_of(work.kernel, link, program)
        if found is None:
            what = f"is recorded as attached, but kernel link {link.kernel_link_id} is gone: somebody detached it"
            yield Finding(subject, what, "drop its record", partial(_drop, work, link))
        elif found.detached:
            what = (
                f"is recorded as attached, but kernel link {link.kernel_link_id} hangs nowhere: somebody detached it "
                "by force, or what it was attached to is gone"
            )
            yield Finding(subject, what, "drop its record, and its pin", partial(_drop, work, link))
        elif not work.kernel.pin_exists(link.pin_path or ""):
            what = f"its pin {link.pin_path} is missing: it ends with whoever else holds it"
            yield Finding(subject, what, "pin it", partial(_pin, work, link))
        elif told := _parts_missing(work, link):
            yield Finding(subject, told, "none: detach it and attach it again to have all")
    yield from _of_unloaded_modules(work)


def _parts_missing(work: Work, link: LinkRecord) -> str:
    """A sampler of all processes has a link for each CPU, side by side in a directory."""
    if not isinstance(link.details, PerfEventAttach) or link.details.pid:
        return ""
    there, cpus = len(work.kernel.pins_in(link.pin_path or "")), os.cpu_count() or 1
    if not 0 < there < cpus:
        return ""
    return f"samples {there} of {cpus} CPUs: somebody removed a pin in {link.pin_path}, or a CPU came later"


def _of_unloaded_modules(work: Work) -> Iterator[Finding]:
    """A kprobe on a function of a module does not keep the module, nor come to life with it again."""
    probes = [link for link in work.store.links() if isinstance(link.details, KprobeAttach)]
    missing = work.kernel.missing_functions([_function(link) for link in probes]) if probes else ()
    for link in probes:
        if _function(link) in missing:
            yield Finding(
                f"link {link.id} ({link.kind} of program {link.program_id})",
                f"its function {_function(link)} went with its module, which was unloaded: it never runs again",
                "none: load the module, detach the link and attach the program again",
            )


def _function(link: LinkRecord) -> str:
    return str(getattr(link.details, "fn_name", ""))


def _drop(work: Work, link: LinkRecord) -> None:
    if work.store.find_link(link.id) is not None:
        detaching.detach_together(work, [link])


def _pin(work: Work, link: LinkRecord) -> None:
    with work.kernel.open_link(link.kernel_link_id or 0) as opened:
        work.kernel.pin(opened.fd, link.pin_path or "")
