# SPDX-License-Identifier: Apache-2.0
"""`bpfman doctor`: where records, pins and the kernel disagree, in words; with --repair, put right."""

from __future__ import annotations

from bpfman.cli.command import Command, Flag
from bpfman.cli.flags import DRY_RUN, OUTPUT
from bpfman.cli.output import emit_json, emit_lines
from bpfman.cli.session import manager
from bpfman.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bpfman.cli.command import Arguments
    from bpfman.manager.doctor.finding import Finding


def run(args: Arguments) -> None:
    node = manager(args)
    before = node.examine()
    after = node.repair() if (args.repair or args.dry_run) and before else before
    if args.output == "json":
        emit_json(
            {
                "findings": [_json(finding) for finding in before],
                "left": [_json(finding) for finding in after],
            }
        )
    else:
        emit_lines(list(_lines(before, after, repaired=args.repair)))
    if after:
        raise StoreError(f"{len(after)} disagreement(s) left", "" if args.repair else _hint(after))


def _hint(findings: Sequence[Finding]) -> str:
    repairable = sum(finding.repair is not None for finding in findings)
    if not repairable:
        return "a repair does not help here: see above"
    which = "them" if repairable == len(findings) else f"{repairable} of them"
    return f"`bpfman doctor --repair` puts {which} right"


def _lines(before: Sequence[Finding], after: Sequence[Finding], *, repaired: bool) -> Iterator[str]:
    if not before:
        yield "Records, pins and the kernel agree."
    left = {(finding.subject, finding.what) for finding in after}
    for finding in before:
        yield f"{finding.subject}: {finding.what}"
        if not repaired:
            yield f"  repair: {finding.remedy}"
        elif (told := (finding.subject, finding.what)) not in left:
            yield f"  repaired: {finding.remedy}"
        else:
            yield "  left: " + next(each.remedy for each in after if (each.subject, each.what) == told)


def _json(finding: Finding) -> dict[str, str | bool]:
    return {
        "subject": finding.subject,
        "what": finding.what,
        "remedy": finding.remedy,
        "repairable": finding.repair is not None,
    }


COMMAND = Command(
    run,
    flags=[Flag("repair", about="Put right what is found."), DRY_RUN, OUTPUT],
    description="""\
Compares what bpfman has recorded with its pins and with what the kernel runs, and tells each disagreement: a pin that \
somebody removed, a link that somebody detached, a hook that runs something else, a change that a crash cut short, \
what a restart of the machine left of records. The finished records are what a repair brings back: a chain is attached \
again. What cannot come back (a program that the kernel no longer has, a link of its own that ended) is forgotten, and \
pins that no record knows are removed; what others put into a hook stays.

Changes nothing without --repair, and only what is bpfman's with it; a repair can be made again, and be killed. The \
exit status is 0 when nothing is left, 1 while something is, or when it could not look.""",
    examples=[
        ("What is wrong?", "bpfman doctor"),
        ("What would a repair do?", "bpfman doctor --repair --dry-run"),
        ("Put it right", "bpfman doctor --repair"),
        ("For a monitor", "bpfman doctor -o json"),
    ],
)
