# SPDX-License-Identifier: Apache-2.0
"""Good signatures of every kind are found good, and what they say is told."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bpfman.errors import SignatureRefused, Unsigned
from bpfman.images.trust.verifying import verify
from tests.images.trust.instance import NAME, NOW, Sigstore, found
from tests.images.trust.judging import by_alice, by_key
from tests.trust.authority import IDENTITY, ISSUER


@pytest.fixture
def sigstore() -> Sigstore:
    """One whose logs have nothing of ours yet."""
    return Sigstore()


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
    demand = by_key(key, "cosign.pub")
    for signature in (sigstore.signed(key, log=0), sigstore.tagged(key)):
        verified = verify(found(signature), None, demand, NOW)
        assert verified.signer == "key cosign.pub"
        assert verified.when is None


def test_what_the_older_layout_says_is_told(sigstore):
    key = KEYS["p256"]()
    verified = verify(found(sigstore.tagged(key)), None, by_key(key), NOW)
    assert (verified.layout, verified.name) == ("tag", NAME)


@pytest.mark.parametrize("hashed", [False, True], ids=["dsse", "hashedrekord"])
def test_a_key_and_a_log(sigstore, hashed):
    key = KEYS["p256"]()
    demand = by_key(key, instance=sigstore.instance(), log=True)
    verified = verify(found(sigstore.signed(key, hashed=hashed)), None, demand, NOW)
    assert verified.when == int(NOW)
    assert verified.proof == "entry 1006 of https://log.example.com"
    assert verify(found(sigstore.tagged(key, logged=True)), None, demand, NOW).when == int(NOW)


def test_an_identity(sigstore):
    demand = by_alice(sigstore)
    verified = verify(found(sigstore.keyless()), None, demand, NOW)
    assert verified.signer == f"{IDENTITY} by {ISSUER}"
    assert verified.when == int(NOW)


def test_an_identity_in_the_older_layout(sigstore):
    signature = sigstore.tagged(sigstore.certify(), logged=True, stamped=True)
    demand = by_alice(sigstore, timestamp=True)
    assert verify(found(signature), None, demand, NOW).signer == f"{IDENTITY} by {ISSUER}"


def test_an_identity_with_a_timestamp_and_no_log(sigstore):
    demand = by_alice(sigstore, log=False, timestamp=True)
    verified = verify(found(sigstore.keyless(log=0, stamped=True)), None, demand, NOW)
    assert verified.proof == "timestamp of https://clock.example.com"


@pytest.mark.parametrize("hashed", [False, True], ids=["dsse", "hashedrekord"])
def test_an_identity_with_a_log_of_version_2(sigstore, hashed):
    bundle = sigstore.keyless(log=2, stamped=True, hashed=hashed)
    verified = verify(found(bundle), None, by_alice(sigstore), NOW)
    assert verified.proof == "entry 6 of https://tiles.example.com, timestamp of https://clock.example.com"


def test_one_good_signature_is_enough(sigstore):
    key = KEYS["p256"]()
    others = [sigstore.signed(log=0) for _ in range(3)]
    verified = verify(found(*others, sigstore.signed(key, log=0)), None, by_key(key), NOW)
    assert verified.signature == "bundle 4"


def test_none_good_is_an_error_that_says_why_of_each(sigstore):
    demand = by_key(KEYS["p256"](), "cosign.pub")
    with pytest.raises(SignatureRefused) as refused:
        verify(found(sigstore.signed(log=0), sigstore.tagged()), None, demand, NOW)
    assert [step for _, step, _ in refused.value.refusals] == ["signature", "signature"]
    assert "bundle 1: signature: it was not made by cosign.pub" in str(refused.value)


def test_no_signature_is_an_error_of_its_own():
    with pytest.raises(Unsigned, match="has no signature"):
        verify(found(), None, by_key(KEYS["p256"]()), NOW)
