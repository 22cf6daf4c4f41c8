# SPDX-License-Identifier: Apache-2.0
"""Good signatures of every kind are found good, and what they say is told."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bpfman.errors import SignatureRefused, Unsigned
from bpfman.images.trust.demand import Demand, Identity, Key
from bpfman.images.trust.verifying import verify
from tests.images.trust.authority import ALICE, ISSUER, pem
from tests.images.trust.instance import NAME, Sigstore, found
from tests.images.trust.rekor import Rekor

NOW = time.time()
BY_ALICE = (Identity(subject=ALICE, issuer=ISSUER),)


@pytest.fixture
def sigstore(tmp_path):
    return Sigstore(tmp_path, NOW)


@pytest.fixture
def tiles(tmp_path):
    """An instance whose log is of Rekor 2: it tells no time."""
    return Sigstore(tmp_path, NOW, Rekor(NOW, tells_time=False))


KEYS = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_in_either_layout(sigstore, kind):
    key = KEYS[kind]()
    demand = Demand(keys=(Key(pem(key), "cosign.pub"),))
    for signature in (sigstore.bundle(key, log=False), sigstore.tagged(key)):
        verified = verify(found(signature), None, demand, NOW)
        assert verified.signer == "key cosign.pub"
        assert verified.when is None


def test_what_the_older_layout_says_is_told(sigstore):
    key = KEYS["p256"]()
    verified = verify(found(sigstore.tagged(key)), None, Demand(keys=(Key(pem(key), "k"),)), NOW)
    assert (verified.layout, verified.name) == ("tag", NAME)


@pytest.mark.parametrize("hashed", [False, True], ids=["dsse", "hashedrekord"])
def test_a_key_and_a_log(sigstore, hashed):
    key = KEYS["p256"]()
    demand = Demand(keys=(Key(pem(key), "k"),), instance=sigstore.instance(), log=True)
    verified = verify(found(sigstore.bundle(key, hashed=hashed)), None, demand, NOW)
    assert verified.when == int(NOW)
    assert verified.proof == "entry 1006 of https://log.example.com"
    assert verify(found(sigstore.tagged(key, log=True)), None, demand, NOW).when == int(NOW)


def test_an_identity(sigstore):
    demand = Demand(identities=BY_ALICE, instance=sigstore.instance())
    verified = verify(found(sigstore.keyless()), None, demand, NOW)
    assert verified.signer == f"{ALICE} by {ISSUER}"
    assert verified.when == int(NOW)


def test_an_identity_in_the_older_layout(sigstore):
    key = KEYS["p256"]()
    signature = sigstore.tagged(key, sigstore.authority.issue(key), log=True, timestamp=True)
    demand = Demand(identities=BY_ALICE, instance=sigstore.instance(), timestamp=True)
    assert verify(found(signature), None, demand, NOW).signer == f"{ALICE} by {ISSUER}"


def test_an_identity_with_a_timestamp_and_no_log(sigstore):
    demand = Demand(identities=BY_ALICE, instance=sigstore.instance(), log=False, timestamp=True)
    verified = verify(found(sigstore.keyless(log=False, timestamp=True)), None, demand, NOW)
    assert verified.proof == "timestamp of https://clock.example.com"


@pytest.mark.parametrize("hashed", [False, True], ids=["dsse", "hashedrekord"])
def test_an_identity_with_a_log_of_version_2(tiles, hashed):
    demand = Demand(identities=BY_ALICE, instance=tiles.instance())
    verified = verify(found(tiles.keyless(timestamp=True, hashed=hashed)), None, demand, NOW)
    assert verified.proof == "entry 6 of https://log.example.com, timestamp of https://clock.example.com"


def test_one_good_signature_is_enough(sigstore):
    key = KEYS["p256"]()
    others = [sigstore.bundle(log=False) for _ in range(3)]
    verified = verify(
        found(*others, sigstore.bundle(key, log=False)), None, Demand(keys=(Key(pem(key), "k"),)), NOW
    )
    assert verified.signature == "bundle 4"


def test_none_good_is_an_error_that_says_why_of_each(sigstore):
    demand = Demand(keys=(Key(pem(KEYS["p256"]()), "cosign.pub"),))
    with pytest.raises(SignatureRefused) as refused:
        verify(found(sigstore.bundle(log=False), sigstore.tagged()), None, demand, NOW)
    assert [step for _, step, _ in refused.value.refusals] == ["signature", "signature"]
    assert "bundle 1: signature: it was not made by cosign.pub" in str(refused.value)


def test_no_signature_is_an_error_of_its_own():
    with pytest.raises(Unsigned, match="has no signature"):
        verify(found(), None, Demand(keys=(Key(pem(KEYS["p256"]()), "k"),)), NOW)
