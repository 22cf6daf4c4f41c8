# SPDX-License-Identifier: Apache-2.0
"""Timestamps of RFC 3161: who says when a signature was there.

Called by `proof`, for each that a signature brings.  One of an authority that is not known proves nothing and is no
fault, as for sigstore-go (pkg/verify/tsa.go) and cosign: an instance may have got a new authority, or a signer may ask
several.  One of a known authority that is not good is refused, where sigstore-go passes over it as well: nothing honest
makes one, and whoever spoiled it should not go unnoticed.  That is no matter of safety.  Timestamps are not covered by
the signature, so who can spoil one, or make it look like a stranger's, can as well take it away; whatever is demanded
must be proven by what is left.
"""

from __future__ import annotations

import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from bpfman.images.digest import one_line
from bpfman.images.trust import path
from bpfman.images.trust.refusal import TIMESTAMP, Refusal
from bpfman.images.trust.times import shown
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfc3161_client import TimeStampResponse

    from bpfman.images.trust.material import Authority

    Name = tuple[x509.Name, int]


# What cryptography and this library raise of bytes that are no timestamp, or have no certificate where one belongs.
_UNREADABLE = (*path.UNREADABLE, OverflowError, UnsupportedAlgorithm)


class Stamped(NamedTuple):
    authority: Authority
    when: float


class Stranger(NamedTuple):
    """Who stamped, by their own word, and is not known."""

    name: str


class Signer(NamedTuple):
    """Who signed a timestamp: what their certificate is called by, and that if it is there."""

    issuer: x509.Name
    serial: int
    certificate: x509.Certificate | None

    def __str__(self) -> str:
        if self.certificate is not None:
            return one_line(self.certificate.subject.rfc4514_string())[:200]
        return f"a certificate of {one_line(self.issuer.rfc4514_string())[:200]}"


def check_timestamp(token: bytes, signature: bytes, authorities: Sequence[Authority]) -> Stamped | Stranger:
    """When `signature` was there by one of `authorities`, or who else stamped.

    Refusal for what cannot be read, and for a timestamp of one of the authorities that is not good."""
    try:
        response = decode_timestamp_response(token)
        when = response.tst_info.gen_time.timestamp()
        signers = _signers(response)
    except _UNREADABLE:
        raise Refusal(TIMESTAMP, "its timestamp is no answer of a timestamp authority (RFC 3161)") from None
    problems = []
    for authority in authorities:
        problem = _problem(response, signature, authority) or _outside(when, authority)
        if not problem:
            return Stamped(authority, when)
        if any(_is_of(authority, signer) for signer in signers):
            problems.append(f"{authority.name}: {problem}")
    if not problems:
        return Stranger(", ".join(sorted(map(str, signers))) or "nobody")
    raise Refusal(TIMESTAMP, f"its timestamp of {shown(when)} is not good: {'; '.join(problems)}")


def _signers(response: TimeStampResponse) -> list[Signer]:
    found = response.signed_data
    certificates = dict(filter(None, map(_named, found.certificates)))
    names = [(each.issuer, each.serial_number) for each in found.signer_infos]
    return [Signer(*name, certificates.get(name)) for name in names]


def _named(der: bytes) -> tuple[Name, x509.Certificate] | None:
    """A certificate with what a signer names it by; None for one that cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is odd in a stranger's certificate
        try:
            found = path.parse_certificate(der)
            return (found.issuer, found.serial_number), found
        except ValueError:
            return None


def _is_of(authority: Authority, signer: Signer) -> bool:
    """Whether a signer claims to be an authority's, or has a certificate of it.  Names alone are nobody's own."""
    chain = (*authority.intermediates, *authority.roots)
    if any((each.issuer, each.serial_number) == signer[:2] for each in chain):
        return True
    if signer.certificate is None or _own_certificate(authority) is not None:
        return False
    return any(path.issued(signer.certificate, each) for each in chain)


def _own_certificate(authority: Authority) -> x509.Certificate | None:
    """What an authority signs with, if that is said: then nothing else is its own."""
    first = (*authority.intermediates, *authority.roots)[0]
    return None if _is_authority(first) else first


def _outside(when: float, authority: Authority) -> str:
    return "" if when in authority.window else f"it was valid {authority.window}"


def _problem(response: TimeStampResponse, signature: bytes, authority: Authority) -> str:
    builder = VerifierBuilder(roots=list(authority.roots), intermediates=list(authority.intermediates))
    own = _own_certificate(authority)
    if own is not None:
        builder = VerifierBuilder(
            roots=list(authority.roots),
            intermediates=list(authority.intermediates[1:]),
            tsa_certificate=own,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is odd in a stranger's certificate
            builder.build().verify_message(response, signature)
    except (VerificationError, *_UNREADABLE) as error:
        # OpenSSL's own stack of errors, with its source files and lines, tells nobody more.
        return str(error).partition(": ErrorStack")[0] or type(error).__name__
    return ""


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = path.extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca
