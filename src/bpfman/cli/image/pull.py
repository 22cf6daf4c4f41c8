# SPDX-License-Identifier: Apache-2.0
"""`bpfman image pull`: images into the cache."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag, UsageError
from bpfman.cli.flags import OUTPUT
from bpfman.cli.image.common import ALWAYS_ASK, REGISTRY_AUTH, images
from bpfman.cli.output import emit_json, emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.image import pulled_json, pulled_line

    names = [*(args.images or []), *args.image_url]
    if not names:
        raise UsageError("missing argument IMAGE")
    with images(args) as store:
        pulled = [store.pull(image, args.pull_policy) for image in names]
    if args.output == "json":
        emit_json({"images": [pulled_json(each) for each in pulled]})
    else:
        emit_lines([pulled_line(each) for each in pulled])


COMMAND = Command(
    run,
    arguments=[
        Argument(
            "images",
            "IMAGE",
            "Images, as REGISTRY/REPOSITORY:TAG or @DIGEST.",
            many=True,
            optional=True,
            complete="images",
        )
    ],
    flags=[
        ALWAYS_ASK,
        Flag(
            "registry-auth",
            "r",
            "BASE64",
            REGISTRY_AUTH.about,
            parse=REGISTRY_AUTH.parse,
            env=REGISTRY_AUTH.env,
        ),
        Flag(
            "image-url",
            "i",
            "IMAGE",
            "An image, as older versions want it named.",
            repeat=True,
            complete="images",
        ),
        OUTPUT,
    ],
    description="""\
Fetches the bytecode for this machine and keeps it, so that bpfman program load image needs no registry. GOARCH names \
another platform. Only what changed is fetched.

Signatures are verified by the rules of the machine, see bpfman image verify. \
Everything is checked against its digest, and the object is looked into before it is kept. An image in a file \
(oci:, oci-archive:, docker-archive:) is checked and not kept: it is at hand already.""",
    examples=[
        ("Fetch an image", "bpfman image pull quay.io/acme/meter:1.2"),
        (
            "Fetch what is missing",
            "bpfman image pull -p IfNotPresent quay.io/acme/meter:1.2 quay.io/acme/tap:3",
        ),
    ],
)
