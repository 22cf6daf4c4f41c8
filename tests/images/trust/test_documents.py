# SPDX-License-Identifier: Apache-2.0
"""What was signed, and what is no signature at all."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bpfman.errors import SignatureRefused, TrustMaterialError, Unsigned
from bpfman.images.digest import digest_of
from bpfman.images.trust.demand import Demand, Instance, Key
from bpfman.images.trust.signatures import BUNDLE, Signature
from bpfman.images.trust.verifying import verify
from tests.images.trust.instance import DIGEST, NAME, NOW, OTHER, found, with_window
from tests.images.trust.judging import by_alice, by_key, refused
from tests.trust.keys import new_key, sign
from tests.trust.log import b64
from tests.trust.signing import payload, statement


def test_another_image(sigstore):
    step, why = refused(sigstore.keyless(digest=OTHER), by_alice(sigstore))
    assert step == "digest"
    assert OTHER in why
    key = new_key()
    assert refused(sigstore.tagged(key, body=payload(OTHER, NAME)), by_key(key))[0] == "digest"


def test_a_statement_with_another_digest_under_the_same_signature(sigstore):
    bundle = sigstore.keyless()
    bundle["dsseEnvelope"]["payload"] = b64(statement(DIGEST, annotations={"rev": "2"}))
    assert refused(bundle, by_alice(sigstore))[0] == "signature"


def test_an_attestation_is_no_signature(sigstore):
    attestation = sigstore.keyless(content=statement(DIGEST, "https://slsa.dev/provenance/v1"))
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


@pytest.mark.parametrize(
    "data", [b"", b"not a key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
)
def test_a_key_that_cannot_be_used_is_an_error_of_its_own(sigstore, data):
    with pytest.raises(TrustMaterialError, match=r"mine\.pub"):
        verify(found(sigstore.signed(log=0)), None, Demand(keys=(Key(data, "mine.pub"),)), NOW)


def test_a_weak_key_cannot_be_used(sigstore):
    for weak in (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(TrustMaterialError):
            verify(found(sigstore.signed(log=0)), None, by_key(weak), NOW)


@pytest.mark.parametrize(
    "root",
    [b"{}", b"", b"{", b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.9"}'],
)
def test_a_trusted_root_that_is_none(sigstore, root):
    instance = Instance("root.json", root or b"x")
    with pytest.raises(TrustMaterialError, match=r"root\.json"):
        verify(found(sigstore.keyless()), None, Demand(any_identity=True, instance=instance), NOW)


def test_thousands_of_signatures_cost_no_more_than_some(sigstore):
    there = found(*[sigstore.signed(log=0)] * 50)._replace(left_out=4000)
    with pytest.raises(SignatureRefused, match="4000 more were not looked at"):
        verify(there, None, by_key(new_key()), NOW)


def test_a_message_signature(sigstore):
    """The manifest itself is what was signed."""
    key, manifest = new_key(), b"the image's manifest"
    bundle = sigstore.signed(key, log=0)
    del bundle["dsseEnvelope"]
    bundle["messageSignature"] = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(digest_of(manifest)[7:]))},
        "signature": b64(sign(key, manifest)),
    }
    demand = by_key(key)
    assert verify(found(bundle), None, demand, NOW)
    bundle["messageSignature"]["signature"] = b64(sign(key, b"another"))
    assert refused(bundle, demand)[0] == "signature"


@pytest.mark.parametrize("which", ["tlogs", "ctlogs"])
def test_a_trusted_root_with_a_log_that_was_always_valid(sigstore, which):
    """A log's key has a first day, in every trusted root: without one, somebody has damaged it."""
    endless = with_window(sigstore.trusted_root(), which, {"end": "2101-01-01T00:00:00Z"})
    instance = sigstore.instance(endless)
    with pytest.raises(TrustMaterialError, match="no start"):
        verify(found(sigstore.keyless()), None, Demand(any_identity=True, instance=instance), NOW)
