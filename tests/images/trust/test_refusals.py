# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a signature makes it refused, at the step that is said."""

from __future__ import annotations

import base64
import json
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from bpfman.errors import SignatureRefused, TrustMaterialError, Unsigned
from bpfman.images.digest import digest_of
from bpfman.images.trust.demand import Demand, Identity, Instance, Key, Pki, fingerprint
from bpfman.images.trust.keys import certificate_fingerprint, key_fingerprint
from bpfman.images.trust.signatures import BUNDLE, Found, Signature
from bpfman.images.trust.verifying import verify
from tests.images.trust.authority import ALICE, ISSUER, MINUTES, Authority, certificate_pem, new_key, pem
from tests.images.trust.instance import Sigstore, found, payload, statement
from tests.images.trust.rekor import Rekor, b64

NOW = time.time()
BY_ALICE = (Identity(subject=ALICE, issuer=ISSUER),)
OTHER = digest_of(b"another image")
DAY = 86400


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory):
    return Sigstore(tmp_path_factory.mktemp("clock"), NOW)


def refused(given, demand: Demand, now: float = NOW) -> tuple[str, str]:
    """The step and the reason of a signature's refusal."""
    there = given if isinstance(given, Found) else found(given)
    with pytest.raises(SignatureRefused) as raised:
        verify(there, None, demand, now)
    [(_, step, why)] = raised.value.refusals
    assert why in str(raised.value)
    return step, why


def by_alice(sigstore, **more) -> Demand:
    return Demand(**{"identities": BY_ALICE, "instance": sigstore.instance(), **more})


# what was signed


def test_another_image(sigstore):
    step, why = refused(sigstore.keyless(digest=OTHER), by_alice(sigstore))
    assert step == "digest"
    assert OTHER in why
    key = new_key()
    assert (
        refused(sigstore.tagged(key, data=payload(OTHER)), Demand(keys=(Key(pem(key), "k"),)))[0] == "digest"
    )


def test_a_statement_with_another_digest_under_the_same_signature(sigstore):
    bundle = sigstore.keyless()
    bundle["dsseEnvelope"]["payload"] = b64(statement(annotations={"rev": "2"}))
    assert refused(bundle, by_alice(sigstore))[0] == "signature"


def test_an_attestation_is_no_signature(sigstore):
    attestation = sigstore.keyless(content=statement(predicate="https://slsa.dev/provenance/v1"))
    with pytest.raises(Unsigned):
        verify(found(attestation), None, by_alice(sigstore), NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": "application/vnd.dev.sigstore.bundle.v9+json"},
        {"mediaType": None},
        {"dsseEnvelope": None},
        {"messageSignature": {}},
        {"verificationMaterial": []},
        {"verificationMaterial": {"certificate": {"rawBytes": "!"}}},
        {"dsseEnvelope": {"payload": "", "payloadType": "text/plain", "signatures": [{"sig": ""}]}},
    ],
    ids=str,
)
def test_what_is_no_bundle(sigstore, change):
    bundle = {**sigstore.keyless(), **change}
    assert refused(bundle, by_alice(sigstore))[0] == "document"


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"mediaType": 1, "mediaType": 2}']
)
def test_what_is_no_json(sigstore, data):
    assert refused(found(data), by_alice(sigstore))[0] == "document"


def test_a_key_given_twice(sigstore):
    text = json.dumps(sigstore.keyless())
    twice = text.replace('"rawBytes"', '"rawBytes": "", "rawBytes"', 1)
    step, why = refused(found(twice.encode()), by_alice(sigstore))
    assert step == "document"
    assert "twice" in why


def test_two_signatures_in_an_envelope(sigstore):
    bundle = sigstore.keyless()
    bundle["dsseEnvelope"]["signatures"] *= 2
    assert refused(bundle, by_alice(sigstore))[0] == "document"


