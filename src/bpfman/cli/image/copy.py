# SPDX-License-Identifier: Apache-2.0
"""`bpfman image copy`: an image from anywhere to anywhere, unchanged."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag
from bpfman.cli.flags import OUTPUT
from bpfman.cli.image.common import REGISTRY_AUTH, images
from bpfman.cli.output import emit, emit_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


_AUTH = "Credentials for the {}'s registry, as base64 of USER:PASSWORD; otherwise those of podman and docker."


def run(args: Arguments) -> None:
    with images(args, args.source_auth) as store:
        copied = store.copy(
            args.source, args.target, referrers=not args.no_referrers, target_credentials=args.target_auth
        )
    if args.output == "json":
        emit_json({"digest": copied.digest, "manifests": copied.manifests, "referrers": copied.referrers})
    else:
        emit(f"copied: {args.target} {copied.digest}\n")


COMMAND = Command(
    run,
    arguments=[
        Argument("source", "SOURCE", "The image to copy."),
        Argument("target", "TARGET", "Where to, under which name."),
    ],
    flags=[
        Flag("no-referrers", about="Leave signatures, SBOMs and whatever else refers to the image behind."),
        Flag("source-auth", metavar="BASE64", about=_AUTH.format("source"), parse=REGISTRY_AUTH.parse),
        Flag("target-auth", metavar="BASE64", about=_AUTH.format("target"), parse=REGISTRY_AUTH.parse),
        OUTPUT,
    ],
    description="""\
Copies an image with all its platforms and with the signatures, SBOMs and other artifacts that refer to it. Its digest \
stays the same, so signatures stay good.

Both ends may be a registry's REPOSITORY:TAG, oci:DIRECTORY[:TAG] or oci-archive:FILE[:TAG]; docker-archive:FILE can \
be read.""",
    examples=[
        (
            "Into a file, for a machine without a network",
            "bpfman image copy quay.io/acme/meter:1.2 oci-archive:meter.tar:1.2",
        ),
        (
            "Into a registry of one's own",
            "bpfman image copy quay.io/acme/meter:1.2 registry.example.net/meter:1.2",
        ),
    ],
    needs_root=False,
)
