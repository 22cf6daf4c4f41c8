# SPDX-License-Identifier: Apache-2.0
"""`bpfman image prune`: makes room in the cache."""

from __future__ import annotations

from bpfman.cli.command import Command, Flag
from bpfman.cli.flags import OUTPUT
from bpfman.cli.image.common import images, size
from bpfman.cli.output import emit_json, emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    with images(args) as store:
        limit = 0 if args.all else args.max_size
        pruned = store.cache.prune(unused_for=args.older_than, max_size=limit)
    names = [entry.reference for entry in pruned.entries]
    if args.output == "json":
        emit_json({"removed": names, "freed": pruned.freed})
    else:
        emit_lines([*(f"removed: {name}" for name in names), f"freed: {pruned.freed} bytes"])


def _duration(text: str) -> float:
    from bpfman.store.durations import parse_duration

    return parse_duration(text)


COMMAND = Command(
    run,
    flags=[
        Flag(
            "older-than",
            metavar="DURATION",
            about="Remove images not used for that long, such as 720h.",
            parse=_duration,
        ),
        Flag(
            "max-size",
            metavar="SIZE",
            about="Then remove the longest unused until the rest fits.",
            parse=size,
        ),
        Flag("all", "a", about="Remove all images."),
        OUTPUT,
    ],
    description="""\
Removes what no image in the cache needs, and the images that the flags name. The cache is kept below 1 GiB without \
this command, too; programs that were loaded from an image go on.""",
    examples=[
        ("Remove what was not used for a month", "bpfman image prune --older-than 720h"),
        ("Keep the most recent 100 MiB", "bpfman image prune --max-size 100MiB"),
    ],
)
