# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of the tests' own, as fulcio is one: for certificates that a real one would not give."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.trust import der
from tests.trust.certificate_log import CertificateLog

Key = ec.EllipticCurvePrivateKey

#: Of Fulcio's extensions; that which has the issuer without and with DER.
ISSUER_V1, ISSUER_V2 = (x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}") for number in (1, 8))
MINUTE, HOUR, DAY, YEAR = (datetime.timedelta(minutes=each) for each in (1, 60, 1440, 525600))

IDENTITY, ISSUER = "dev@example.com", "https://issuer.example.com"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


class Identity(NamedTuple):
    """A key, and the certificate that says whose it is."""

    key: Key
    certificate: x509.Certificate


class Authority:
    """A root and an intermediate below it, valid from `start` for `lifetime`."""

    def __init__(
        self,
        log: CertificateLog,
        start: datetime.datetime | None = None,
        lifetime: datetime.timedelta = YEAR,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        name: str = "intermediate",
    ) -> None:
        self.start = start or now() - DAY
        self.end = self.start + lifetime
        self.log = log
        self._usage = usage
        self._root_key, self._key = new_key(), new_key()
        self.root = self._authority("root", self._root_key, self._root_key, "root", 1)
        self.intermediate = self._authority(name, self._key, self._root_key, "root", 0)

    @property
    def chain(self) -> list[x509.Certificate]:
        """From the one that signs to the root."""
        return [self.intermediate, self.root]

    def certify(
        self,
        identity: str = IDENTITY,
        issuer: str = ISSUER,
        *,
        at: datetime.datetime | None = None,
        lifetime: datetime.timedelta = 10 * MINUTE,
        logged: CertificateLog | bool | None = True,
        usage: x509.ObjectIdentifier | None = None,
    ) -> Identity:
        """A new key with a certificate for an email address or a URI.

        `logged` is the log whose promise it carries: True is the authority's own, False and None are no promise."""
        key = new_key()
        start = at or now()
        builder = self._leaf(key, identity, issuer, start, lifetime, usage)
        log = self.log if logged is True else logged
        if log:
            promise = log.promise(self._sign(log.poisoned(builder)), self.intermediate, start)
            builder = builder.add_extension(promise, critical=False)
        return Identity(key, self._sign(builder))

    def _leaf(
        self, key: Key, identity: str, issuer: str, start: datetime.datetime,
        lifetime: datetime.timedelta, usage: x509.ObjectIdentifier | None,
    ) -> x509.CertificateBuilder:  # fmt: skip
        is_uri = "://" in identity
        name = x509.UniformResourceIdentifier(identity) if is_uri else x509.RFC822Name(identity)
        in_der = der.tagged(der.UTF8, issuer.encode())
        return (
            _certificate(x509.Name([]), self.intermediate.subject, key.public_key(), start, start + lifetime)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage or self._usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V1, issuer.encode()), critical=False)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V2, in_der), critical=False)
        )

    def stamper(self) -> Identity:
        """A key for timestamps, and its certificate."""
        key = new_key()
        builder = (
            _certificate(_name("stamper"), self.intermediate.subject, key.public_key(), self.start, self.end)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        )
        return Identity(key, self._sign(builder))

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self._key, SHA256())

    def _authority(self, name: str, key: Key, by: Key, issuer: str, below: int) -> x509.Certificate:
        builder = (
            _certificate(_name(name), _name(issuer), key.public_key(), self.start, self.end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
            )
        )
        if name != "root":
            builder = builder.add_extension(x509.ExtendedKeyUsage([self._usage]), critical=False)
        return builder.sign(by, SHA256())


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    start: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Of what signs images and timestamps, or of what signs certificates."""
    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=not signs,
        crl_sign=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
