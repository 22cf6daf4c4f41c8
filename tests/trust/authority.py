# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of the tests' own, as fulcio is one: for certificates that a real one would not give."""

from __future__ import annotations

import copy
import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.trust import der
from tests.trust.certificate_log import CertificateLog
from tests.trust.keys import PrivateKey, PublicKey, new_key, public_half

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Of Fulcio's extensions; that which has the issuer without and with DER.
ISSUER_V1, ISSUER_V2 = (x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}") for number in (1, 8))
MINUTE, HOUR, DAY, YEAR = (datetime.timedelta(minutes=each) for each in (1, 60, 1440, 525600))

IDENTITY, ISSUER = "alice@example.com", "https://issuer.example.com"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


class Identity(NamedTuple):
    """A key, and the certificate that says whose it is."""

    key: PrivateKey
    certificate: x509.Certificate


#: Somebody with a certificate, or a key and nothing else.
Signer = Identity | PrivateKey


class Authority:
    """A root and an intermediate below it, valid from `start` for `lifetime`.  `clock` is what time it is for it."""

    def __init__(
        self,
        log: CertificateLog,
        start: datetime.datetime | None = None,
        lifetime: datetime.timedelta = YEAR,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        name: str = "intermediate",
        clock: datetime.datetime | None = None,
    ) -> None:
        self.clock = clock
        self.start = start or (clock or now()) - DAY
        self.end = self.start + lifetime
        self.log = log
        self._usage = usage
        self._root_key = new_key()
        self._key: PrivateKey = new_key()
        self.root = self._authority("root", self._root_key, below=1)
        self.intermediate = self._authority(name, self._key)

    def another(
        self,
        *,
        ca: bool = True,
        signs: bool = True,
        usage: x509.ObjectIdentifier | None = None,
        end: datetime.datetime | None = None,
    ) -> Authority:
        """One with an intermediate of its own below the same root; the options say what its certificate does."""
        key = new_key()
        certificate = self._authority("another", key, ca=ca, signs=signs, usage=usage, end=end)
        return self.held_by(Identity(key, certificate))

    def held_by(self, identity: Identity) -> Authority:
        """The same with this as its intermediate, whether that may certify or not."""
        other = copy.copy(self)
        other._key, other.intermediate = identity
        return other

    @property
    def chain(self) -> list[x509.Certificate]:
        """From the one that signs to the root."""
        return [self.intermediate, self.root]

    def certify(
        self,
        identity: str | Sequence[x509.GeneralName] = IDENTITY,
        issuer: str = ISSUER,
        *,
        key: PrivateKey | None = None,
        at: datetime.datetime | None = None,
        lifetime: datetime.timedelta = 10 * MINUTE,
        logged: CertificateLog | bool | None = True,
        usages: Sequence[x509.ObjectIdentifier] | None = None,
        more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> Identity:
        """A key, a new one if none is given, with a certificate for an email address or a URI.

        Empty, `identity`, `issuer` and `usages` are not in it.  `logged` is the log whose promise it carries: True is
        the authority's own, False and None are no promise.  `more` are further extensions, critical or not."""
        key = key or new_key()
        start = at or self.clock or now()
        builder = _certificate(
            x509.Name([]), self.intermediate.subject, public_half(key), start, start + lifetime
        )
        usages = [self._usage] if usages is None else usages
        for extension, critical in (*self._leaf(key, usages), *_says(identity, issuer), *more):
            builder = builder.add_extension(extension, critical=critical)
        log = self.log if logged is True else logged
        if log:
            promise = log.promise(self._sign(log.poisoned(builder)), self.intermediate, start)
            builder = builder.add_extension(promise, critical=False)
        return Identity(key, self._sign(builder))

    def _leaf(
        self, key: PrivateKey, usages: Sequence[x509.ObjectIdentifier]
    ) -> Iterator[tuple[x509.ExtensionType, bool]]:
        yield _usage(signs=True), True
        if usages:
            yield x509.ExtendedKeyUsage(usages), False
        yield x509.SubjectKeyIdentifier.from_public_key(public_half(key)), False
        yield x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False

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

    def _authority(
        self, name: str, key: PrivateKey, below: int = 0, *, ca: bool = True, signs: bool = True,
        usage: x509.ObjectIdentifier | None = None, end: datetime.datetime | None = None,
    ) -> x509.Certificate:  # fmt: skip
        by = self._root_key
        builder = (
            _certificate(_name(name), _name("root"), public_half(key), self.start, end or self.end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=below if ca else None), critical=True)
            .add_extension(_usage(signs=not signs), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_half(key)), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
            )
        )
        if name != "root":
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage or self._usage]), critical=False)
        return builder.sign(by, SHA256())


def _says(
    identity: str | Sequence[x509.GeneralName], issuer: str
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Whom a certificate is for, by whose word."""
    if identity:
        names = [_general_name(identity)] if isinstance(identity, str) else identity
        yield x509.SubjectAlternativeName(names), True
    if issuer:
        yield x509.UnrecognizedExtension(ISSUER_V1, issuer.encode()), False
        yield x509.UnrecognizedExtension(ISSUER_V2, der.tagged(der.UTF8, issuer.encode())), False


def _general_name(identity: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: PublicKey,
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
