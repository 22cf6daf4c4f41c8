# SPDX-License-Identifier: Apache-2.0
"""The judgement on bundles by certificate, held against sigstore-python's: what is good here is good there."""

from __future__ import annotations

import functools
import json
import tempfile

import pytest
from cryptography.x509 import ExtensionNotFound
from hypothesis import given, settings
from hypothesis import strategies as st
from sigstore.errors import Error
from sigstore.models import Bundle, InvalidBundle, TrustedRoot
from sigstore.verify import Verifier, policy

from bpfman.errors import Untrusted
from bpfman.images.trust.bundle import read_bundle
from bpfman.images.trust.verifying import verify
from tests.images.trust.instance import AT, NOW, Sigstore, found
from tests.images.trust.judging import by_alice
from tests.images.trust.test_mutations import at, is_base64, paths, replaced
from tests.trust.authority import IDENTITY, ISSUER, MINUTE, Authority
from tests.trust.certificate_log import CertificateLog
from tests.trust.log import canonical

SIGSTORE = Sigstore()


@functools.cache
def oracle() -> Verifier:
    with tempfile.NamedTemporaryFile() as file:
        file.write(SIGSTORE.trusted_root())
        file.flush()
        return Verifier(trusted_root=TrustedRoot.from_file(file.name))


def good_there(data: bytes) -> bool:
    try:
        oracle().verify_dsse(Bundle.from_json(data), policy.Identity(identity=IDENTITY, issuer=ISSUER))
    except (Error, ValueError, ExtensionNotFound):
        return False
    return True


def good_here(data: bytes) -> bool:
    try:
        verify(found(data), None, by_alice(SIGSTORE), NOW)
    except Untrusted:
        return False
    return True


def both(bundle: dict) -> tuple[bool, bool]:
    data = canonical(bundle)
    return good_here(data), good_there(data)


GOOD = {
    "log": SIGSTORE.keyless(),
    "log and timestamp": SIGSTORE.keyless(stamped=True),
    "log of version 2 and timestamp": SIGSTORE.keyless(log=2, stamped=True, hashed=True),
}


@pytest.mark.parametrize("bundle", GOOD.values(), ids=[*GOOD])
def test_both_find_it_good(bundle):
    assert both(bundle) == (True, True)


CERTIFY = SIGSTORE.authority.certify
BAD = {
    "somebody else": SIGSTORE.signed(CERTIFY("bob@example.com")),
    "another issuer": SIGSTORE.signed(CERTIFY(issuer="https://github.com")),
    "expired": SIGSTORE.signed(CERTIFY(at=AT - 20 * MINUTE)),
    "not yet valid": SIGSTORE.signed(CERTIFY(at=AT + MINUTE)),
    "no SCT": SIGSTORE.signed(CERTIFY(logged=None)),
    "an SCT of another log": SIGSTORE.signed(CERTIFY(logged=CertificateLog())),
    "not for signing code": SIGSTORE.signed(CERTIFY(usages=())),
    "another authority": SIGSTORE.signed(Authority(SIGSTORE.certificates, clock=AT).certify()),
    "no log": SIGSTORE.keyless(log=0),
    "logged too late": SIGSTORE.keyless(logged_at=AT + 30 * MINUTE),
    "no time": SIGSTORE.keyless(log=2, hashed=True),
}


@pytest.mark.parametrize("bundle", BAD.values(), ids=[*BAD])
def test_both_refuse_it(bundle):
    assert both(bundle) == (False, False)


#: By the version of the log.
BUNDLES = {version: SIGSTORE.keyless(log=version, stamped=True, hashed=version == 2) for version in (1, 2)}


def is_whole(data: bytes, version: int) -> bool:
    """Whether sigstore-python looks at it at all.

    It knows no field that the format does not have, where protobuf leaves room for further ones. It wants a proof of
    inclusion with a checkpoint always, where cosign is content with a promise; and the right kind of the entry beside
    the entry, which says it itself."""
    try:
        Bundle.from_json(data)
    except InvalidBundle:
        return False
    entries = read_bundle(data).entries
    kinds = [entry.get("kindVersion") for entry in json.loads(data)["verificationMaterial"]["tlogEntries"]]
    whole = BUNDLES[version]["verificationMaterial"]["tlogEntries"]
    return kinds == [each["kindVersion"] for each in whole] and all(
        each.proof is not None and each.proof.checkpoint for each in entries
    )


@pytest.mark.parametrize("version", [1, 2])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_is_changed_and_good_here_is_good_there(version, data):
    """Bytes changed in the fields that are base64, or in the text: nothing is believed that the other does not."""
    whole = BUNDLES[version]
    if data.draw(st.booleans()):
        path = data.draw(st.sampled_from([each for each in paths(whole) if is_base64(at(whole, each))]))
        text = bytearray(at(whole, path).encode())
        text[data.draw(st.integers(0, len(text) - 1))] = ord(data.draw(st.sampled_from("ABCabc012+/=")))
        changed = canonical(replaced(whole, path, text.decode()))
    else:
        raw = bytearray(canonical(whole))
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 127))
        changed = bytes(raw)
    if good_here(changed) and is_whole(changed, version):
        assert good_there(changed)
