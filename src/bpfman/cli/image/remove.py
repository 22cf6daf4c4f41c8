# SPDX-License-Identifier: Apache-2.0
"""`bpfman image remove`: images out of the cache."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command
from bpfman.cli.flags import IGNORE_MISSING
from bpfman.cli.image.common import images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.errors import BpfmanError, NotCached, PartialFailure

    failures: list[tuple[str, BpfmanError]] = []
    with images(args) as store:
        for image in args.images:
            try:
                store.remove(image)
            except NotCached as error:
                if not args.ignore_missing:
                    failures.append((f"image {image}", error))
    if len(failures) == 1 and len(args.images) == 1:
        raise failures[0][1]
    if failures:
        raise PartialFailure(f"{len(failures)} of {len(args.images)} image(s) failed to be removed", failures)


COMMAND = Command(
    run,
    arguments=[
        Argument(
            "images",
            "IMAGE",
            "Images by name, by digest, or by the first 12 digits of one.",
            many=True,
            complete="images",
        )
    ],
    flags=[IGNORE_MISSING],
    description="""\
Removes images from the cache, and the bytes that no other image there needs. A digest removes an image under all its \
names. Programs that were loaded from it go on.""",
    examples=[("Remove an image", "bpfman image remove quay.io/acme/meter:1.2")],
)
