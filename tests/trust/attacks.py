# SPDX-License-Identifier: Apache-2.0
"""Signatures that must not be believed, each with the words that the error must have.

An attack attaches what it made to an image of a small registry; what it needs to be believed in, the trusted root, it
may change.  All of them would be good but for one thing.
"""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

from cryptography.x509.oid import ExtendedKeyUsageOID

from bpfman.images.digest import digest_of
from tests.trust import merkle
from tests.trust.attaching import attach_bundle, attach_payloads
from tests.trust.authority import DAY, HOUR, IDENTITY, MINUTE, YEAR, Authority, Identity, now
from tests.trust.certificate_log import CertificateLog
from tests.trust.keys import sign
from tests.trust.log import Entry, Log
from tests.trust.root import LONG_AGO
from tests.trust.signer import World
from tests.trust.signing import (
    Envelope,
    Proofs,
    beside,
    bundle,
    entry_dsse,
    enveloped,
    payload,
    statement,
)
from tests.trust.stamps import stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from tests.images.small_registry import SmallRegistry

OTHER = "sha256:" + "0" * 64
PAST, GONE = (LONG_AGO, now() - HOUR), (now() + HOUR, None)


class Scene:
    """An image in a registry, and who signs it."""

    def __init__(self, registry: SmallRegistry, repository: str, digest: str) -> None:
        self.world = World()
        self.registry, self.repository, self.digest = registry, repository, digest
        self.root = self.world.trusted_root()
        self.by = self.world.certify()
        self.envelope = enveloped(self.by.key, statement(digest))

    @property
    def name(self) -> str:
        return f"{self.registry.host}/{self.repository}"

    def believe(
        self, world: World | None = None, **periods: tuple[datetime.datetime, datetime.datetime | None]
    ):
        self.root = (world or self.world).trusted_root(**periods)

    def attach(self, data: bytes) -> None:
        attach_bundle(self.registry, self.repository, self.digest, data)

    def bundle(self, *entries: Entry, stamps: tuple[bytes, ...] = (), by: Identity | None = None,
               envelope: Envelope | None = None) -> None:  # fmt: skip
        certificate = (by or self.by).certificate
        self.attach(bundle(envelope or self.envelope, Proofs(certificate, entries, stamps)))

    def entry(self, by: Identity | None = None, envelope: Envelope | None = None) -> Entry:
        return self.world.entry(envelope or self.envelope, by or self.by)

    def tile_entry(self) -> Entry:
        return self.world.tile_entry(self.envelope, self.by)

    def signed_by(self, by: Identity) -> None:
        """All of it by somebody else."""
        envelope = enveloped(by.key, statement(self.digest))
        self.bundle(self.entry(by, envelope), by=by, envelope=envelope)

    def payloads(self, *signatures: tuple[bytes, dict[str, str]]) -> None:
        attach_payloads(self.registry, self.repository, self.digest, signatures)

    def changed(self, change: Callable[[dict], object]) -> None:
        """A good bundle, with something in it changed."""
        whole = json.loads(bundle(self.envelope, Proofs(self.by.certificate, [self.entry()])))
        change(whole)
        self.attach(json.dumps(whole).encode())


class Attack(NamedTuple):
    name: str
    make: Callable[[Scene], None]
    says: str  # a pattern that the error must match


ATTACKS: list[Attack] = []


def attack(says: str) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    def register(make: Callable[[Scene], None]) -> Callable[[Scene], None]:
        ATTACKS.append(Attack(make.__name__, make, says))
        return make

    return register


# what was signed


@attack("signature: ")
def payload_tampered(scene: Scene) -> None:
    other = enveloped(scene.by.key, statement(OTHER))
    spoiled = scene.envelope._replace(signature=other.signature)
    scene.bundle(scene.entry(envelope=spoiled), envelope=spoiled)


@attack("digest: it is for sha256:0000")
def signature_for_another_digest(scene: Scene) -> None:
    other = enveloped(scene.by.key, statement(OTHER))
    scene.bundle(scene.entry(envelope=other), envelope=other)


@attack("digest: it is for sha256:0000")
def payload_for_another_digest(scene: Scene) -> None:
    scene.payloads(scene.world.payload(OTHER, scene.name))


@attack("signature: ")
def payload_tampered_in_the_older_layout(scene: Scene) -> None:
    _, kept = scene.world.payload(OTHER, scene.name)
    scene.payloads((payload(scene.digest, scene.name), kept))


@attack("signature: |document: ")
def signature_of_nothing(scene: Scene) -> None:
    empty = scene.envelope._replace(signature=b"")
    scene.bundle(scene.entry(envelope=empty), envelope=empty)


