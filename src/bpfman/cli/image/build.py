# SPDX-License-Identifier: Apache-2.0
"""`bpfman image build`: object files into an image, published."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag
from bpfman.cli.image.common import BYTECODE, PROJECT, REGISTRY_AUTH, images, key_value
from bpfman.cli.output import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments

_KEYS = {"source": "source", "revision": "revision", "license": "licenses"}


def run(args: Arguments) -> None:
    annotations = dict(args.annotation)
    for flag, key in _KEYS.items():
        if value := getattr(args, flag):
            annotations[f"org.opencontainers.image.{key}"] = value
    with images(args) as store:
        published = store.build(
            args.image,
            args.bytecode or [],
            project=args.cilium_ebpf_project,
            annotations=annotations,
            sbom=args.sbom,
        )
    emit(f"published: {published}\n")


COMMAND = Command(
    run,
    arguments=[
        Argument("image", "IMAGE", "The name to publish it under, as REGISTRY/REPOSITORY:TAG."),
        BYTECODE,
    ],
    flags=[
        PROJECT,
        Flag("source", metavar="URL", about="Where its sources are (org.opencontainers.image.source)."),
        Flag("revision", metavar="ID", about="Which revision of them (org.opencontainers.image.revision)."),
        Flag(
            "license",
            metavar="SPDX",
            about="Their licence, as an SPDX expression (org.opencontainers.image.licenses).",
        ),
        Flag(
            "annotation",
            metavar="KEY=VALUE",
            about="A further annotation; may be repeated.",
            parse=key_value,
            repeat=True,
        ),
        Flag("sbom", about="Publish a bill of materials (SPDX 2.3) that refers to each platform's image."),
        REGISTRY_AUTH,
    ],
    description="""\
Builds an image and publishes it: to a registry, or with oci:DIRECTORY:TAG or oci-archive:FILE:TAG as the name, to a \
file. No container engine is needed. One object makes an image, objects for several platforms make an index.

The same objects make the same bytes, on every machine; SOURCE_DATE_EPOCH sets the times in it (1970 otherwise). The \
image says which programs and maps it has, and what they can do (docs/capabilities.md).""",
    examples=[
        ("One object, for machines like this", "bpfman image build quay.io/acme/meter:1.2 meter.o"),
        (
            "An object for each platform",
            "bpfman image build quay.io/acme/meter:1.2 linux/amd64=out/x86.o linux/arm64=out/arm64.o",
        ),
        (
            "A bpf2go project, saying where it comes from",
            """\
bpfman image build quay.io/acme/meter:1.2 -c ./bpf \\
    --source https://example.org/meter --revision $(git rev-parse HEAD) --sbom""",
        ),
    ],
    needs_root=False,
)
