# SPDX-License-Identifier: Apache-2.0
"""Who a certificate says it is for, and whether that is who is wanted.

Fulcio's certificates name a person or a workflow in the subject alternative name, and who vouched for that in
extensions of their own (fulcio docs/oid-info.md).
"""

from __future__ import annotations

from cryptography import x509

from bpfman.images.digest import one_line, shown
from bpfman.images.trust.path import extension
from bpfman.images.trust.refusal import IDENTITY, Refusal
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpfman.images.trust.demand import Identity, Pki

_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")  # a UTF8String
_ISSUER_BEFORE = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")  # bare characters
_USER_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")  # a kind of other name
_UTF8_STRING = 0x0C


class Holder(NamedTuple):
    """Who a certificate is for, by each of its names, and who says so."""

    subjects: tuple[str, ...]
    issuer: str

    def __str__(self) -> str:
        subjects = one_line(", ".join(self.subjects)[:300])
        return f"{subjects or 'nobody'} by {one_line(self.issuer[:200]) or 'no issuer'}"


def holder_of(certificate: x509.Certificate) -> Holder:
    names = extension(certificate, x509.SubjectAlternativeName) or ()
    return Holder(tuple(text for each in names if (text := _text(each))), _issuer(certificate))


def _text(name: x509.GeneralName) -> str:
    if isinstance(name, x509.RFC822Name | x509.UniformResourceIdentifier | x509.DNSName):
        return name.value
    if isinstance(name, x509.OtherName) and name.type_id == _USER_NAME:
        return _utf8_string(name.value)
    return ""


def _issuer(certificate: x509.Certificate) -> str:
    found = {
        each.oid: each.value.value
        for each in certificate.extensions
        if isinstance(each.value, x509.UnrecognizedExtension)
    }
    if _ISSUER in found:
        return _utf8_string(found[_ISSUER])
    return _decode(found.get(_ISSUER_BEFORE, b""))


def _utf8_string(der: bytes) -> str:
    """The text in DER; empty for what is no UTF8String, which then matches nobody."""
    if len(der) < 2 or der[0] != _UTF8_STRING:
        return ""
    size, start = der[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[2:start], "big")
    return _decode(der[start:]) if len(der) - start == size else ""


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return ""


def check_identity(holder: Holder, wanted: Iterable[Identity], anybody: bool) -> None:
    """Refusal unless one of `wanted`, or anybody at all, is who the certificate is for."""
    if anybody and holder.subjects:
        return
    for each in wanted:
        if each.matches_issuer(holder.issuer) and any(map(each.matches_subject, holder.subjects)):
            return
    expected = "; ".join(str(each) for each in wanted)
    raise Refusal(IDENTITY, f"it was signed by {holder}, expected {expected or 'somebody with a name'}")


def check_own(certificate: x509.Certificate, pki: Pki) -> None:
    """Refusal unless a certificate of one's own authority is for the address and the host that are wanted."""
    names = extension(certificate, x509.SubjectAlternativeName) or ()
    emails = [each.value for each in names if isinstance(each, x509.RFC822Name)]
    hosts = [each.value for each in names if isinstance(each, x509.DNSName)]
    if pki.email and pki.email not in emails:
        raise Refusal(IDENTITY, f"it is for {_listed(emails)}, expected the address {pki.email}")
    if pki.hostname and not any(_is_host(each, pki.hostname) for each in hosts):
        raise Refusal(IDENTITY, f"it is for {_listed(hosts)}, expected the host {pki.hostname}")


def _listed(names: list[str]) -> str:
    return shown(", ".join(names)) if names else "nobody"


def _is_host(pattern: str, host: str) -> bool:
    """A first label of * stands for any one label (RFC 6125, 6.4.3)."""
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return pattern == host