def test_what_could_not_be_fetched_is_a_bad_signature(sigstore):
    lost = Signature(BUNDLE, "bundle x", b"", problem="blob x has 3 bytes, expected 4")
    assert refused(found(lost), by_alice(sigstore)) == ("document", "blob x has 3 bytes, expected 4")


# who signed


def test_somebody_else_s_key(sigstore):
    assert refused(sigstore.bundle(log=False), Demand(keys=(Key(pem(new_key()), "k"),)))[0] == "signature"


@pytest.mark.parametrize(
    "wanted",
    [
        Identity(subject="bob@example.com", issuer=ISSUER),
        Identity(subject=ALICE, issuer="https://github.com"),
        Identity(subject_regexp="alice", issuer=ISSUER),
        Identity(subject_regexp=r".*@example\.com", issuer_regexp="https://accounts"),
        Identity(subject=ALICE, subject_regexp="bob.*", issuer=ISSUER),
    ],
    ids=str,
)
def test_another_identity(sigstore, wanted):
    step, why = refused(sigstore.keyless(), by_alice(sigstore, identities=(wanted,)))
    assert step == "identity"
    assert f"{ALICE} by {ISSUER}" in why


@pytest.mark.parametrize(
    "wanted",
    [
        Identity(subject_regexp=r".*@example\.com", issuer_regexp="https://accounts.*"),
        Identity(issuer=ISSUER),
        Identity(subject=ALICE),
    ],
    ids=str,
)
def test_an_identity_by_what_is_known_of_it(sigstore, wanted):
    assert verify(found(sigstore.keyless()), None, by_alice(sigstore, identities=(wanted,)), NOW)


def test_an_identity_that_says_nobody(sigstore):
    anybody = Demand(any_identity=True, instance=sigstore.instance())
    assert verify(found(sigstore.keyless()), None, anybody, NOW)
    assert refused(sigstore.keyless(subject=None), anybody)[0] == "identity"


def test_a_workflow_s_and_a_user_s_name(sigstore):
    workflow = "https://github.com/acme/meter/.github/workflows/release.yml@refs/tags/v1"
    user = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), b"\x0c\x05alice")
    for subject, about in ((workflow, {"subject": workflow}), ("alice", {"names": [user]})):
        demand = by_alice(sigstore, identities=(Identity(subject=subject, issuer=ISSUER),))
        assert verify(found(sigstore.keyless(**about)), None, demand, NOW).signer.startswith(subject)


def test_a_key_where_a_certificate_is_demanded(sigstore):
    assert refused(sigstore.bundle(), by_alice(sigstore))[0] == "certificate"


def test_a_certificate_of_somebody_else_s_key(sigstore):
    bundle = sigstore.bundle(new_key(), sigstore.authority.issue(new_key()))
    assert refused(bundle, by_alice(sigstore))[0] == "signature"


def test_a_demand_for_nobody(sigstore):
    assert refused(sigstore.keyless(), Demand(instance=sigstore.instance()))[0] == "signature"


# certificates


def test_a_certificate_that_expired_or_is_not_yet_valid(sigstore):
    step, why = refused(sigstore.keyless(end=NOW - MINUTES), by_alice(sigstore))
    assert (step, "expired" in why) == ("certificate", True)
    step, why = refused(sigstore.keyless(start=NOW + MINUTES), by_alice(sigstore))
    assert (step, "not yet valid" in why) == ("certificate", True)


def test_a_certificate_expired_since_is_good_for_what_was_made_before(sigstore):
    assert verify(found(sigstore.keyless()), None, by_alice(sigstore), NOW + 100 * DAY)


def test_another_authority_of_the_same_name(sigstore):
    bundle = sigstore.keyless(by=(Authority(NOW).intermediate, new_key()))
    assert refused(bundle, by_alice(sigstore))[0] == "certificate"


