# SPDX-License-Identifier: Apache-2.0
"""The judgement on bundles by certificate, held against sigstore-python's: what is good here is good there."""

from __future__ import annotations

import functools
import json
import time

import pytest
from cryptography.x509 import ExtensionNotFound
from hypothesis import given, settings
from hypothesis import strategies as st
from sigstore.errors import Error
from sigstore.models import Bundle, InvalidBundle, TrustedRoot
from sigstore.verify import Verifier, policy

from bpfman.errors import Untrusted
from bpfman.images.trust.bundle import read_bundle
from bpfman.images.trust.demand import Demand, Identity
from bpfman.images.trust.verifying import verify
from tests.images.trust.authority import ALICE, ISSUER, MINUTES, Authority, new_key
from tests.images.trust.instance import Sigstore, folder_for_all_tests, found
from tests.images.trust.rekor import Rekor, canonical
from tests.images.trust.test_mutations import at, is_base64, paths, replaced

NOW = time.time()


@functools.cache
def sigstore(version: int) -> Sigstore:
    return Sigstore(folder_for_all_tests(), NOW, Rekor(NOW, tells_time=version == 1))


@functools.cache
def oracle(version: int) -> Verifier:
    path = folder_for_all_tests() / "trusted_root.json"
    path.write_text(json.dumps(sigstore(version).trusted_root()))
    return Verifier(trusted_root=TrustedRoot.from_file(str(path)))


def good_there(data: bytes, version: int) -> bool:
    try:
        oracle(version).verify_dsse(Bundle.from_json(data), policy.Identity(identity=ALICE, issuer=ISSUER))
    except (Error, ValueError, ExtensionNotFound):
        return False
    return True


def good_here(data: bytes, version: int) -> bool:
    identities = (Identity(subject=ALICE, issuer=ISSUER),)
    try:
        verify(found(data), None, Demand(identities=identities, instance=sigstore(version).instance()), NOW)
    except Untrusted:
        return False
    return True


def both(bundle: dict, version: int = 1) -> tuple[bool, bool]:
    data = canonical(bundle)
    return good_here(data, version), good_there(data, version)


GOOD = {
    "log": (1, {}),
    "log and timestamp": (1, {"timestamp": True}),
    "log of version 2 and timestamp": (2, {"timestamp": True, "hashed": True}),
}


@pytest.mark.parametrize(("version", "about"), GOOD.values(), ids=[*GOOD])
def test_both_find_it_good(version, about):
    assert both(sigstore(version).keyless(**about), version) == (True, True)


BAD = {
    "somebody else": {"subject": "bob@example.com"},
    "another issuer": {"issuer": "https://github.com"},
    "expired": {"end": NOW - MINUTES},
    "not yet valid": {"start": NOW + MINUTES},
    "no SCT": {"sct": False},
    "an SCT of another log": {"sct_key": new_key()},
    "not for signing code": {"usage": ()},
    "another authority": {"by": (Authority(NOW).intermediate, new_key())},
    "no log": {"log": False},
    "logged too late": {"when": NOW + 30 * MINUTES},
    "no time": (2, {}),
}


@pytest.mark.parametrize("about", BAD.values(), ids=[*BAD])
def test_both_refuse_it(about):
    version, about = about if isinstance(about, tuple) else (1, about)
    assert both(sigstore(version).keyless(**about), version) == (False, False)


@functools.cache
def bundle(version: int) -> dict:
    return sigstore(version).keyless(timestamp=True, hashed=version == 2)


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
    whole = bundle(version)["verificationMaterial"]["tlogEntries"]
    return kinds == [each["kindVersion"] for each in whole] and all(
        each.proof is not None and each.proof.checkpoint for each in entries
    )


@pytest.mark.parametrize("version", [1, 2])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_is_changed_and_good_here_is_good_there(version, data):
    """Bytes changed in the fields that are base64, or in the text: nothing is believed that the other does not."""
    whole = bundle(version)
    if data.draw(st.booleans()):
        path = data.draw(st.sampled_from([each for each in paths(whole) if is_base64(at(whole, each))]))
        text = bytearray(at(whole, path).encode())
        text[data.draw(st.integers(0, len(text) - 1))] = ord(data.draw(st.sampled_from("ABCabc012+/=")))
        changed = canonical(replaced(whole, path, text.decode()))
    else:
        raw = bytearray(canonical(whole))
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 127))
        changed = bytes(raw)
    if good_here(changed, version) and is_whole(changed, version):
        assert good_there(changed, version)
