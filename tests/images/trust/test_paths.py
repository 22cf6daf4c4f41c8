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
from tests.images.trust.authority import MINUTES, Authority, new_key
from tests.images.trust.instance import Sigstore, found
from tests.images.trust.judging import DAY, NOW, by_alice, refused
from tests.images.trust.rekor import b64


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory):
    return Sigstore(tmp_path_factory.mktemp("clock"), NOW)


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


def _in_between(sigstore, **about):
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
    assert stranger.clock
    stamp = stranger.clock.stamp(base64.b64decode(signature))
    bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] = (
        b64(stamp)
    )
    assert refused(bundle, by_alice(sigstore))[0] == "timestamp"


def test_a_key_for_pss_alone_is_not_believed_with_another_padding(tmp_path):
    command = (
        "req -x509 -newkey rsa-pss -pkeyopt rsa_keygen_bits:2048 -nodes -subj /CN=pss -days 1 -outform DER"
    )
    der = subprocess.run(
        ["openssl", *command.split(), "-keyout", str(tmp_path / "key")], check=True, capture_output=True
    ).stdout
    assert key_of(x509.load_der_x509_certificate(der)) is None