def _in_between(sigstore, **about) -> dict:
    """A bundle whose certificate comes of a further authority, below the tests' intermediate."""
    authority, key, leaf = sigstore.authority, new_key(), new_key()
    middle = authority.authority("middle", key.public_key(), authority.root, **about)
    certificate = authority.issue(leaf, by=(middle, key))
    bundle = sigstore.bundle(leaf, certificate)
    chain = [certificate, middle]
    bundle["verificationMaterial"]["x509CertificateChain"] = {
        "certificates": [{"rawBytes": b64(each.public_bytes(Encoding.DER))} for each in chain]
    }
    del bundle["verificationMaterial"]["certificate"]
    return bundle


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"ca": False}, "is no authority"),
        ({"sign": False}, "may not sign certificates"),
        ({"usage": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "not an authority for signing code"),
        ({"end": NOW - MINUTES}, "expired"),
    ],
)
def test_an_authority_in_between(sigstore, about, why):
    assert verify(found(_in_between(sigstore)), None, by_alice(sigstore), NOW)
    step, reason = refused(_in_between(sigstore, **about), by_alice(sigstore))
    assert step == "certificate"
    assert why in reason


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"usage": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "not for signing code"),
        ({"usage": ()}, "not for signing code"),
        ({"more": [(x509.BasicConstraints(True, None), True)]}, "an authority's own"),
        (
            {"more": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True)]},
            "1.2.3.4",
        ),
    ],
)
def test_a_certificate_for_something_else(sigstore, about, why):
    step, reason = refused(sigstore.keyless(**about), by_alice(sigstore))
    assert step == "certificate"
    assert why in reason


def test_a_certificate_with_a_weak_key(sigstore):
    key = rsa.generate_private_key(65537, 1024)
    assert (
        refused(sigstore.bundle(key, sigstore.authority.issue(key)), by_alice(sigstore))[0] == "certificate"
    )


def test_no_log_of_certificates_has_it(sigstore):
    for about in ({"sct": False}, {"sct_key": new_key()}):
        assert refused(sigstore.keyless(**about), by_alice(sigstore))[0] == "certificate log"


def test_a_promise_to_publish_another_certificate(sigstore):
    key = new_key()
    good, other = sigstore.authority.issue(key), sigstore.authority.issue(key, sct=False)
    sct = good.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"))
    assert other
    raw = x509.UnrecognizedExtension(sct.oid, sct.value.public_bytes())
    stolen = sigstore.authority.issue(key, "mallory@example.com", sct=False, more=[(raw, False)])
    demand = by_alice(sigstore, identities=(Identity(subject="mallory@example.com"),))
    assert refused(sigstore.bundle(key, stolen), demand)[0] == "certificate log"


# when


def test_the_clock_of_this_machine_is_behind(sigstore):
    with pytest.raises(SignatureRefused) as raised:
        verify(found(sigstore.keyless()), None, by_alice(sigstore), NOW - DAY)
    assert "yet to come" in str(raised.value)
    assert "clock" in raised.value.hint


@pytest.mark.parametrize(
    ("which", "step"),
    [("tlogs", "log"), ("certificateAuthorities", "certificate"), ("ctlogs", "certificate log"),
     ("timestampAuthorities", "timestamp")],
)  # fmt: skip
def test_keys_are_good_in_their_time_only(sigstore, which, step):
    bundle = sigstore.keyless(timestamp=True)
    for window in (
        {"start": "2021-01-01T00:00:00Z", "end": "2022-01-01T00:00:00Z"},
        {"start": "2101-01-01T00:00:00Z"},
    ):
        instance = sigstore.instance(sigstore.trusted_root(**{which: window}))
        assert refused(bundle, by_alice(sigstore, instance=instance))[0] == step


def test_nothing_says_when(sigstore):
    assert refused(sigstore.keyless(log=False), by_alice(sigstore, log=False))[0] == "timestamp"


def test_a_timestamp_is_demanded(sigstore):
    assert refused(sigstore.keyless(), by_alice(sigstore, timestamp=True))[0] == "timestamp"


