# SPDX-License-Identifier: Apache-2.0
"""A certificate transparency log that promises (RFC 6962) and keeps nothing: for fulcio, and for our own authority."""

from __future__ import annotations

import hashlib
import struct

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tests.trust import der
from tests.trust.keys import new_key, spki

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime

POISON = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.3")
PROMISES = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_PRECERTIFICATE = 1
_SHA256_ECDSA = b"\x04\x03"


class CertificateLog:
    def __init__(self) -> None:
        self.key = new_key()

    @property
    def id(self) -> bytes:
        return hashlib.sha256(spki(self.key)).digest()

    def poisoned(self, builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
        """What is shown to a log before there is a certificate."""
        null = bytes([der.NULL, 0])
        return builder.add_extension(x509.UnrecognizedExtension(POISON, null), critical=True)

    def promise(
        self, precertificate: x509.Certificate, issuer: x509.Certificate, at: datetime.datetime
    ) -> x509.UnrecognizedExtension:
        """The certificate's extension that says that it is in the log."""
        timestamp, signature = self.sign(
            precertificate.tbs_certificate_bytes, issuer, int(at.timestamp() * 1000)
        )
        one = struct.pack(">B32sQH", 0, self.id, timestamp, 0) + signature
        listed = struct.pack(">H", len(one)) + one
        return x509.UnrecognizedExtension(PROMISES, der.octets(struct.pack(">H", len(listed)) + listed))

    def sign(self, poisoned: bytes, issuer: x509.Certificate, timestamp: int) -> tuple[int, bytes]:
        """Give the time back, and a `digitally-signed` struct; `poisoned` is a precertificate's TBSCertificate."""
        tbs = without_poison(poisoned)
        key = issuer.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        issuer_hash = hashlib.sha256(spki(key)).digest()
        what = struct.pack(">BBQH", 0, 0, timestamp, _PRECERTIFICATE) + issuer_hash
        signature = self.key.sign(what + len(tbs).to_bytes(3) + tbs + b"\0\0", ec.ECDSA(SHA256()))
        return timestamp, _SHA256_ECDSA + struct.pack(">H", len(signature)) + signature


def without_poison(tbs: bytes) -> bytes:
    """A TBSCertificate without that one extension."""
    ((_, inside, _),) = der.elements(tbs)
    return der.sequence(*(_cleaned(tag, content, whole) for tag, content, whole in der.elements(inside)))


def _cleaned(tag: int, content: bytes, whole: bytes) -> bytes:
    if tag != 0xA3:  # [3], the extensions
        return whole
    ((_, extensions, _),) = der.elements(content)
    poison = der.oid(POISON.dotted_string)
    kept = [each for _, body, each in der.elements(extensions) if not body.startswith(poison)]
    return der.tagged(0xA3, der.sequence(*kept))
