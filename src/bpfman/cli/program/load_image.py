# SPDX-License-Identifier: Apache-2.0
"""`bpfman program load image`: programs of an image into the kernel, all or none."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command
from bpfman.cli.flags import DRY_RUN, METADATA, OUTPUT
from bpfman.cli.image.common import PULL_POLICY as PULL_POLICY
from bpfman.cli.image.common import REGISTRY_AUTH as REGISTRY_AUTH
from bpfman.cli.image.common import images
from bpfman.cli.program.load import APPLICATION_FLAG, GLOBAL, MAP_OWNER, PROGRAMS
from bpfman.cli.session import manager, prefixed
from bpfman.errors import BpfmanError
from bpfman.model.program import APPLICATION, ProgramSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    specs = [spec for occurrence in args.programs for spec in occurrence]
    load_image(args, args.image, specs, dict(args.metadata))


def load_image(args: Arguments, image: str, specs: list[ProgramSpec], metadata: dict[str, str]) -> None:
    """Load and print; what is common to this and the older command line."""
    from bpfman.cli.render.program import show_programs

    if args.application:
        metadata[APPLICATION] = args.application
    try:
        with images(args) as store:
            programs = store.load(
                manager(args),
                image,
                specs,
                policy=args.pull_policy,
                globals=dict(getattr(args, "global")),
                metadata=metadata,
                map_owner_id=args.map_owner_id,
                keep=not args.dry_run,
            )
    except BpfmanError as error:
        raise prefixed("failed to load from image: ", error) from None
    show_programs(programs, args.output)


COMMAND = Command(
    run,
    arguments=[
        Argument("image", "IMAGE", "The image, as REGISTRY/REPOSITORY:TAG or @DIGEST.", complete="images")
    ],
    flags=[
        PROGRAMS,
        METADATA,
        GLOBAL,
        APPLICATION_FLAG,
        MAP_OWNER,
        PULL_POLICY,
        REGISTRY_AUTH,
        DRY_RUN,
        OUTPUT,
    ],
    description="""\
Loads the named functions of the object in an image, all of them or none; see bpfman program load file. The image \
comes from the cache, from its registry, or from a file: oci:DIRECTORY[:TAG], oci-archive:FILE[:TAG] and \
docker-archive:FILE name what podman, docker and skopeo write.

Signatures are verified before anything is unpacked, by [signing] of the configuration file and by policy.json of \
podman and skopeo; see bpfman image verify. An image without a signature is loaded with a warning, unless a rule \
forbids it. What programs may do can be limited too. Each decision is recorded: bpfman audit log.

Credentials are those of podman and docker (podman login), unless --registry-auth gives others.""",
    examples=[
        ("Load an XDP program", "bpfman program load image quay.io/acme/meter:1.2 --programs xdp:count_pkts"),
        (
            "Load what is in the cache, without asking the registry",
            "bpfman program load image quay.io/acme/meter:1.2 --programs xdp:count_pkts --pull-policy Never",
        ),
        (
            "On a machine without a network",
            "bpfman program load image oci-archive:meter.tar --programs xdp:count_pkts",
        ),
    ],
)