def test_a_timestamp_of_another_signature(sigstore):
    bundle, other = (sigstore.keyless(timestamp=True) for _ in range(2))
    material = "verificationMaterial"
    bundle[material]["timestampVerificationData"] = other[material]["timestampVerificationData"]
    assert refused(bundle, by_alice(sigstore))[0] == "timestamp"


def test_a_timestamp_of_a_strange_clock(sigstore, tmp_path):
    stranger = Sigstore(tmp_path, NOW)
    bundle = sigstore.keyless(timestamp=True)
    signature = bundle["dsseEnvelope"]["signatures"][0]["sig"]
    stamp = stranger.clock.stamp(base64.b64decode(signature))
    bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] = (
        b64(stamp)
    )
    assert refused(bundle, by_alice(sigstore))[0] == "timestamp"


# logs


def _entry(bundle: dict) -> dict:
    return bundle["verificationMaterial"]["tlogEntries"][0]


def _flip(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return b64(bytes(data))


LOG_CHANGES = {
    "promise": lambda entry: entry["inclusionPromise"].update(
        signedEntryTimestamp=_flip(entry["inclusionPromise"]["signedEntryTimestamp"])
    ),
    "time": lambda entry: entry.update(integratedTime=str(int(NOW) - 30)),
    "index": lambda entry: entry.update(logIndex="7"),
    "body": lambda entry: entry.update(canonicalizedBody=_flip(entry["canonicalizedBody"])),
    "root": lambda entry: entry["inclusionProof"].update(rootHash=_flip(entry["inclusionProof"]["rootHash"])),
    "place": lambda entry: entry["inclusionProof"].update(logIndex="2"),
    "place beyond": lambda entry: entry["inclusionProof"].update(logIndex="999"),
    "size": lambda entry: entry["inclusionProof"].update(treeSize="12"),
    "hashes": lambda entry: entry["inclusionProof"]["hashes"].pop(),
    "more hashes": lambda entry: entry["inclusionProof"]["hashes"].append(b64(b"x" * 32)),
    "checkpoint": lambda entry: entry["inclusionProof"]["checkpoint"].update(
        envelope=entry["inclusionProof"]["checkpoint"]["envelope"].replace(
            "log.example.com\n9", "log.example.com\n8"
        )
    ),
    "checkpoint unsigned": lambda entry: entry["inclusionProof"]["checkpoint"].update(
        envelope=entry["inclusionProof"]["checkpoint"]["envelope"].partition("—")[0]
    ),
    "no proof at all": lambda entry: [entry.pop("inclusionProof"), entry.pop("inclusionPromise")],
}


@pytest.mark.parametrize("change", LOG_CHANGES.values(), ids=[*LOG_CHANGES])
def test_a_changed_log_entry(change):
    sigstore = Sigstore(now=NOW)
    bundle = sigstore.keyless()
    assert verify(found(bundle), None, by_alice(sigstore), NOW)
    change(_entry(bundle))
    assert refused(bundle, by_alice(sigstore))[0] == "log"


def test_a_checkpoint_of_another_tree():
    sigstore = Sigstore(now=NOW)
    bundle, later = sigstore.keyless(), sigstore.keyless()
    _entry(bundle)["inclusionProof"]["checkpoint"] = _entry(later)["inclusionProof"]["checkpoint"]
    assert refused(bundle, by_alice(sigstore)) == (
        "log", "its inclusion proof is for another tree than the checkpoint",
    )  # fmt: skip


def test_the_entry_of_another_signature(sigstore):
    bundle, other = sigstore.keyless(), sigstore.keyless()
    bundle["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]
    step, why = refused(bundle, by_alice(sigstore))
    assert (step, "another signature" in why) == ("log", True)


def test_the_entry_of_the_same_signature_by_another_certificate(sigstore):
    """Alice's signature, logged in time; Mallory shows it with a certificate of his for her key."""
    key = new_key()
    bundle = sigstore.bundle(key, sigstore.authority.issue(key))
    again = sigstore.authority.issue(key, "mallory@example.com").public_bytes(Encoding.DER)
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = b64(again)
    demand = by_alice(sigstore, identities=(Identity(subject="mallory@example.com"),))
    step, why = refused(bundle, demand)
    assert (step, "another key or certificate" in why) == ("log", True)


def test_the_entry_of_something_else(sigstore):
    key = new_key()
    bundle = sigstore.bundle(key, sigstore.authority.issue(key))
    envelope = bundle["dsseEnvelope"]
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    entry = sigstore.log.add(sigstore.dsse_entry(b"something else", signature, sigstore.authority.issue(key)))
    bundle["verificationMaterial"]["tlogEntries"] = [entry]
    assert "something else" in refused(bundle, by_alice(sigstore))[1]


def test_an_entry_of_an_unknown_kind(sigstore):
    bundle = sigstore.keyless()
    bundle["verificationMaterial"]["tlogEntries"] = [
        sigstore.log.add({"apiVersion": "0.0.1", "kind": "rpm", "spec": {}})
    ]
    assert refused(bundle, by_alice(sigstore))[0] == "log"


def test_a_strange_log(sigstore):
    stranger = Sigstore(now=NOW)
    stranger.authority = sigstore.authority
    bundle = stranger.keyless()
    assert refused(bundle, by_alice(sigstore))[0] == "log"
    key = new_key()
    by_key = Demand(keys=(Key(pem(key), "k"),), instance=sigstore.instance())
    assert verify(found(stranger.bundle(key)), None, by_key, NOW), "nobody demanded a log"
    assert refused(stranger.bundle(key), by_key._replace(log=True))[0] == "log"


def test_a_bad_entry_is_no_better_for_not_being_demanded(sigstore):
    key = new_key()
    bundle = sigstore.bundle(key)
    _entry(bundle)["integratedTime"] = "1"
    demand = Demand(keys=(Key(pem(key), "k"),), instance=sigstore.instance())
    assert refused(bundle, demand)[0] == "log"


def test_a_log_of_which_only_the_key_is_known():
    """As policy.json has it: the authority's certificate, and Rekor's public key."""
    sigstore, key = Sigstore(now=NOW), new_key()
    authority = sigstore.authority
    instance = Instance(
        "mine", authorities=certificate_pem(authority.root), logs=(Key(pem(sigstore.log.key), "r"),)
    )
    demand = Demand(identities=BY_ALICE, instance=instance, log=True)
    signature = sigstore.tagged(key, authority.issue(key, sct=False), log=True)
    assert verify(found(signature), None, demand, NOW).proof == "entry 1006 of r"
    other = instance._replace(logs=(Key(pem(new_key()), "other"),))
    assert refused(found(signature), demand._replace(instance=other))[0] == "log"


def test_a_log_of_version_2_tells_no_time():
    tiles = Sigstore(now=NOW, log=Rekor(NOW, tells_time=False))
    step, why = refused(tiles.keyless(), by_alice(tiles))
    assert (step, "nothing proves" in why) == ("timestamp", True)


# revoked


def test_revoked_certificates_and_keys(sigstore):
    key = new_key()
    certificate = sigstore.authority.issue(key)
    bundle = sigstore.bundle(key, certificate, timestamp=True)
    for revoked in (
        certificate_fingerprint(certificate),
        key_fingerprint(key.public_key()),
        certificate_fingerprint(sigstore.authority.intermediate),
        key_fingerprint(sigstore.authority.root_key.public_key()),
        key_fingerprint(sigstore.log.key.public_key()),
        certificate_fingerprint(sigstore.clock.leaf),
    ):
        assert refused(bundle, by_alice(sigstore, revoked=frozenset([revoked])))[0] == "revoked"
        by_key = Demand(keys=(Key(pem(key), "k"),), revoked=frozenset([key_fingerprint(key.public_key())]))
    assert refused(sigstore.bundle(key, log=False), by_key)[0] == "revoked"
    assert verify(
        found(bundle), None, by_alice(sigstore, revoked=frozenset([fingerprint("AB:" * 31 + "CD")])), NOW
    )


# an authority of one's own


def own(authority: Authority, **more) -> Demand:
    return Demand(pki=Pki("acme", certificate_pem(authority.root), **more))


def test_an_authority_of_one_s_own(sigstore):
    key = new_key()
    names = [x509.RFC822Name(ALICE), x509.DNSName("*.build.example.com")]
    certificate = sigstore.authority.issue(key, names=names, issuer=None, sct=False)
    signature = sigstore.tagged(key, certificate)
    for about in ({}, {"email": ALICE}, {"hostname": "a.build.example.com"}):
        assert verify(found(signature), None, own(sigstore.authority, **about), NOW).signer.startswith(ALICE)
    for about in (
        {"email": "bob@example.com"},
        {"hostname": "a.b.build.example.com"},
        {"hostname": "build.example.com"},
    ):
        assert refused(found(signature), own(sigstore.authority, **about))[0] == "identity"
    assert refused(found(signature), own(Authority(NOW)))[0] == "certificate"


def test_without_a_proof_of_when_an_own_certificate_must_be_valid_now(sigstore):
    key = new_key()
    signature = sigstore.tagged(key, sigstore.authority.issue(key, sct=False))
    assert refused(found(signature), own(sigstore.authority), NOW + DAY / 2)[0] == "certificate"
    with_time = sigstore.tagged(key, sigstore.authority.issue(key, sct=False), timestamp=True)
    demand = own(sigstore.authority)._replace(instance=sigstore.instance(), timestamp=True)
    assert verify(found(with_time), None, demand, NOW + DAY / 2).when


# what was configured


@pytest.mark.parametrize(
    "data", [b"", b"not a key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
)
def test_a_key_that_cannot_be_used_is_an_error_of_its_own(sigstore, data):
    with pytest.raises(TrustMaterialError, match=r"mine\.pub"):
        verify(found(sigstore.bundle(log=False)), None, Demand(keys=(Key(data, "mine.pub"),)), NOW)


def test_a_weak_key_cannot_be_used(sigstore):
    for weak in (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(TrustMaterialError):
            verify(found(sigstore.bundle(log=False)), None, Demand(keys=(Key(pem(weak), "k"),)), NOW)


@pytest.mark.parametrize(
    "root",
    [b"{}", b"", b"{", b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.9"}'],
)
def test_a_trusted_root_that_is_none(sigstore, root):
    instance = Instance("root.json", root or b"x")
    with pytest.raises(TrustMaterialError, match=r"root\.json"):
        verify(found(sigstore.keyless()), None, Demand(any_identity=True, instance=instance), NOW)


def test_thousands_of_signatures_cost_no_more_than_some(sigstore):
    there = found(*[sigstore.bundle(log=False)] * 50)._replace(left_out=4000)
    with pytest.raises(SignatureRefused, match="4000 more were not looked at"):
        verify(there, None, Demand(keys=(Key(pem(new_key()), "k"),)), NOW)


def test_a_message_signature(sigstore):
    """The manifest itself is what was signed."""
    key, manifest = new_key(), b"the image's manifest"
    bundle = sigstore.bundle(key, log=False)
    del bundle["dsseEnvelope"]
    bundle["messageSignature"] = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(digest_of(manifest)[7:]))},
        "signature": b64(key.sign(manifest, ec.ECDSA(hashes.SHA256()))),
    }
    demand = Demand(keys=(Key(pem(key), "k"),))
    assert verify(found(bundle), None, demand, NOW)
    bundle["messageSignature"]["signature"] = b64(key.sign(b"another", ec.ECDSA(hashes.SHA256())))
    assert refused(bundle, demand)[0] == "signature"