@attack("document: .*in-toto")
def payload_of_another_type(scene: Scene) -> None:
    other = enveloped(scene.by.key, statement(scene.digest), "application/json")
    scene.bundle(scene.entry(envelope=other), envelope=other)


@attack("document: ")
def two_signatures_in_an_envelope(scene: Scene) -> None:
    def change(whole: dict) -> None:
        whole["dsseEnvelope"]["signatures"] *= 2

    scene.changed(change)


# whose it is


@attack(f"identity: it was signed by mallory@example.com .*expected {IDENTITY}")
def signed_by_somebody_else(scene: Scene) -> None:
    scene.signed_by(scene.world.certify("mallory@example.com"))


@attack("identity: it was signed by .*https://elsewhere.example.com")
def vouched_for_by_another_issuer(scene: Scene) -> None:
    scene.signed_by(scene.world.certify(issuer="https://elsewhere.example.com"))


@attack("identity: ")
def identity_that_begins_alike(scene: Scene) -> None:
    scene.signed_by(scene.world.certify(IDENTITY + ".evil.example.com"))


@attack("identity: ")
def identity_as_a_uri(scene: Scene) -> None:
    scene.signed_by(scene.world.certify(f"https://{IDENTITY}"))


@attack("certificate: its issuer ")
def certificate_of_a_strange_authority(scene: Scene) -> None:
    by = Authority(scene.world.certificates).certify()
    scene.signed_by(by)


@attack("certificate: ")
def certificate_of_its_own(scene: Scene) -> None:
    """A good certificate's holder gives another one."""
    scene.signed_by(scene.world.authority.held_by(scene.by).certify())


@attack("certificate: .*had expired")
def certificate_expired_when_it_was_logged(scene: Scene) -> None:
    scene.signed_by(scene.world.authority.certify(at=now() - HOUR))


@attack("certificate: .*was not yet valid")
def certificate_not_yet_valid_when_it_was_logged(scene: Scene) -> None:
    scene.signed_by(scene.world.authority.certify(at=now() + HOUR))


@attack("certificate: .*(extended key usage|signing code)")
def certificate_for_servers(scene: Scene) -> None:
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    scene.signed_by(scene.world.authority.certify(usages=[usage]))


@attack("signature: ")
def certificate_of_another_key(scene: Scene) -> None:
    by = Identity(scene.by.key, scene.world.certify().certificate)
    envelope = enveloped(by.key, statement(scene.digest))
    scene.bundle(scene.entry(by, envelope), by=by, envelope=envelope)


@attack("certificate: ")
def no_certificate(scene: Scene) -> None:
    scene.attach(bundle(scene.envelope, Proofs(entries=[scene.entry()], hint="anybody")))


# the authority and its log


@attack("certificate: ")
def authority_no_longer_believed(scene: Scene) -> None:
    scene.bundle(scene.entry())
    scene.believe(authority=PAST)


@attack("certificate: ")
def authority_not_yet_believed(scene: Scene) -> None:
    scene.bundle(scene.entry())
    scene.believe(authority=GONE)


@attack("certificate: .*had expired")
def authority_itself_expired(scene: Scene) -> None:
    world = scene.world
    world.authority = Authority(world.certificates, now() - 2 * YEAR, YEAR)
    scene.believe()
    scene.signed_by(world.certify())


@attack("certificate log: ")
def certificate_in_no_log(scene: Scene) -> None:
    scene.signed_by(scene.world.authority.certify(logged=None))


@attack("certificate log: ")
def certificate_in_a_strange_log(scene: Scene) -> None:
    scene.signed_by(scene.world.authority.certify(logged=CertificateLog()))


@attack("certificate log: ")
def certificate_log_no_longer_believed(scene: Scene) -> None:
    scene.bundle(scene.entry())
    scene.believe(certificates=PAST)


@attack("certificate log: ")
def certificate_with_a_promise_by_an_impostor(scene: Scene) -> None:
    impostor = CertificateLog()
    genuine = scene.world.certificates
    impostor_id = type("Impostor", (CertificateLog,), {"id": genuine.id})()
    impostor_id.key = impostor.key
    scene.signed_by(scene.world.authority.certify(logged=impostor_id))


# the log of signatures


@attack("log: ")
def not_in_a_log(scene: Scene) -> None:
    scene.bundle(stamps=(scene.world.stamp(scene.envelope.signature),))


@attack("log: ")
def in_a_strange_log(scene: Scene) -> None:
    scene.bundle(Log().add(entry_dsse(scene.envelope, scene.by.certificate)))


