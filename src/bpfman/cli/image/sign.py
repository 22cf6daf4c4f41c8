# SPDX-License-Identifier: Apache-2.0
"""`bpfman image sign`: a signature for an image, attached to it."""

from __future__ import annotations

import os

from bpfman.cli.command import Argument, Command, Flag
from bpfman.cli.flags import OUTPUT
from bpfman.cli.image.common import REGISTRY_AUTH, images, key_value
from bpfman.cli.output import emit_json, emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments
    from bpfman.manager.images import SigningKey


def run(args: Arguments) -> None:
    key = _key(args.key)
    with images(args) as store:
        signed = store.sign(
            args.image,
            key,
            layout=args.layout,
            name=args.name,
            annotations=dict(args.annotation),
            recursive=args.recursive,
        )
    if args.output == "json":
        emit_json([{"digest": each.digest, "was_signed": each.was} for each in signed])
    else:
        emit_lines([f"signed{' already' if each.was else ''}: {args.image} {each.digest}" for each in signed])


def _key(name: str) -> SigningKey:
    from functools import partial

    from bpfman.cli.image.password import known_password
    from bpfman.manager.images import SigningKey

    return SigningKey(_read(name), name, partial(known_password, name))


def _read(name: str) -> bytes:
    """A file, or with env://NAME a variable of the environment, as cosign has it."""
    from bpfman.errors import InvalidRequest
    from bpfman.images.limits import read_file

    variable = name.removeprefix("env://")
    if variable != name:
        if variable not in os.environ:
            raise InvalidRequest(
                f"the key {name} cannot be read: there is no {variable} in the environment",
                "sudo passes variables on with --preserve-env=NAME",
            )
        return os.environ[variable].encode()
    try:
        return read_file(name, _LARGEST)
    except OSError as error:
        raise InvalidRequest(
            f"the key {name} cannot be read: {error.strerror}", "`bpfman image generate-key-pair` makes a key"
        ) from None


_LARGEST = 1 << 16

COMMAND = Command(
    run,
    arguments=[
        Argument(
            "image", "IMAGE", "The image, as REGISTRY/REPOSITORY:TAG or @DIGEST, oci:... or oci-archive:..."
        )
    ],
    flags=[
        Flag(
            "key",
            metavar="FILE",
            about="The private key, in PEM: PKCS #8, or a cosign.key. env://NAME takes it from the environment.",
            required=True,
            complete="file",
        ),
        Flag("recursive", "r", about="Sign the image of each platform too, not only the index."),
        Flag(
            "annotation",
            "a",
            "KEY=VALUE",
            "Something that is signed along; may be repeated.",
            parse=key_value,
            repeat=True,
        ),
        Flag(
            "layout",
            metavar="LAYOUT",
            about="bundle (default), as cosign 3 writes it, or tag, which cosign 2 and podman read.",
            choices=("bundle", "tag"),
            default="bundle",
        ),
        Flag(
            "name",
            metavar="NAME",
            about="The name to sign it as; its repository where none is given, nothing for an image in a file.",
        ),
        REGISTRY_AUTH,
        OUTPUT,
    ],
    description="""\
Signs an image's digest with a private key and attaches the signature where the image is: in its registry, layout or \
archive. Of an image for several platforms the index is signed, which vouches for all of them; podman wants each \
platform's signed, which --recursive does. What has this signature by this key already gets no second one.

The password of an encrypted key is taken from COSIGN_PASSWORD, or asked for on a terminal. bpfman image \
generate-key-pair makes a key. cosign verify --key accepts what is signed here, and bpfman what cosign signs.""",
    examples=[
        ("Sign an image", "bpfman image sign --key acme.key quay.io/acme/meter:1.2"),
        (
            "For podman, each platform",
            "bpfman image sign --key acme.key --layout tag --recursive quay.io/acme/meter:1.2",
        ),
    ],
    needs_root=False,
)
