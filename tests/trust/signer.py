# SPDX-License-Identifier: Apache-2.0
"""Somebody who signs images with the tests' own parts, as cosign does with a keyless instance.

Each step is a method, so that a test can do one of them otherwise.
"""

from __future__ import annotations

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.trust import root
from tests.trust.authority import IDENTITY, ISSUER, Authority, Identity
from tests.trust.certificate_log import CertificateLog
from tests.trust.keys import sign
from tests.trust.log import Log, TileLog
from tests.trust.signing import (
    Envelope,
    Proofs,
    beside,
    bundle,
    entry_dsse,
    entry_hashedrekord,
    entry_tile,
    entry_tile_dsse,
    enveloped,
    payload,
    statement,
)
from tests.trust.stamps import stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from cryptography import x509

    from tests.trust.authority import Signer
    from tests.trust.keys import PrivateKey
    from tests.trust.log import Entry
    from tests.trust.signing import Verifier


class World:
    """A sigstore instance in memory: an authority, logs of all kinds, and who stamps.

    `clock` is what time it is for all of them: without, whatever it is when they are asked."""

    def __init__(self, clock: datetime.datetime | None = None) -> None:
        self.clock = clock
        self.certificates = CertificateLog()
        self.authority = Authority(self.certificates, clock=clock)
        self.log, self.tiles = Log(clock), TileLog(clock)
        self.stampers = Authority(CertificateLog(), usage=ExtendedKeyUsageOID.TIME_STAMPING)
        self.stamper = self.stampers.stamper()

    def trusted_root(
        self,
        *,
        authority: root.Period = root.ALWAYS,
        log: root.Period = root.ALWAYS,
        certificates: root.Period = root.ALWAYS,
        stamps: root.Period = root.ALWAYS,
    ) -> bytes:
        """Believes in all of it, for these times."""
        return root.trusted_root(
            authorities=[root.authority("fulcio", self.authority.chain, authority)],
            logs=[root.log(self.log, log), root.log(self.tiles, log)],
            certificate_logs=[root.log(self.certificates, certificates)],
            stampers=[root.authority("clock", [self.stamper.certificate, *self.stampers.chain], stamps)],
        )

    def stamp(self, data: bytes, at: datetime.datetime | None = None) -> bytes:
        return stamp(data, self.stamper, at or self.clock)

    def certify(self, identity: str = IDENTITY, issuer: str = ISSUER) -> Identity:
        return self.authority.certify(identity, issuer)

    def entry(
        self, envelope: Envelope, by: Signer, *, hashed: bool = False, at: datetime.datetime | None = None
    ) -> Entry:
        """In the log that is Rekor 1; `hashed` as anything signed is, not as an envelope."""
        if hashed:
            return self.log.add(entry_hashedrekord(envelope.signed, envelope.signature, verifier_of(by)), at)
        return self.log.add(entry_dsse(envelope, verifier_of(by)), at)

    def tile_entry(self, envelope: Envelope, by: Signer, *, hashed: bool = True) -> Entry:
        if hashed:
            return self.tiles.add(entry_tile(envelope.signed, envelope.signature, verifier_of(by)))
        return self.tiles.add(entry_tile_dsse(envelope, verifier_of(by)))

    def bundle(self, digest: str, by: Signer | None = None) -> bytes:
        """As cosign writes it, with a log of version 1."""
        by = by or self.certify()
        envelope = enveloped(key_of(by), statement(digest))
        return self.proven(envelope, by, [self.entry(envelope, by)])

    def tile_bundle(self, digest: str, by: Signer | None = None) -> bytes:
        """As cosign writes it, with a log of version 2, which has no time of its own."""
        by = by or self.certify()
        envelope = enveloped(key_of(by), statement(digest))
        return self.proven(envelope, by, [self.tile_entry(envelope, by)], stamped=True)

    def proven(
        self, envelope: Envelope, by: Signer, entries: Sequence[Entry], *, stamped: bool = False
    ) -> bytes:
        """A bundle."""
        stamps = [self.stamp(envelope.signature)] if stamped else []
        return bundle(envelope, Proofs(certificate_of(by), entries, stamps))

    def payload(
        self, digest: str, repository: str, by: Signer | None = None, *, logged: bool = True
    ) -> tuple[bytes, dict[str, str]]:
        """In the older layout: what is signed, and what is kept beside it."""
        body = payload(digest, repository)
        return body, self.beside(body, by or self.certify(), logged=logged)

    def beside(
        self, body: bytes, by: Signer, *, logged: bool = True, stamped: bool = False
    ) -> dict[str, str]:
        """What is kept beside a signed payload."""
        signature = sign(key_of(by), body)
        entry = entry_hashedrekord(body, signature, verifier_of(by))
        entries = [self.log.add(entry)] if logged else []
        stamps = [self.stamp(signature)] if stamped else []
        return beside(signature, Proofs(certificate_of(by), entries, stamps), self.authority.chain)


def key_of(by: Signer) -> PrivateKey:
    return by.key if isinstance(by, Identity) else by


def certificate_of(by: Signer) -> x509.Certificate | None:
    return by.certificate if isinstance(by, Identity) else None


def verifier_of(by: Signer) -> Verifier:
    """What others need to verify what they sign."""
    return by.certificate if isinstance(by, Identity) else by
