# SPDX-License-Identifier: Apache-2.0
"""`bpfman audit log`: what was decided about images, by whom and why."""

from __future__ import annotations

from bpfman.cli.audit.when import point
from bpfman.cli.command import Command, Flag
from bpfman.cli.flags import OUTPUT
from bpfman.cli.output import emit_json, emit_json_line, emit_lines
from bpfman.model.audit import VERDICTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.cli.command import Arguments
    from bpfman.model.audit import AuditEvent


def run(args: Arguments) -> None:
    from bpfman.cli.render.audit import event_lines, headings
    from bpfman.manager.configuration import CONFIG_PATH
    from bpfman.manager.trail import Filter, Trail
    from bpfman.store.layout import Layout

    trail = Trail(Layout(args.runtime_dir), args.config or CONFIG_PATH)
    wanted = Filter(args.since, args.until, tuple(args.verdict), args.image or "")
    events = trail.events(wanted, follow=args.follow)
    if args.follow:
        _follow(events, args.output)
    elif args.output == "json":
        emit_json({"events": [event.as_json() for event in events]})
    elif lines := [line for event in events for line in event_lines(event)]:
        emit_lines([headings(), *lines])
    if trail.damaged:
        from bpfman.cli.failure import complain

        complain(f"bpfman: warning: {trail.damaged} damaged lines of the audit trail were left out")


def _follow(events: Iterator[AuditEvent], output: str) -> None:
    from bpfman.cli.render.audit import event_lines, headings

    try:
        if output == "text":
            emit_lines([headings()])
        for event in events:
            if output == "json":
                emit_json_line(event.as_json())
            else:
                emit_lines(event_lines(event))
    except KeyboardInterrupt:
        return  # the way to end it


COMMAND = Command(
    run,
    flags=[
        Flag(
            "since",
            metavar="TIME",
            about="Only what was decided at that time or later: 2026-03-04, 2026-03-04T05:06, or 90m, 12h, 7d ago.",
            parse=point,
        ),
        Flag("until", metavar="TIME", about="Only what was decided before that time.", parse=point),
        Flag(
            "verdict",
            metavar="VERDICT",
            about="Only these decisions; may be repeated.",
            choices=VERDICTS,
            repeat=True,
        ),
        Flag("image", metavar="TEXT", about="Only images with this in their name or digest."),
        Flag("follow", "f", about="Go on with what is decided from now on, until interrupted."),
        OUTPUT,
    ],
    description="""\
Prints what was decided about images, the oldest first: which were let in, by which rule, which were refused and why, \
who asked and with which command. Times are in UTC.

The trail is kept beside the database, below the runtime directory, which is gone after a restart of the machine; \
[audit] directory in the configuration file names a lasting place.""",
    examples=[
        ("What was refused today", "bpfman audit log --since 24h --verdict refused"),
        ("All about one image, as JSON", "bpfman audit log --image quay.io/acme/meter -o json"),
        ("As it happens", "bpfman audit log --follow"),
    ],
)
