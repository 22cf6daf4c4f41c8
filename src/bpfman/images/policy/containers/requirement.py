# SPDX-License-Identifier: Apache-2.0
"""What policy.json requires of an image, as values.

Made by `policy`, judged by `judging`.  A key is where it stands: a file, or its bytes.
"""

from __future__ import annotations

from bpfman.images.trust.demand import SignedName
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ANYTHING, REJECT = "insecureAcceptAnything", "reject"
SIGNED_BY, SIGSTORE_SIGNED, SIGNED_BASE_LAYER = "signedBy", "sigstoreSigned", "signedBaseLayer"
SIGNED = (SIGNED_BY, SIGSTORE_SIGNED)


class Blob(NamedTuple):
    """A key, a keyring or certificates: in a file, or in the policy itself."""

    path: str = ""
    data: bytes = b""


class Fulcio(NamedTuple):
    """Certificates of a Fulcio, for one person."""

    authority: Blob
    issuer: str
    email: str


class PkiRequirement(NamedTuple):
    """Certificates of an authority of one's own; empty for what is not asked."""

    roots: Blob
    intermediates: Blob | None
    email: str
    hostname: str


class Requirement(NamedTuple):
    """One requirement; `type` says which of the rest there is.  `logs` are keys of Rekor."""

    type: str
    keys: tuple[Blob, ...] = ()
    fulcio: Fulcio | None = None
    pki: PkiRequirement | None = None
    logs: tuple[Blob, ...] = ()
    name: SignedName = SignedName()
    key_type: str = ""


class Policy(NamedTuple):
    """A policy.json: requirements by transport and scope, and those for the rest."""

    file: str
    default: tuple[Requirement, ...]
    transports: Mapping[str, Mapping[str, tuple[Requirement, ...]]]