@attack("log: ")
def in_the_log_of_an_impostor(scene: Scene) -> None:
    log = Log()
    log.__class__ = type("Impostor", (Log,), {"id": scene.world.log.id})
    scene.bundle(log.add(entry_dsse(scene.envelope, scene.by.certificate)))


@attack("log: ")
def log_no_longer_believed(scene: Scene) -> None:
    scene.bundle(scene.entry())
    scene.believe(log=PAST)


@attack("log: ")
def log_not_yet_believed(scene: Scene) -> None:
    scene.bundle(scene.entry())
    scene.believe(log=GONE)


@attack("log: ")
def promise_spoiled(scene: Scene) -> None:
    entry = scene.entry()
    scene.bundle(entry._replace(promise=scene.world.log.sign(b"something else")))


@attack("log: ")
def time_of_the_promise_changed(scene: Scene) -> None:
    entry = scene.entry()
    scene.bundle(entry._replace(integrated_time=entry.integrated_time + 1))


@attack("log: ")
def proof_spoiled(scene: Scene) -> None:
    entry = scene.entry()
    scene.bundle(entry._replace(hashes=[b"\0" * 32 for _ in entry.hashes]))


@attack("log: ")
def proof_of_another_place(scene: Scene) -> None:
    scene.entry()
    entry = scene.entry()
    scene.bundle(entry._replace(place=entry.place - 1))


@attack("log: ")
def root_made_up(scene: Scene) -> None:
    """The proof leads to the root that is told, and the log never signed it."""
    forger = Log()
    forger.leaves[0] = merkle.leaf(b"another beginning")
    entry = forger.add(entry_dsse(scene.envelope, scene.by.certificate))
    genuine = scene.entry()
    told = genuine.promise, genuine.integrated_time, genuine.checkpoint, genuine.log_id
    promise, time, checkpoint, log_id = told
    scene.bundle(entry._replace(promise=promise, integrated_time=time, checkpoint=checkpoint, log_id=log_id))


@attack("log: ")
def checkpoint_by_a_stranger(scene: Scene) -> None:
    entry = scene.entry()
    forger = Log()
    scene.bundle(entry._replace(checkpoint=forger.checkpoint(entry.size, entry.root)))


@attack("log: ")
def checkpoint_spoiled(scene: Scene) -> None:
    entry = scene.entry()
    head, _, signature = entry.checkpoint.rpartition("— ")
    name, _, data = signature.strip().rpartition(" ")
    raw = bytearray(base64.b64decode(data))
    raw[-1] ^= 1
    scene.bundle(entry._replace(checkpoint=f"{head}— {name} {base64.b64encode(raw).decode()}\n"))


@attack("log: ")
def checkpoint_of_another_tree(scene: Scene) -> None:
    entry = scene.entry()
    later = scene.entry()
    scene.bundle(entry._replace(checkpoint=later.checkpoint))


@attack("log: ")
def entry_of_another_signature(scene: Scene) -> None:
    """Somebody's entry in the log, shown beside a signature that was never entered."""
    other = enveloped(scene.by.key, statement(OTHER))
    scene.bundle(scene.entry(envelope=other))


@attack("log: ")
def entry_of_another_certificate(scene: Scene) -> None:
    scene.bundle(scene.entry(scene.world.certify()))


