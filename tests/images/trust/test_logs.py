# SPDX-License-Identifier: Apache-2.0
"""Transparency logs: what they have, what they do not have, and what is not theirs."""

from __future__ import annotations

import base64
import copy

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from bpfman.errors import SignatureRefused
from bpfman.images.trust.demand import Demand, Identity, Instance, Key
from bpfman.images.trust.verifying import verify
from tests.images.trust.instance import NOW, Sigstore, found
from tests.images.trust.judging import ALICE, by_alice, by_key, refused
from tests.trust.certificate_log import CertificateLog
from tests.trust.keys import new_key, pem
from tests.trust.log import b64, canonical
from tests.trust.signing import Envelope


def _entry(bundle: dict):
    return bundle["verificationMaterial"]["tlogEntries"][0]


def _flip(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return b64(bytes(data))


LOG_CHANGES = {
    "promise": lambda entry: entry["inclusionPromise"].update(
        signedEntryTimestamp=_flip(entry["inclusionPromise"]["signedEntryTimestamp"])
    ),
    "time": lambda entry: entry.update(integratedTime=str(int(NOW) - 30)),
    "index": lambda entry: entry.update(logIndex="7"),
    "body": lambda entry: entry.update(canonicalizedBody=_flip(entry["canonicalizedBody"])),
    "root": lambda entry: entry["inclusionProof"].update(rootHash=_flip(entry["inclusionProof"]["rootHash"])),
    "place": lambda entry: entry["inclusionProof"].update(logIndex="2"),
    "place beyond": lambda entry: entry["inclusionProof"].update(logIndex="999"),
    "size": lambda entry: entry["inclusionProof"].update(treeSize="12"),
    "hashes": lambda entry: entry["inclusionProof"]["hashes"].pop(),
    "more hashes": lambda entry: entry["inclusionProof"]["hashes"].append(b64(b"x" * 32)),
    "checkpoint": lambda entry: entry["inclusionProof"]["checkpoint"].update(
        envelope=entry["inclusionProof"]["checkpoint"]["envelope"].replace(
            "log.example.com - 1\n9", "log.example.com - 1\n8"
        )
    ),
    "checkpoint unsigned": lambda entry: entry["inclusionProof"]["checkpoint"].update(
        envelope=entry["inclusionProof"]["checkpoint"]["envelope"].partition("—")[0]
    ),
    "no proof at all": lambda entry: [entry.pop("inclusionProof"), entry.pop("inclusionPromise")],
}


@pytest.mark.parametrize("change", LOG_CHANGES.values(), ids=[*LOG_CHANGES])
def test_a_changed_log_entry(change):
    sigstore = Sigstore()
    bundle = sigstore.keyless()
    assert verify(found(bundle), None, by_alice(sigstore), NOW)
    change(_entry(bundle))
    assert refused(bundle, by_alice(sigstore))[0] == "log"


def test_a_checkpoint_of_another_tree():
    sigstore = Sigstore()
    bundle, later = sigstore.keyless(), sigstore.keyless()
    _entry(bundle)["inclusionProof"]["checkpoint"] = _entry(later)["inclusionProof"]["checkpoint"]
    assert refused(bundle, by_alice(sigstore)) == (
        "log", "its inclusion proof is for another tree than the checkpoint",
    )  # fmt: skip


def test_the_entry_of_another_signature(sigstore):
    bundle, other = sigstore.keyless(), sigstore.keyless()
    bundle["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]
    step, why = refused(bundle, by_alice(sigstore))
    assert (step, "another signature" in why) == ("log", True)


def test_the_entry_of_the_same_signature_by_another_certificate(sigstore):
    """Alice's signature, logged in time; Mallory shows it with a certificate of his for her key."""
    by = sigstore.certify()
    bundle = sigstore.signed(by)
    again = sigstore.authority.certify("mallory@example.com", key=by.key).certificate
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = b64(again.public_bytes(Encoding.DER))
    demand = by_alice(sigstore, identities=(Identity(subject="mallory@example.com"),))
    step, why = refused(bundle, demand)
    assert (step, "another key or certificate" in why) == ("log", True)


def test_the_entry_of_something_else(sigstore):
    by = sigstore.certify()
    bundle = sigstore.signed(by)
    signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    entry = sigstore.entry(Envelope(b"something else", signature), by)
    bundle["verificationMaterial"]["tlogEntries"] = [entry.as_bundle()]
    assert "something else" in refused(bundle, by_alice(sigstore))[1]


def test_an_entry_of_an_unknown_kind(sigstore):
    bundle = sigstore.keyless()
    entry = sigstore.log.add(canonical({"apiVersion": "0.0.1", "kind": "rpm", "spec": {}}))
    bundle["verificationMaterial"]["tlogEntries"] = [entry.as_bundle()]
    assert refused(bundle, by_alice(sigstore))[0] == "log"


def test_a_strange_log(sigstore):
    stranger = Sigstore()
    stranger.authority = sigstore.authority
    bundle = stranger.keyless()
    assert refused(bundle, by_alice(sigstore))[0] == "log"
    key = new_key()
    demand = by_key(key, instance=sigstore.instance())
    assert verify(found(stranger.signed(key)), None, demand, NOW), "nobody demanded a log"
    assert refused(stranger.signed(key), demand._replace(log=True))[0] == "log"


def test_a_bad_entry_is_no_better_for_not_being_demanded(sigstore):
    key = new_key()
    bundle = sigstore.signed(key)
    _entry(bundle)["integratedTime"] = "1"
    demand = by_key(key, instance=sigstore.instance())
    assert refused(bundle, demand)[0] == "log"


def test_a_log_of_which_only_the_key_is_known():
    """As policy.json has it: the authority's certificate, and Rekor's public key."""
    sigstore = Sigstore()
    authority = sigstore.authority
    log = Key(pem(sigstore.log.key).encode(), "r")
    instance = Instance("mine", authorities=pem(authority.root).encode(), logs=(log,))
    demand = Demand(identities=(ALICE,), instance=instance, log=True)
    signature = sigstore.tagged(authority.certify(logged=False), logged=True)
    assert verify(found(signature), None, demand, NOW).proof == "entry 1006 of r"
    other = instance._replace(logs=(Key(pem(new_key()).encode(), "other"),))
    assert refused(found(signature), demand._replace(instance=other))[0] == "log"


def test_a_log_of_version_2_tells_no_time(sigstore):
    step, why = refused(sigstore.keyless(log=2), by_alice(sigstore))
    assert (step, "nothing proves" in why) == ("timestamp", True)


@pytest.mark.parametrize("newer", ["log", "certificate log", "authority"])
def test_keys_that_are_newer_than_those_known(sigstore, newer):
    """The hint says where to get them."""
    other = Sigstore()
    if newer != "log":
        other.log = sigstore.log
    if newer != "authority":
        other.authority = copy.copy(sigstore.authority)
    if newer == "certificate log":
        other.authority.log = CertificateLog()
    with pytest.raises(SignatureRefused) as raised:
        verify(found(other.keyless()), None, by_alice(sigstore), NOW)
    assert raised.value.refusals[0][1] == ("certificate" if newer == "authority" else newer)
    assert "update-trusted-root" in raised.value.hint
