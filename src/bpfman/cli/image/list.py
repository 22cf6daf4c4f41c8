# SPDX-License-Identifier: Apache-2.0
"""`bpfman image list`: what is in the cache."""

from __future__ import annotations

from bpfman.cli.command import Command, Flag
from bpfman.cli.flags import OUTPUT
from bpfman.cli.image.common import images
from bpfman.cli.output import emit_json, emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.image import cached_json, cached_table

    with images(args) as store:
        entries = store.cached()
    if args.quiet:
        emit_lines(list(dict.fromkeys(entry.reference for entry in entries)))
    elif args.output == "json":
        emit_json({"images": [cached_json(entry) for entry in entries]})
    else:
        emit_lines(cached_table(entries))


COMMAND = Command(
    run,
    flags=[Flag("quiet", "q", about="Print names only, one a line."), OUTPUT],
    description="""\
Lists the images in the cache. The digest is that of the platform's own manifest, by its first digits; bpfman image \
remove and inspect take those. JSON has all of it.""",
    examples=[("All cached images", "bpfman image list")],
)
