# SPDX-License-Identifier: Apache-2.0
"""Timestamps (RFC 3161) of the tests' own: a DER TimeStampResp for some bytes and a time of one's choice."""

from __future__ import annotations

import hashlib
import secrets

from cryptography.hazmat.primitives.serialization import Encoding

from tests.trust import der
from tests.trust.authority import now
from tests.trust.keys import sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime

    from tests.trust.authority import Identity

_TIMESTAMP, _SIGNED_DATA = "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.7.2"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_POLICY = "1.3.6.1.4.1.57264.2"
_SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))
_ECDSA_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))


def stamp(data: bytes, by: Identity, at: datetime.datetime | None = None) -> bytes:
    """Says that `data` was there at `at`."""
    token = _signed(_about(data, at or now()), by)
    return der.sequence(der.sequence(der.integer(0)), token)  # 0: granted


def _about(data: bytes, at: datetime.datetime) -> bytes:
    """A TSTInfo."""
    imprint = der.sequence(_SHA256, der.octets(hashlib.sha256(data).digest()))
    serial = der.integer(secrets.randbits(64))
    return der.sequence(der.integer(1), der.oid(_POLICY), imprint, serial, der.time(at))


def _signed(info: bytes, by: Identity) -> bytes:
    """A ContentInfo with SignedData (RFC 5652) of `info`."""
    certificate = by.certificate.public_bytes(Encoding.DER)
    content = der.sequence(der.oid(_TIMESTAMP), der.tagged(0xA0, der.octets(info)))
    signed = der.sequence(
        der.integer(3),
        der.tagged(der.SET, _SHA256),
        content,
        der.tagged(0xA0, certificate),
        der.tagged(der.SET, _signer(info, certificate, by)),
    )
    return der.sequence(der.oid(_SIGNED_DATA), der.tagged(0xA0, signed))


def _signer(info: bytes, certificate: bytes, by: Identity) -> bytes:
    attributes = sorted(
        [
            _attribute(_CONTENT_TYPE, der.oid(_TIMESTAMP)),
            _attribute(_MESSAGE_DIGEST, der.octets(hashlib.sha256(info).digest())),
            _attribute(_SIGNING_CERTIFICATE_V2, _pointer(certificate)),
        ]
    )
    signature = sign(by.key, der.tagged(der.SET, *attributes))
    issuer = der.sequence(by.certificate.issuer.public_bytes(), der.integer(by.certificate.serial_number))
    return der.sequence(
        der.integer(1), issuer, _SHA256, der.tagged(0xA0, *attributes), _ECDSA_SHA256, der.octets(signature)
    )


def _attribute(name: str, value: bytes) -> bytes:
    return der.sequence(der.oid(name), der.tagged(der.SET, value))


def _pointer(certificate: bytes) -> bytes:
    """A SigningCertificateV2 (RFC 5035)."""
    return der.sequence(der.sequence(der.sequence(der.octets(hashlib.sha256(certificate).digest()))))
