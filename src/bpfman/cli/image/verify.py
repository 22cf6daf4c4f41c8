# SPDX-License-Identifier: Apache-2.0
"""`bpfman image verify`: what the rules of the machine say of an image, and why."""

from __future__ import annotations

import os

from bpfman.cli.command import Argument, Command, Flag, UsageError
from bpfman.cli.flags import OUTPUT
from bpfman.cli.image.common import ALWAYS_ASK, REGISTRY_AUTH, images
from bpfman.cli.output import emit_json, emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bpfman.cli.command import Arguments
    from bpfman.images.policy.signing import Rule
    from bpfman.images.trust.demand import Identity


def run(args: Arguments) -> None:
    from bpfman.cli.render.decision import decision_json, decision_lines
    from bpfman.cli.session import prefixed
    from bpfman.errors import BpfmanError

    try:
        with images(args) as store:
            decision = store.verify(args.image, _change(args), args.pull_policy)
        if args.output == "json":
            emit_json(decision_json(args.image, decision))
        else:
            emit_lines(decision_lines(args.image, decision))
        decision.check()
    except BpfmanError as error:
        raise prefixed("verification failed: ", error) from None


def _change(args: Arguments) -> Callable[[Rule], Rule]:
    """What the flags say in place of what the file says."""
    from bpfman.images.policy.signing import COMMAND_LINE

    changes: dict[str, Any] = {}
    identities = _identities(args)
    if args.key or identities:
        keys = tuple(map(os.path.abspath, args.key))
        changes.update(keys=keys, identities=identities, verify_enabled=True)
    if args.trusted_root is not None:
        changes.update(trusted_root=os.path.abspath(args.trusted_root))
    if changes:
        changes.update(where=COMMAND_LINE, reject=False)
    if args.allow_unsigned:
        changes.update(allow_unsigned=True)
    return lambda rule: rule._replace(**changes)


def _identities(args: Arguments) -> tuple[Identity, ...]:
    from bpfman.images.policy.signing import IDENTITY

    given = [getattr(args, key) or "" for key in IDENTITY]
    if not any(given):
        return ()
    for exact in (0, 2):
        if bool(given[exact]) == bool(given[exact + 1]):
            flag = "--" + IDENTITY[exact].replace("_", "-")
            raise UsageError(f"an identity needs exactly one of {flag} and {flag}-regexp")
    from bpfman.images.trust.demand import Identity

    return (Identity(*given),)


def _regexp(text: str) -> str:
    import re

    try:
        re.compile(text)
    except re.error as error:
        raise UsageError(f'"{text}" is no regular expression: {error}') from None
    return text


COMMAND = Command(
    run,
    arguments=[
        Argument("image", "IMAGE", "The image, as REGISTRY/REPOSITORY:TAG or @DIGEST.", complete="images")
    ],
    flags=[
        Flag("allow-unsigned", about="Accept an image without a signature, whatever the configuration says."),
        Flag(
            "key",
            metavar="FILE",
            about="A public key in PEM; may be repeated. In place of the keys and identities of the configuration.",
            repeat=True,
            complete="file",
        ),
        Flag(
            "certificate-identity",
            metavar="NAME",
            about="Who must have signed, as the certificate says: an e-mail address or a workflow's URL.",
        ),
        Flag(
            "certificate-identity-regexp",
            metavar="REGEXP",
            about="The same as a regular expression, which the whole name must match.",
            parse=_regexp,
        ),
        Flag("certificate-oidc-issuer", metavar="URL", about="Who must have vouched for that name."),
        Flag(
            "certificate-oidc-issuer-regexp",
            metavar="REGEXP",
            about="The same as a regular expression, which the whole URL must match.",
            parse=_regexp,
        ),
        Flag(
            "trusted-root",
            metavar="FILE",
            about="The sigstore instance to believe, as a trusted_root.json.",
            complete="file",
        ),
        ALWAYS_ASK,
        REGISTRY_AUTH,
        OUTPUT,
    ],
    description="""\
Fetches the signatures of an image and tells what the rules of this machine say: [signing] of the configuration file, \
and policy.json of podman and skopeo where there is one. Both must accept it. Which rule decided is told, and whose \
signature was found. Nothing of the image is unpacked, kept or loaded.

Flags on keys and identities stand in place of what the configuration file says.

Without a network, --pull-policy Never asks the same rules by the signatures that were kept with a cached image, \
which is what program load image goes by.

The exit status is 0 for an image that program load image would take, with or without a signature.""",
    examples=[
        ("By the rules of this machine", "bpfman image verify quay.io/acme/meter:1.2"),
        ("Without a network, of a cached image", "bpfman image verify -p Never quay.io/acme/meter:1.2"),
        ("By a key", "bpfman image verify --key acme.pub quay.io/acme/meter:1.2"),
        (
            "By who signed it",
            "bpfman image verify --certificate-identity dev@acme.example --certificate-oidc-issuer-regexp .* meter:1",
        ),
    ],
    needs_root=False,
)
