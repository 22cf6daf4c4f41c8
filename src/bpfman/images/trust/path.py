# SPDX-License-Identifier: Apache-2.0
"""The way from a certificate to a root, as RFC 5280 (6.1) validates it, at one point in time.

For certificates that sign code: those of Fulcio and of an authority of one's own.  Names that a certificate may not be
for (name constraints), and any other critical extension that is not known here, make it refused.
"""

from __future__ import annotations

import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from bpfman.images.trust import keys
from bpfman.images.trust.refusal import CERTIFICATE, Refusal
from bpfman.images.trust.times import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeVar

    Path = tuple[x509.Certificate, ...]
    Kind = TypeVar("Kind", bound=x509.ExtensionType)

_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
}  # fmt: skip
_LONGEST = 8
UNREADABLE = (
    ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion,
)  # fmt: skip


def parse_certificate(der: bytes) -> x509.Certificate:
    """A certificate all of which can be read; ValueError otherwise.

    Its parts are parsed when first asked for, and then kept: only here can one that breaks a rule (a country of three
    letters, as Fulcio's own test authority has it) make cryptography warn, which helps nobody who loads an image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = x509.load_der_x509_certificate(der)
            list(found.extensions), found.subject, found.issuer
            found.not_valid_before_utc, found.not_valid_after_utc  # noqa: B018
        except UNREADABLE as error:
            raise ValueError(f"a certificate that cannot be read ({error})") from None
    return found


def load_certificate(der: bytes) -> x509.Certificate:
    """A certificate of a stranger, with a key that can be used; Refusal otherwise."""
    try:
        found = parse_certificate(der)
    except ValueError:
        raise Refusal(CERTIFICATE, "it cannot be read") from None
    if keys.key_of(found) is None:
        raise Refusal(CERTIFICATE, "its key is of a kind or size that cannot be used here")
    return found


def find_path(
    leaf: x509.Certificate, between: Iterable[x509.Certificate], roots: Sequence[x509.Certificate]
) -> Path:
    """From `leaf` to one of `roots`, both included, so at least two; Refusal where there is none.

    Each certificate is tried once, so that crafted ones cost no more than there are."""
    rest = [each for each in between if each not in roots]
    ways: list[Path] = [(leaf,)]
    while ways:
        way = ways.pop()
        for root in roots:
            if issued(way[-1], root):
                return (*way, root)
        following = [each for each in rest if issued(way[-1], each)] if len(way) < _LONGEST else []
        rest = [each for each in rest if each not in following]
        ways += [(*way, each) for each in following]
    raise Refusal(CERTIFICATE, f"its issuer {_name(leaf.issuer)} is not trusted")


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def check_path(path: Path, times: Iterable[float]) -> None:
    """Refusal unless each certificate of a path was valid at these times, and may do what it does there."""
    _check_leaf(path[0])
    for depth, authority in enumerate(path[1:]):
        _check_authority(authority, depth)
    for certificate in path:
        for moment in times:
            check_valid(certificate, moment)


def check_valid(certificate: x509.Certificate, moment: float) -> None:
    start = certificate.not_valid_before_utc.timestamp()
    end = certificate.not_valid_after_utc.timestamp()
    if start <= moment <= end:
        return
    wrong = "had expired" if moment > end else "was not yet valid"
    raise Refusal(
        CERTIFICATE,
        f"{_name(certificate.subject) or 'the certificate'} {wrong} at {shown(moment)}: it is valid "
        f"from {shown(start)} until {shown(end)}",
    )


def _check_leaf(certificate: x509.Certificate) -> None:
    _check_critical(certificate)
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise Refusal(CERTIFICATE, "it is an authority's own, not one to sign with")
    usage = extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise Refusal(CERTIFICATE, "its key is not for signatures (key usage)")
    extended = extension(certificate, x509.ExtendedKeyUsage)
    if extended is None or ExtendedKeyUsageOID.CODE_SIGNING not in extended:
        raise Refusal(CERTIFICATE, "it is not for signing code (extended key usage)")


def _check_authority(certificate: x509.Certificate, below: int) -> None:
    """`below` is how many authorities there are between it and the leaf."""
    _check_critical(certificate)
    name = _name(certificate.subject)
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise Refusal(CERTIFICATE, f"{name} is no authority, and gave a certificate")
    if constraints.path_length is not None and constraints.path_length < below:
        raise Refusal(CERTIFICATE, f"{name} may not have {below} authorities below it")
    usage = extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise Refusal(CERTIFICATE, f"{name} may not sign certificates (key usage)")
    extended = extension(certificate, x509.ExtendedKeyUsage)
    allowed = (ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if extended is not None and not any(each in extended for each in allowed):
        raise Refusal(CERTIFICATE, f"{name} is not an authority for signing code (extended key usage)")


def _check_critical(certificate: x509.Certificate) -> None:
    for each in certificate.extensions:
        if each.critical and each.oid not in _UNDERSTOOD:
            raise Refusal(
                CERTIFICATE,
                f"{_name(certificate.subject) or 'it'} has a critical extension that is not known here "
                f"({each.oid.dotted_string})",
            )


def extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    """The extension of that class, None if there is none."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()[:200]