@attack("log: ")
def tile_without_a_proof(scene: Scene) -> None:
    signature = scene.envelope.signature
    whole = json.loads(
        bundle(
            scene.envelope, Proofs(scene.by.certificate, [scene.tile_entry()], [scene.world.stamp(signature)])
        )
    )
    del whole["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    scene.attach(json.dumps(whole).encode())


@attack("log: ")
def tile_proof_spoiled(scene: Scene) -> None:
    entry = scene.tile_entry()
    spoiled = entry._replace(hashes=[b"\0" * 32 for _ in entry.hashes])
    scene.bundle(spoiled, stamps=(scene.world.stamp(scene.envelope.signature),))


# the time


@attack("timestamp: nothing proves")
def tile_without_a_time(scene: Scene) -> None:
    scene.bundle(scene.tile_entry())


@attack("timestamp: ")
def stamped_by_a_stranger(scene: Scene) -> None:
    strangers = Authority(CertificateLog(), usage=ExtendedKeyUsageOID.TIME_STAMPING)
    scene.bundle(scene.tile_entry(), stamps=(stamp(scene.envelope.signature, strangers.stamper()),))


@attack("timestamp: ")
def stamp_of_something_else(scene: Scene) -> None:
    scene.bundle(scene.tile_entry(), stamps=(scene.world.stamp(b"something else"),))


@attack("timestamp: ")
def stamp_spoiled(scene: Scene) -> None:
    raw = bytearray(scene.world.stamp(scene.envelope.signature))
    raw[-1] ^= 1
    scene.bundle(scene.tile_entry(), stamps=(bytes(raw),))


@attack("timestamp: ")
def stamp_that_is_none(scene: Scene) -> None:
    scene.bundle(scene.tile_entry(), stamps=(b"\x30\x03\x02\x01\x02",))


@attack("timestamp: ")
def stampers_no_longer_believed(scene: Scene) -> None:
    scene.bundle(scene.tile_entry(), stamps=(scene.world.stamp(scene.envelope.signature),))
    scene.believe(stamps=PAST)


@attack("certificate: .*had expired")
def stamped_when_the_certificate_had_expired(scene: Scene) -> None:
    scene.by = scene.world.authority.certify(at=now() - 20 * MINUTE)
    scene.envelope = enveloped(scene.by.key, statement(scene.digest))
    scene.bundle(scene.tile_entry(), stamps=(scene.world.stamp(scene.envelope.signature),))


@attack("timestamp: .*yet to come")
def stamped_tomorrow(scene: Scene) -> None:
    """Or this machine's clock is wrong: then nothing can be said of what is valid."""
    scene.by = scene.world.authority.certify(at=now() + DAY)
    scene.envelope = enveloped(scene.by.key, statement(scene.digest))
    stamp = scene.world.stamp(scene.envelope.signature, now() + DAY)
    scene.bundle(scene.tile_entry(), stamps=(stamp,))


@attack("timestamp: .*yet to come")
def logged_tomorrow(scene: Scene) -> None:
    scene.by = scene.world.authority.certify(at=now() + DAY)
    scene.envelope = enveloped(scene.by.key, statement(scene.digest))
    scene.world.log.clock = now() + DAY
    scene.bundle(scene.entry())


@attack("certificate: .*not yet valid")
def stamped_before_the_certificate(scene: Scene) -> None:
    scene.bundle(scene.tile_entry(), stamps=(scene.world.stamp(scene.envelope.signature, now() - HOUR),))


@attack("timestamp: its timestamp of .* is not good: https://clock.example.com: ")
def good_entry_and_a_stamp_of_something_else(scene: Scene) -> None:
    """What is there of somebody known, and is not good, is not overlooked."""
    scene.bundle(scene.entry(), stamps=(scene.world.stamp(b"something else"),))


@attack("timestamp: its timestamp of .* is not good: https://clock.example.com: ")
def good_entry_and_a_spoiled_stamp(scene: Scene) -> None:
    raw = bytearray(scene.world.stamp(scene.envelope.signature))
    raw[-1] ^= 1
    scene.bundle(scene.entry(), stamps=(bytes(raw),))


@attack("timestamp: its timestamp of .* is not good: https://clock.example.com: ")
def good_entry_and_a_stamp_after_its_authoritys_time(scene: Scene) -> None:
    """The stamper's certificate ends before it stamps."""
    world = scene.world
    world.stampers = Authority(CertificateLog(), now() - 2 * YEAR, YEAR, ExtendedKeyUsageOID.TIME_STAMPING)
    world.stamper = world.stampers.stamper()
    scene.believe()
    scene.bundle(scene.entry(), stamps=(world.stamp(scene.envelope.signature),))


@attack("timestamp: its timestamp of .* is not good: https://clock.example.com: it was valid ")
def good_entry_and_a_stamper_no_longer_believed(scene: Scene) -> None:
    scene.bundle(scene.entry(), stamps=(scene.world.stamp(scene.envelope.signature),))
    scene.believe(stamps=PAST)


@attack("timestamp: its timestamp of .* is not good: https://clock.example.com: ")
def good_entry_and_a_stamp_of_an_impostor(scene: Scene) -> None:
    """Somebody who shows the stamper's certificate, and has another key."""
    impostor = Identity(scene.world.certify().key, scene.world.stamper.certificate)
    scene.bundle(scene.entry(), stamps=(stamp(scene.envelope.signature, impostor),))


@attack("timestamp: its timestamp is no answer")
def good_entry_and_a_stamp_that_is_none(scene: Scene) -> None:
    scene.bundle(scene.entry(), stamps=(b"\x30\x03\x02\x01\x02",))


@attack("timestamp: nothing proves .*; its timestamp is by CN=stamper,O=tests, which the trusted")
def good_entry_without_a_time_and_a_strangers_stamp(scene: Scene) -> None:
    strangers = Authority(CertificateLog(), usage=ExtendedKeyUsageOID.TIME_STAMPING)
    scene.bundle(scene.tile_entry(), stamps=(stamp(scene.envelope.signature, strangers.stamper()),))


# words that mean harm to whoever reads them

ESCAPE = "\x1b[2J\nbpfman: all is well"


@attack("identity: ")
def identity_that_clears_the_screen(scene: Scene) -> None:
    scene.signed_by(scene.world.certify(f"https://example.com/{ESCAPE}"))


@attack("identity: ")
def issuer_that_clears_the_screen(scene: Scene) -> None:
    scene.signed_by(scene.world.certify(issuer=ESCAPE))


@attack("certificate: ")
def authority_that_clears_the_screen(scene: Scene) -> None:
    scene.signed_by(Authority(scene.world.certificates, name=ESCAPE).certify())


@attack("document: ")
def type_that_clears_the_screen(scene: Scene) -> None:
    def change(whole: dict) -> None:
        whole["mediaType"] = ESCAPE

    scene.changed(change)


@attack("document: ")
def payload_type_that_clears_the_screen(scene: Scene) -> None:
    attach_payloads(
        scene.registry, scene.repository, scene.digest, [(b"{}", {})], media_type=f"application/{ESCAPE}"
    )


@attack("digest: ")
def digest_that_clears_the_screen(scene: Scene) -> None:
    other = enveloped(scene.by.key, statement(f"sha256:{ESCAPE}"))
    scene.bundle(scene.entry(envelope=other), envelope=other)


# bytes that mean harm


def _hostile(name: str, data: bytes, says: str = "document: ") -> None:
    ATTACKS.append(Attack(f"hostile_{name}", lambda scene: scene.attach(data), says))


_hostile("nothing", b"")
_hostile("no_json", b"\x7fELF\x02\x01\x01")
_hostile("no_object", b"[]")
_hostile("deep", b'{"a":' * 100_000)
_hostile("deep_and_closed", b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
_hostile("long_number", b'{"mediaType":' + b"9" * 100_000 + b"}")
_hostile("no_unicode", b'{"mediaType":"\xff\xfe"}')
_hostile("half_a_character", b'{"mediaType":"\\ud800"}')
_hostile("no_number", b'{"mediaType":NaN}')
_hostile("of_another_type", b'{"mediaType":"application/x"}')
_hostile("large", b" " * (8 << 20), "document: .*bytes")


@attack("document: ")
def truncated(scene: Scene) -> None:
    whole = bundle(scene.envelope, Proofs(scene.by.certificate, [scene.entry()]))
    scene.attach(whole[: len(whole) // 2])


@attack("certificate: ")
def certificate_that_is_none(scene: Scene) -> None:
    def change(whole: dict) -> None:
        whole["verificationMaterial"]["certificate"]["rawBytes"] = "MAA="

    scene.changed(change)


@attack("document: ")
def entries_without_end(scene: Scene) -> None:
    def change(whole: dict) -> None:
        whole["verificationMaterial"]["tlogEntries"] *= 1000

    scene.changed(change)


@attack("document: ")
def numbers_below_zero(scene: Scene) -> None:
    def change(whole: dict) -> None:
        whole["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["treeSize"] = "-1"

    scene.changed(change)


@attack("(document|log): ")
def numbers_beyond_all(scene: Scene) -> None:
    def change(whole: dict) -> None:
        proof = whole["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
        proof["treeSize"] = proof["logIndex"] = "9" * 30

    scene.changed(change)


@attack("document: .*3000 layers, more than")
def payloads_without_end(scene: Scene) -> None:
    bad = payload(OTHER, scene.name)
    kept = beside(sign(scene.by.key, bad), Proofs(scene.by.certificate))
    scene.payloads(*[(bad, kept)] * 3000)


@attack("more were not looked at")
def referrers_without_end(scene: Scene) -> None:
    for number in range(500):
        scene.attach(b'{"number": %d}' % number)


@attack("document: ")
def bundle_with_the_wrong_bytes(scene: Scene) -> None:
    """The registry gives something else than what the manifest names."""
    genuine = bundle(scene.envelope, Proofs(scene.by.certificate, [scene.entry()]))
    scene.attach(genuine)
    scene.registry.blobs[digest_of(genuine)] = genuine.replace(b"a", b"b", 1)


@attack("document: ")
def bundle_that_is_gone(scene: Scene) -> None:
    """It is listed, and cannot be had: that is not the same as none."""
    genuine = bundle(scene.envelope, Proofs(scene.by.certificate, [scene.entry()]))
    scene.attach(genuine)
    del scene.registry.blobs[digest_of(genuine)]
