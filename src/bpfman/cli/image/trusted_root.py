# SPDX-License-Identifier: Apache-2.0
"""`bpfman image update-trusted-root`: the keys of a sigstore instance, as it publishes them now."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag
from bpfman.cli.output import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.command import UsageError
    from bpfman.images.policy.public import fetched_root
    from bpfman.images.trust.public import PUBLIC_MIRROR, update_trusted_root

    if bool(args.mirror) != bool(args.root):
        raise UsageError(
            "--mirror and --root go together: where an instance's keys are, and whom to believe about them"
        )
    path = args.file or fetched_root(args.image_cache_dir)
    changed = update_trusted_root(path, args.mirror or PUBLIC_MIRROR, _read(args.root) if args.root else None)
    emit(f"{'updated' if changed else 'unchanged'}: {path}\n")


def _read(path: str) -> bytes:
    from bpfman.errors import InvalidRequest
    from bpfman.images.limits import read_file

    try:
        return read_file(path, 1 << 20)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from None


COMMAND = Command(
    run,
    arguments=[
        Argument("file", "FILE", "Where to write it, in place of the cache.", optional=True, complete="file")
    ],
    flags=[
        Flag(
            "mirror",
            metavar="URL",
            about="Where the instance publishes its keys; without it, the public one.",
        ),
        Flag("root", metavar="FILE", about="The root.json of TUF to believe at first.", complete="file"),
    ],
    description="""\
Fetches the keys and certificates of a sigstore instance by TUF, the framework it publishes them with: those of \
the public one, or with --mirror and --root those of another. bpfman has the public instance's as they were when it \
was released; what is fetched without FILE is used in place of those. FILE can be named as trusted_root in the \
configuration, and carried to machines without a network.

Nothing is fetched while images are verified. Needs the package tuf: pip install 'bpfman[sigstore]'.""",
    examples=[
        ("The public instance's keys, as of today", "bpfman image update-trusted-root"),
        (
            "Another instance's, for machines without a network",
            "bpfman image update-trusted-root --mirror https://tuf.acme.example --root root.json acme_root.json",
        ),
    ],
    needs_root=False,
)
