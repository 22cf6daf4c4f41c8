# SPDX-License-Identifier: Apache-2.0
"""Whoever signed, and is not who was demanded."""

from __future__ import annotations

import pytest
from cryptography import x509

from bpfman.images.trust.demand import Demand, Identity, Key, Pki, fingerprint
from bpfman.images.trust.keys import certificate_fingerprint, key_fingerprint
from bpfman.images.trust.verifying import verify
from tests.images.trust.authority import ALICE, ISSUER, Authority, certificate_pem, new_key, pem
from tests.images.trust.instance import Sigstore, found
from tests.images.trust.judging import DAY, NOW, by_alice, refused


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory):
    return Sigstore(tmp_path_factory.mktemp("clock"), NOW)


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
