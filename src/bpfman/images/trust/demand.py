# SPDX-License-Identifier: Apache-2.0
"""What is demanded of an image's signatures, as values: whose, proven by what, and for which name.

Made by whatever reads a policy, judged by `verifying`.  Nothing here reads a file, asks a network or knows
cryptography: keys and certificates are the bytes they were given as, and a bad one is an error when it is used.
"""

from __future__ import annotations

import re

from bpfman.errors import InvalidRequest
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Key(NamedTuple):
    """A public key, in PEM or DER; `name` is what messages call it: its file, mostly."""

    data: bytes
    name: str


class Identity(NamedTuple):
    """Who signed, as a certificate names it (an e-mail address, a workflow's URL), and who vouched for that.

    An exact value or a regular expression that all of it must match; empty for one that is not asked."""

    subject: str = ""
    subject_regexp: str = ""
    issuer: str = ""
    issuer_regexp: str = ""

    def __str__(self) -> str:
        subject = self.subject or (f"/{self.subject_regexp}/" if self.subject_regexp else "anybody")
        issuer = self.issuer or (f"/{self.issuer_regexp}/" if self.issuer_regexp else "any issuer")
        return f"{subject} by {issuer}"

    def matches_subject(self, subject: str) -> bool:
        return _matches(subject, self.subject, self.subject_regexp)

    def matches_issuer(self, issuer: str) -> bool:
        return _matches(issuer, self.issuer, self.issuer_regexp)


def _matches(text: str, exact: str, regexp: str) -> bool:
    if exact and text != exact:
        return False
    return not regexp or re.fullmatch(regexp, text) is not None


class Instance(NamedTuple):
    """A sigstore instance: who gives certificates, keeps logs and tells the time.

    Either all of it in a `trusted_root` (the bytes of a trusted_root.json), or its parts, as policy.json has them:
    `authorities` is PEM, the CA's roots and intermediates; `logs` are the keys of transparency logs."""

    name: str
    trusted_root: bytes = b""
    authorities: bytes = b""
    logs: tuple[Key, ...] = ()


class Pki(NamedTuple):
    """A certificate authority of one's own, in PEM; its certificates must be for this address and this host."""

    name: str
    roots: bytes
    intermediates: bytes = b""
    email: str = ""
    hostname: str = ""


MATCH_EXACT = "matchExact"
MATCH_REPO_DIGEST_OR_EXACT = "matchRepoDigestOrExact"
MATCH_REPOSITORY = "matchRepository"
EXACT_REFERENCE = "exactReference"
EXACT_REPOSITORY = "exactRepository"
REMAP_IDENTITY = "remapIdentity"
ANY_NAME = ""


class SignedName(NamedTuple):
    """How the name in a signature must match the image's: `signedIdentity` of containers-policy.json(5).

    `value` is that of exactReference and exactRepository; `prefix` and `signed_prefix` are those of remapIdentity.
    `nameless` is whether a signature that names no image is good: cosign's bundles name none, only a digest."""

    kind: str = ANY_NAME
    value: str = ""
    prefix: str = ""
    signed_prefix: str = ""
    nameless: bool = True


class Demand(NamedTuple):
    """One signature by any of these is enough: a key, an identity (or `any_identity`) of `instance`, or the `pki`.

    `log` is whether a transparency log must have it; None means for certificates, where the instance has logs.
    `timestamp` asks for a timestamp of one of the instance's authorities.  `revoked` has fingerprints of certificates
    and keys (see `fingerprint`): whatever was signed by or through one of them is refused.  What a signature has and
    nobody demanded (a log entry, with a key) is checked too, where the instance says by what."""

    keys: tuple[Key, ...] = ()
    identities: tuple[Identity, ...] = ()
    any_identity: bool = False
    instance: Instance | None = None
    pki: Pki | None = None
    log: bool | None = None
    timestamp: bool = False
    revoked: frozenset[str] = frozenset()
    name: SignedName = SignedName()


class Verified(NamedTuple):
    """The signature that satisfied a demand.

    `signer` in words; `layout` is one of signatures.BUNDLE and TAG; `signature` is what messages call it; `when` it was
    made is Unix time, None if nothing proves it; `proof` says what does; `name` and `annotations` are what was signed
    besides the digest; `strangers` are timestamp authorities that stamped it, are not known and do not count."""

    signer: str
    layout: str
    signature: str
    when: float | None = None
    proof: str = ""
    name: str = ""
    annotations: Mapping[str, str] = {}
    strangers: tuple[str, ...] = ()


_HEX = re.compile(r"[0-9a-f]{64}")


def fingerprint(text: str) -> str:
    """The SHA-256 of a certificate or of a public key (both in DER), as openssl and sha256sum print it.

    64 hexadecimal digits, with or without colons, capitals and a leading "sha256:"; InvalidRequest for all else."""
    found = text.strip().lower().removeprefix("sha256:").replace(":", "")
    if not _HEX.fullmatch(found):
        raise InvalidRequest(
            f'"{text[:100]}" is no fingerprint',
            "expected the SHA-256 of a certificate or public key: `openssl x509 -in FILE -noout -fingerprint -sha256`",
        )
    return found
