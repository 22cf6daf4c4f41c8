# SPDX-License-Identifier: Apache-2.0
"""What the commands on images share: their flags, and the way from arguments to the library.

Imported by declarations, so it imports nothing else at once.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

from bpfman.cli.command import Argument, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.cli.command import Arguments
    from bpfman.images.registry.credentials import Credentials
    from bpfman.manager.images import Images


@contextmanager
def images(args: Arguments, credentials: Credentials | None = None) -> Iterator[Images]:
    """The images of the cache that the command line names; on a terminal, downloads show how far they are.

    `credentials` are those of --registry-auth where a command has that."""
    from bpfman.cli.image.progress import Progress
    from bpfman.images.transport.location import Access
    from bpfman.manager.auditing import command_line, this_process
    from bpfman.manager.configuration import CONFIG_PATH
    from bpfman.manager.images import Images
    from bpfman.store.layout import Layout

    with Progress(sys.stderr) as progress:

        def warn(message: str) -> None:
            progress.wipe()
            _warn(message)

        known = credentials or getattr(args, "registry_auth", None)
        access = Access(known, os.environ)
        if progress.visible:
            access = access._replace(progress=progress, notice=progress.say)
        yield Images(
            args.image_cache_dir,
            access=access,
            warn=warn,
            config=args.config or CONFIG_PATH,
            layout=Layout(args.runtime_dir),
            who=this_process(command_line(["bpfman", *sys.argv[1:]])),
        )


def _warn(message: str) -> None:
    from bpfman.cli.failure import complain

    complain(f"bpfman: warning: {message}")


def _policy(text: str) -> str:
    from bpfman.images.pulling import parse_policy

    return parse_policy(text)


def _credentials(text: str) -> object:
    from bpfman.images.registry.credentials import parse_registry_auth

    return parse_registry_auth(text)


def size(text: str) -> int:
    """Bytes, of a number with a unit: 500M, 1GiB, 4096."""
    number, unit = text, ""
    for known in ("KiB", "MiB", "GiB", "K", "M", "G"):
        if text.endswith(known):
            number, unit = text.removesuffix(known), known[0]
            break
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        raise UsageError(f'expected a size such as 500M, got "{text}"')
    return int(number) << {"": 0, "K": 10, "M": 20, "G": 30}[unit]


def key_value(text: str) -> tuple[str, str]:
    from bpfman.cli.values import pair

    return pair(text)


PULL_POLICY = Flag(
    "pull-policy",
    "p",
    "POLICY",
    "When to ask the registry: Always, IfNotPresent (default) or Never.",
    parse=_policy,
    default="IfNotPresent",
)
ALWAYS_ASK = Flag(
    "pull-policy",
    "p",
    "POLICY",
    "When to ask the registry: Always (default), IfNotPresent or Never.",
    parse=_policy,
    default="Always",
)
REGISTRY_AUTH = Flag(
    "registry-auth",
    metavar="BASE64",
    about="Credentials for the registry, as base64 of USER:PASSWORD; they go before those of podman and docker.",
    parse=_credentials,
    env="BPFMAN_REGISTRY_AUTH",
)
PROJECT = Flag(
    "cilium-ebpf-project",
    "c",
    "DIR",
    "A directory with objects named as bpf2go names them, such as meter_x86_bpfel.o, in place of BYTECODE.",
    complete="directory",
)
BYTECODE = Argument(
    "bytecode",
    "BYTECODE",
    "An object file, or linux/ARCH=PATH for each platform.",
    many=True,
    optional=True,
    complete="file",
)
