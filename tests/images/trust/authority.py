# SPDX-License-Identifier: Apache-2.0
"""An authority of the tests' own that gives certificates as Fulcio does, with a log of certificates as its CT log."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUER = "https://accounts.example.com"
ALICE = "alice@example.com"
ISSUER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
ISSUER_BEFORE_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
SCT_OID = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
MINUTES = 60


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def spki(key):
    """DER of a public key, or of a private key's public half."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(key):
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def utf8_string(text: str) -> bytes:
    data = text.encode()
    return b"\x0c" + (bytes([len(data)]) if len(data) < 128 else b"\x81" + bytes([len(data)])) + data


class Authority:
    """A root, an intermediate below it, and what the intermediate gives; all valid around `now`."""

    def __init__(self, now: float, name: str = "tests") -> None:
        self.now = now
        self.name = name
        self.root_key, self.key, self.log_key = new_key(), new_key(), new_key()
        self.root = self.authority(f"{name} root", self.root_key.public_key(), None)
        self.intermediate = self.authority(f"{name} intermediate", self.key.public_key(), self.root, length=0)

    def authority(
        self, name, key, issuer, *, length=1, ca=True, start=None, end=None, usage=(CODE_SIGNING,), sign=True
    ) -> x509.Certificate:
        """A certificate of an authority, by itself where there is no issuer."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            _builder(subject, issuer.subject if issuer else subject, key)
            .not_valid_before(moment(start if start is not None else self.now - 86400))
            .not_valid_after(moment(end if end is not None else self.now + 86400))
            .add_extension(x509.BasicConstraints(ca, length if ca else None), critical=True)
            .add_extension(_usage(digital_signature=not sign, key_cert_sign=sign), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(_issued_by(self.root_key), critical=False)
        )
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
        return builder.sign(self.root_key, hashes.SHA256())

    def issue(
        self,
        key,
        subject: str | None = ALICE,
        issuer: str | None = ISSUER,
        *,
        start: float | None = None,
        end: float | None = None,
        usage=(CODE_SIGNING,),
        names=None,
        more=(),
        by=None,
        sct: bool = True,
        sct_time: float | None = None,
        sct_key=None,
    ) -> x509.Certificate:
        """A certificate for ten minutes around `now`, as Fulcio gives them; `more` are further extensions."""
        signer, signing = by or (self.intermediate, self.key)
        builder = (
            _builder(x509.Name([]), signer.subject, key.public_key())
            .not_valid_before(moment(start if start is not None else self.now - 5 * MINUTES))
            .not_valid_after(moment(end if end is not None else self.now + 5 * MINUTES))
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(_issued_by(signing), critical=False)
        )
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
        names = names if names is not None else [_general_name(subject)] if subject else []
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        if issuer is not None:
            builder = builder.add_extension(
                x509.UnrecognizedExtension(ISSUER_BEFORE_OID, issuer.encode()), critical=False
            ).add_extension(x509.UnrecognizedExtension(ISSUER_OID, utf8_string(issuer)), critical=False)
        for extension, critical in more:
            builder = builder.add_extension(extension, critical=critical)
        if sct:
            bare = builder.sign(signing, hashes.SHA256())
            value = self._sct(bare, signing, sct_time or self.now, sct_key or self.log_key)
            builder = builder.add_extension(x509.UnrecognizedExtension(SCT_OID, value), critical=False)
        return builder.sign(signing, hashes.SHA256())

    def _sct(self, bare: x509.Certificate, issuer_key, when: float, key):
        """The extension with one promise to publish a certificate (RFC 6962, 3.2, 3.3)."""
        body = bare.tbs_certificate_bytes
        stamp = struct.pack(">Q", int(when * 1000))
        signed = (
            b"\0\0" + stamp + b"\0\1" + hashlib.sha256(spki(issuer_key)).digest()
            + len(body).to_bytes(3, "big") + body + b"\0\0"
        )  # fmt: skip
        signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
        sct = (
            b"\0" + hashlib.sha256(spki(key)).digest() + stamp + b"\0\0"
            + b"\4\3" + struct.pack(">H", len(signature)) + signature
        )  # fmt: skip
        listed = struct.pack(">H", len(sct)) + sct
        value = struct.pack(">H", len(listed)) + listed
        return b"\x04" + (bytes([len(value)]) if len(value) < 128 else b"\x81" + bytes([len(value)])) + value


def _builder(subject: x509.Name, issuer: x509.Name, key) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
    )


def _issued_by(key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature, False, False, False, False, key_cert_sign, key_cert_sign, False, False
    )


def _general_name(subject: str) -> x509.GeneralName:
    return x509.RFC822Name(subject) if "://" not in subject else x509.UniformResourceIdentifier(subject)
