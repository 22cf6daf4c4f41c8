# SPDX-License-Identifier: Apache-2.0
"""The tests' own authority, logs and stamps are what they say, by others' word."""

from __future__ import annotations

import base64
import hashlib
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.trust import merkle
from tests.trust.authority import DAY, Authority, now
from tests.trust.certificate_log import CertificateLog, without_poison
from tests.trust.keys import pem, spki
from tests.trust.log import Log, TileLog, canonical
from tests.trust.stamps import stamp


@pytest.fixture(scope="module")
def authority():
    return Authority(CertificateLog())


def test_a_certificate_leads_to_the_root(authority, tmp_path):
    signer = authority.certify("https://example.com/workflow")
    for name, certificates in {"root": [authority.root], "between": [authority.intermediate]}.items():
        (tmp_path / name).write_text("".join(map(pem, certificates)))
    (tmp_path / "leaf").write_text(pem(signer.certificate))
    openssl("verify", "-x509_strict", "-CAfile", "root", "-untrusted", "between", "leaf", at=tmp_path)


def test_a_certificates_promise_is_signed_by_its_log(authority):
    certificate = authority.certify().certificate
    (promise,) = certificate.extensions.get_extension_for_class(
        x509.PrecertificateSignedCertificateTimestamps
    ).value
    assert promise.log_id == authority.log.id
    tbs = certificate.tbs_precertificate_bytes  # without the promise
    issuer = authority.intermediate.public_key()
    moment = int(promise.timestamp.replace(tzinfo=now().tzinfo).timestamp() * 1000)
    signed = b"\0\0" + moment.to_bytes(8) + b"\0\1" + _key_hash(issuer) + len(tbs).to_bytes(3) + tbs + b"\0\0"
    authority.log.key.public_key().verify(promise.signature, signed, ec.ECDSA(SHA256()))


def test_a_precertificate_loses_nothing_but_its_poison(authority):
    tbs = authority.intermediate.tbs_certificate_bytes
    assert without_poison(tbs) == tbs


def test_a_stamp_is_one_for_openssl(tmp_path):
    stampers = Authority(CertificateLog(), usage=ExtendedKeyUsageOID.TIME_STAMPING)
    (tmp_path / "data").write_bytes(b"what was signed")
    (tmp_path / "stamp").write_bytes(stamp(b"what was signed", stampers.stamper(), now() - DAY / 2))
    (tmp_path / "root").write_text(pem(stampers.root))
    (tmp_path / "between").write_text(pem(stampers.intermediate))
    options = ("-data", "data", "-in", "stamp", "-CAfile", "root", "-untrusted", "between")
    assert "Verification: OK" in openssl("ts", "-verify", *options, at=tmp_path)
    (tmp_path / "data").write_bytes(b"something else")
    with pytest.raises(AssertionError, match="message imprint mismatch"):
        openssl("ts", "-verify", *options, at=tmp_path)


def test_a_stamps_certificate_is_in_it():
    stampers = Authority(CertificateLog(), usage=ExtendedKeyUsageOID.TIME_STAMPING)
    by = stampers.stamper()
    assert by.certificate.public_bytes(Encoding.DER) in stamp(b"x", by)


@pytest.mark.parametrize("kind", [Log, TileLog])
def test_each_entry_leads_to_the_signed_root(kind):
    log = kind()
    for number in range(9):
        entry = log.add(b"entry %d" % number)
        assert _root_from(entry) == entry.root
        name, size, root = entry.checkpoint.splitlines()[:3]
        assert (name, int(size), base64.b64decode(root)) == (log.origin, entry.size, entry.root)


def test_a_promise_is_signed():
    log = Log()
    entry = log.add(b"entry")
    key = log.key.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(entry.promise, canonical(entry.promised()), ec.ECDSA(SHA256()))


def _root_from(entry):
    """As RFC 9162, section 2.1.3.2 has it, which is not how the proof is made."""
    number, last, found = entry.place, entry.size - 1, merkle.leaf(entry.body)
    for each in entry.hashes:
        if number & 1 or number == last:
            found = merkle.node(each, found)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found = merkle.node(found, each)
        number, last = number >> 1, last >> 1
    return found


def _key_hash(key):
    return hashlib.sha256(spki(key)).digest()


def openssl(*words: str, at) -> str:
    done = subprocess.run(["openssl", *words], cwd=at, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
