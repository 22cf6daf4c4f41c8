# SPDX-License-Identifier: Apache-2.0
"""`bpfman image inspect`: what an image is, says of itself, and can do."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag
from bpfman.cli.image.common import PULL_POLICY, REGISTRY_AUTH, images
from bpfman.cli.output import emit_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.image import inspection_json

    with images(args) as store:
        reference, inspection = store.inspect(args.image, args.pull_policy)
    emit_json(inspection_json(reference, inspection))


COMMAND = Command(
    run,
    arguments=[
        Argument("image", "IMAGE", "The image, as REGISTRY/REPOSITORY:TAG or @DIGEST.", complete="images")
    ],
    flags=[
        PULL_POLICY,
        REGISTRY_AUTH,
        Flag(
            "output",
            "o",
            "FORMAT",
            "How to print the result: json, the only form.",
            choices=("json",),
            default="json",
        ),
    ],
    description="""\
Prints an image's digest, layers, labels and annotations as JSON, for an index those of each platform. Programs and \
maps are what the image's labels say. Capabilities are what bpfman finds in the bytecode itself: helpers, verdicts, \
and effects such as drop-packets or write-user-memory (docs/capabilities.md).

An image in the cache is read from there, without a network: what its tag led to when it was pulled (source, \
pulled_at). Of an index's other platforms it then tells no more than the index does. --pull-policy Always asks the \
registry. A cached image is also known by its digest, or the beginning of that, as image list shows it.

Nothing is loaded, cached or trusted.""",
    examples=[
        ("Look at an image", "bpfman image inspect quay.io/acme/meter:1.2"),
        ("What does its tag lead to by now?", "bpfman image inspect -p Always quay.io/acme/meter:1.2"),
        (
            "What can it do?",
            "bpfman image inspect quay.io/acme/meter:1.2 | jq '.. | .effects? // empty'",
        ),
    ],
    needs_root=False,
)
