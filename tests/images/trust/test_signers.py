# SPDX-License-Identifier: Apache-2.0
"""Whoever signed, and is not who was demanded."""

from __future__ import annotations

import pytest
from cryptography import x509

from bpfman.images.trust.demand import Demand, Identity, Pki, fingerprint
from bpfman.images.trust.keys import certificate_fingerprint, key_fingerprint
from bpfman.images.trust.verifying import verify
from tests.images.trust.instance import AT, NOW, found
from tests.images.trust.judging import by_alice, by_key, refused
from tests.trust.authority import DAY, IDENTITY, ISSUER, Authority
from tests.trust.certificate_log import CertificateLog
from tests.trust.keys import new_key, pem


def test_somebody_else_s_key(sigstore):
    assert refused(sigstore.signed(log=0), by_key(new_key()))[0] == "signature"


@pytest.mark.parametrize(
    "wanted",
    [
        Identity(subject="bob@example.com", issuer=ISSUER),
        Identity(subject=IDENTITY, issuer="https://github.com"),
        Identity(subject_regexp="alice", issuer=ISSUER),
        Identity(subject_regexp=r".*@example\.com", issuer_regexp="https://issuer"),
        Identity(subject=IDENTITY, subject_regexp="bob.*", issuer=ISSUER),
    ],
    ids=str,
)
def test_another_identity(sigstore, wanted):
    step, why = refused(sigstore.keyless(), by_alice(sigstore, identities=(wanted,)))
    assert step == "identity"
    assert f"{IDENTITY} by {ISSUER}" in why


@pytest.mark.parametrize(
    "wanted",
    [
        Identity(subject_regexp=r".*@example\.com", issuer_regexp="https://issuer.*"),
        Identity(issuer=ISSUER),
        Identity(subject=IDENTITY),
    ],
    ids=str,
)
def test_an_identity_by_what_is_known_of_it(sigstore, wanted):
    assert verify(found(sigstore.keyless()), None, by_alice(sigstore, identities=(wanted,)), NOW)


def test_an_identity_that_says_nobody(sigstore):
    anybody = Demand(any_identity=True, instance=sigstore.instance())
    assert verify(found(sigstore.keyless()), None, anybody, NOW)
    assert refused(sigstore.signed(sigstore.certify("")), anybody)[0] == "identity"


def test_a_workflow_s_and_a_user_s_name(sigstore):
    workflow = "https://github.com/acme/meter/.github/workflows/release.yml@refs/tags/v1"
    user = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), b"\x0c\x05alice")
    for subject, names in ((workflow, workflow), ("alice", [user])):
        demand = by_alice(sigstore, identities=(Identity(subject=subject, issuer=ISSUER),))
        bundle = sigstore.signed(sigstore.authority.certify(names))
        assert verify(found(bundle), None, demand, NOW).signer.startswith(subject)


def test_a_key_where_a_certificate_is_demanded(sigstore):
    assert refused(sigstore.signed(), by_alice(sigstore))[0] == "certificate"


def test_a_certificate_of_somebody_else_s_key(sigstore):
    by = sigstore.certify()._replace(key=new_key())
    assert refused(sigstore.signed(by), by_alice(sigstore))[0] == "signature"


def test_a_demand_for_nobody(sigstore):
    assert refused(sigstore.keyless(), Demand(instance=sigstore.instance()))[0] == "signature"


def test_revoked_certificates_and_keys(sigstore):
    by = sigstore.certify()
    key, certificate = by
    bundle = sigstore.signed(by, stamped=True)
    for revoked in (
        certificate_fingerprint(certificate),
        key_fingerprint(key.public_key()),
        certificate_fingerprint(sigstore.authority.intermediate),
        key_fingerprint(sigstore.authority.root.public_key()),
        key_fingerprint(sigstore.log.key.public_key()),
        certificate_fingerprint(sigstore.stamper.certificate),
    ):
        assert refused(bundle, by_alice(sigstore, revoked=frozenset([revoked])))[0] == "revoked"
    its_key = by_key(key, revoked=frozenset([key_fingerprint(key.public_key())]))
    assert refused(sigstore.signed(key, log=0), its_key)[0] == "revoked"
    assert verify(
        found(bundle), None, by_alice(sigstore, revoked=frozenset([fingerprint("AB:" * 31 + "CD")])), NOW
    )


def own(authority: Authority, **more) -> Demand:
    return Demand(pki=Pki("acme", pem(authority.root).encode(), **more))


def test_an_authority_of_one_s_own(sigstore):
    names = [x509.RFC822Name(IDENTITY), x509.DNSName("*.build.example.com")]
    signature = sigstore.tagged(sigstore.authority.certify(names, "", logged=None))
    for about in ({}, {"email": IDENTITY}, {"hostname": "a.build.example.com"}):
        verified = verify(found(signature), None, own(sigstore.authority, **about), NOW)
        assert verified.signer.startswith(IDENTITY)
    for about in (
        {"email": "bob@example.com"},
        {"hostname": "a.b.build.example.com"},
        {"hostname": "build.example.com"},
    ):
        assert refused(found(signature), own(sigstore.authority, **about))[0] == "identity"
    assert refused(found(signature), own(Authority(CertificateLog())))[0] == "certificate"


def test_without_a_proof_of_when_an_own_certificate_must_be_valid_now(sigstore):
    by, later = sigstore.authority.certify(logged=None), (AT + DAY / 2).timestamp()
    assert refused(found(sigstore.tagged(by)), own(sigstore.authority), later)[0] == "certificate"
    with_time = sigstore.tagged(by, stamped=True)
    demand = own(sigstore.authority)._replace(instance=sigstore.instance(), timestamp=True)
    assert verify(found(with_time), None, demand, later).when
