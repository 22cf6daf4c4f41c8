# SPDX-License-Identifier: Apache-2.0
"""Certificates that nobody trusted vouches for, or not for this, or not then."""

from __future__ import annotations

import base64
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from bpfman.errors import SignatureRefused
from bpfman.images.trust.demand import Identity
from bpfman.images.trust.keys import key_of
from bpfman.images.trust.verifying import verify
from tests.images.trust.instance import AT, NOW, Sigstore, found, with_window
from tests.images.trust.judging import by_alice, refused
from tests.trust.authority import DAY, MINUTE, YEAR, Authority
from tests.trust.certificate_log import PROMISES, CertificateLog
from tests.trust.log import b64


def test_a_certificate_that_expired_or_is_not_yet_valid(sigstore):
    expired = sigstore.authority.certify(at=AT - 11 * MINUTE)
    step, why = refused(sigstore.signed(expired), by_alice(sigstore))
    assert (step, "expired" in why) == ("certificate", True)
    to_come = sigstore.authority.certify(at=AT + MINUTE)
    step, why = refused(sigstore.signed(to_come), by_alice(sigstore))
    assert (step, "not yet valid" in why) == ("certificate", True)


def test_a_certificate_expired_since_is_good_for_what_was_made_before(sigstore):
    later = (AT + 2 * YEAR).timestamp()  # the authority's expired too
    assert verify(found(sigstore.keyless()), None, by_alice(sigstore), later)


def test_another_authority_of_the_same_name(sigstore):
    by = Authority(sigstore.certificates, clock=AT).certify()
    assert refused(sigstore.signed(by), by_alice(sigstore))[0] == "certificate"


def _in_between(sigstore, **about):
    """A bundle whose certificate comes of a further authority, which only the bundle shows."""
    middle = sigstore.authority.another(**about)
    by = middle.certify()
    bundle = sigstore.signed(by)
    chain = [by.certificate, middle.intermediate]
    bundle["verificationMaterial"]["x509CertificateChain"] = {
        "certificates": [{"rawBytes": b64(each.public_bytes(Encoding.DER))} for each in chain]
    }
    del bundle["verificationMaterial"]["certificate"]
    return bundle


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"ca": False}, "is no authority"),
        ({"signs": False}, "may not sign certificates"),
        ({"usage": ExtendedKeyUsageOID.SERVER_AUTH}, "not an authority for signing code"),
        ({"end": AT - MINUTE}, "expired"),
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
        ({"usages": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "not for signing code"),
        ({"usages": ()}, "not for signing code"),
        ({"more": [(x509.BasicConstraints(True, None), True)]}, "an authority's own"),
        (
            {"more": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True)]},
            "1.2.3.4",
        ),
    ],
)
def test_a_certificate_for_something_else(sigstore, about, why):
    by = sigstore.authority.certify(**about)
    step, reason = refused(sigstore.signed(by), by_alice(sigstore))
    assert step == "certificate"
    assert why in reason


def test_a_certificate_with_a_weak_key(sigstore):
    by = sigstore.authority.certify(key=rsa.generate_private_key(65537, 1024))
    assert refused(sigstore.signed(by), by_alice(sigstore))[0] == "certificate"


def test_no_log_of_certificates_has_it(sigstore):
    for log in (None, CertificateLog()):
        by = sigstore.authority.certify(logged=log)
        assert refused(sigstore.signed(by), by_alice(sigstore))[0] == "certificate log"


def test_a_promise_to_publish_another_certificate(sigstore):
    good = sigstore.certify()
    promise = good.certificate.extensions.get_extension_for_oid(PROMISES)
    raw = x509.UnrecognizedExtension(PROMISES, promise.value.public_bytes())
    stolen = sigstore.authority.certify("mallory@example.com", key=good.key, logged=None, more=[(raw, False)])
    demand = by_alice(sigstore, identities=(Identity(subject="mallory@example.com"),))
    assert refused(sigstore.signed(stolen), demand)[0] == "certificate log"


def test_the_clock_of_this_machine_is_behind(sigstore):
    with pytest.raises(SignatureRefused) as raised:
        verify(found(sigstore.keyless()), None, by_alice(sigstore), (AT - DAY).timestamp())
    assert "yet to come" in str(raised.value)
    assert "clock" in raised.value.hint


@pytest.mark.parametrize(
    ("which", "step"),
    [("tlogs", "log"), ("certificateAuthorities", "certificate"), ("ctlogs", "certificate log"),
     ("timestampAuthorities", "timestamp")],
)  # fmt: skip
def test_keys_are_good_in_their_time_only(sigstore, which, step):
    bundle = sigstore.keyless(stamped=True)
    for window in (
        {"start": "2021-01-01T00:00:00Z", "end": "2022-01-01T00:00:00Z"},
        {"start": "2101-01-01T00:00:00Z"},
    ):
        instance = sigstore.instance(with_window(sigstore.trusted_root(), which, window))
        assert refused(bundle, by_alice(sigstore, instance=instance))[0] == step


def test_nothing_says_when(sigstore):
    assert refused(sigstore.keyless(log=0), by_alice(sigstore, log=False))[0] == "timestamp"


def test_a_timestamp_is_demanded(sigstore):
    assert refused(sigstore.keyless(), by_alice(sigstore, timestamp=True))[0] == "timestamp"


def test_a_timestamp_of_another_signature(sigstore):
    bundle, other = (sigstore.keyless(stamped=True) for _ in range(2))
    material = "verificationMaterial"
    bundle[material]["timestampVerificationData"] = other[material]["timestampVerificationData"]
    assert refused(bundle, by_alice(sigstore))[0] == "timestamp"


def test_a_timestamp_of_a_strange_clock(sigstore):
    stranger = Sigstore()
    bundle = sigstore.keyless(stamped=True)
    signature = bundle["dsseEnvelope"]["signatures"][0]["sig"]
    stamp = stranger.stamp(base64.b64decode(signature))
    bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] = (
        b64(stamp)
    )
    verified = verify(found(bundle), None, by_alice(sigstore), NOW)
    assert verified.proof.startswith("entry ")
    assert "timestamp" not in verified.proof
    assert verified.strangers == ("CN=stamper,O=tests",)
    with pytest.raises(SignatureRefused) as without:
        verify(found(bundle), None, by_alice(sigstore, timestamp=True), NOW)
    ((_, step, why),) = without.value.refusals
    assert step == "timestamp"
    assert why.endswith("its timestamp is by CN=stamper,O=tests, which the trusted root does not know")
    assert "update-trusted-root" in without.value.hint


def test_a_key_for_pss_alone_is_not_believed_with_another_padding(tmp_path):
    command = (
        "req -x509 -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048 -nodes -subj /CN=pss -days 1 -outform DER"
    )
    der = subprocess.run(
        ["openssl", *command.split(), "-keyout", str(tmp_path / "key")], check=True, capture_output=True
    ).stdout
    assert key_of(x509.load_der_x509_certificate(der)) is None
