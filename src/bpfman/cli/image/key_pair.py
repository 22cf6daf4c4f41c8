# SPDX-License-Identifier: Apache-2.0
"""`bpfman image generate-key-pair`: a key to sign with, and the one to verify by."""

from __future__ import annotations

import os

from bpfman.cli.command import Argument, Command
from bpfman.cli.output import emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.image.password import new_password
    from bpfman.images.trust.private_key import make_key_pair

    prefix = args.prefix or "bpfman"
    names = (f"{prefix}.key", f"{prefix}.pub")
    _check_free(names)
    pair = make_key_pair(new_password())
    for name, data, mode in zip(names, pair, (0o600, 0o644), strict=True):
        _write(name, data, mode)
    emit_lines([f"wrote: {name}" for name in names])


def _check_free(names: tuple[str, ...]) -> None:
    """Before anybody types a password."""
    for name in names:
        if os.path.lexists(name):
            raise _exists(name)


def _exists(name: str) -> Exception:
    from bpfman.errors import InvalidRequest

    return InvalidRequest(f"{name} exists, and a key is never written over", "name another PREFIX")


def _write(name: str, data: bytes, mode: int) -> None:
    from bpfman.errors import InvalidRequest

    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:
            file.write(data)
    except FileExistsError:
        raise _exists(name) from None
    except OSError as error:
        raise InvalidRequest(f"{name} cannot be written: {error.strerror}") from None


COMMAND = Command(
    run,
    arguments=[
        Argument(
            "prefix",
            "PREFIX",
            "Where to write: PREFIX.key and PREFIX.pub; bpfman if not given.",
            optional=True,
        )
    ],
    description="""\
Makes a new key (ECDSA on P-256) and writes the private half to PREFIX.key and the public one to PREFIX.pub, both in \
PEM. What exists is never written over.

The private key is encrypted with the password in COSIGN_PASSWORD, or one that is asked for on a terminal; with an \
empty one it is not. It is PKCS #8, which openssl reads; cosign import-key-pair takes one that is not encrypted.""",
    examples=[("Make a key", "bpfman image generate-key-pair acme")],
    needs_root=False,
)
