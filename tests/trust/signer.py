# SPDX-License-Identifier: Apache-2.0
"""Somebody who signs images with the tests' own parts, as cosign does with a keyless instance.

Each step is a method, so that a test can do one of them otherwise.
"""

from __future__ import annotations

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.trust import root
from tests.trust.authority import IDENTITY, ISSUER, Authority
from tests.trust.certificate_log import CertificateLog
from tests.trust.log import Log, TileLog
from tests.trust.signing import (
    Envelope,
    Proofs,
    beside,
    bundle,
    entry_dsse,
    entry_hashedrekord,
    entry_tile,
    enveloped,
    payload,
    pem,
    sign,
    statement,
)
from tests.trust.stamps import stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime

    from tests.trust.authority import Identity
    from tests.trust.log import Entry


class World:
    """A sigstore instance in memory: an authority, logs of all kinds, and who stamps."""

    def __init__(self) -> None:
        self.certificates = CertificateLog()
        self.authority = Authority(self.certificates)
        self.log, self.tiles = Log(), TileLog()
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
            authorities=[root.authority(self.authority.chain, authority)],
            logs=[root.log(self.log, log), root.log(self.tiles, log)],
            certificate_logs=[root.log(self.certificates, certificates)],
            stampers=[root.authority([self.stamper.certificate, *self.stampers.chain], stamps)],
        )

    def stamp(self, data: bytes, at: datetime.datetime | None = None) -> bytes:
        return stamp(data, self.stamper, at)

    def certify(self, identity: str = IDENTITY, issuer: str = ISSUER) -> Identity:
        return self.authority.certify(identity, issuer)

    def entry(self, envelope: Envelope, by: Identity) -> Entry:
        """In the log that is Rekor 1."""
        return self.log.add(entry_dsse(envelope, pem(by.certificate)))

    def tile_entry(self, envelope: Envelope, by: Identity) -> Entry:
        return self.tiles.add(entry_tile(envelope.signed, envelope.signature, by.certificate))

    def bundle(self, digest: str, by: Identity | None = None) -> bytes:
        """As cosign writes it, with a log of version 1."""
        by = by or self.certify()
        envelope = enveloped(by.key, statement(digest))
        return bundle(envelope, Proofs(by.certificate, [self.entry(envelope, by)]))

    def tile_bundle(self, digest: str, by: Identity | None = None) -> bytes:
        """As cosign writes it, with a log of version 2, which has no time of its own."""
        by = by or self.certify()
        envelope = enveloped(by.key, statement(digest))
        proofs = Proofs(by.certificate, [self.tile_entry(envelope, by)], [self.stamp(envelope.signature)])
        return bundle(envelope, proofs)

    def payload(
        self, digest: str, repository: str, by: Identity | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """In the older layout: what is signed, and what is kept beside it."""
        by = by or self.certify()
        body = payload(digest, repository)
        signature = sign(by.key, body)
        entry = self.log.add(entry_hashedrekord(body, signature, pem(by.certificate)))
        return body, beside(signature, Proofs(by.certificate, [entry]), self.authority.chain)
