# SPDX-License-Identifier: Apache-2.0
"""Whose rules count: bpfman's own, policy.json, or both; and what a name is worth."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from bpfman.errors import DigestMismatch, SignatureRefused, Untrusted
from bpfman.images.digest import digest_of
from bpfman.images.pulling import ALWAYS
from bpfman.model.audit import ACCEPTED, REFUSED
from tests.images.samples import put_image
from tests.trust.authority import IDENTITY, ISSUER
from tests.trust.keys import new_key, pem, spki
from tests.trust.node import ELF, LAYER

pytestmark = pytest.mark.kernel


@pytest.fixture
def key():
    return new_key()


@pytest.fixture
def public(key, tmp_path):
    path = tmp_path / "acme.pub"
    path.write_text(pem(key))
    return path


def signed_with(key, scene, repository=None):
    scene.payloads(scene.world.payload(scene.digest, repository or scene.name, key, logged=False))


def by_key(public, identity="matchRepository", **more):
    return {"type": "sigstoreSigned", "keyPath": str(public), "signedIdentity": {"type": identity, **more}}


class TestPolicyJson:
    def test_it_is_enough_where_signing_names_nobody(self, scene, node, key, public):
        signed_with(key, scene)
        node.require(scene.name, by_key(public))
        assert node.load(scene.name).status.kernel is not None
        (event,) = node.events()
        assert event.verdict == ACCEPTED
        assert str(node.policy) in event.rule

    def test_both_must_agree_where_both_name_somebody(self, scene, node, key, public, tmp_path):
        signed_with(key, scene)
        node.require(scene.name, by_key(public))
        other = tmp_path / "other.pub"
        other.write_text(pem(new_key()))
        node.believe_key(other)
        with pytest.raises(SignatureRefused):
            node.load(scene.name)
        node.holds_nothing()

    def test_a_signature_of_another_repository_is_not_replayed(self, scene, node, key, public):
        """The same bytes under another name: whoever may sign there may not sign here."""
        signed_with(key, scene, f"{scene.registry.host}/acme/other")
        node.require(scene.name, by_key(public))
        with pytest.raises(SignatureRefused, match=r"name: it is for .*acme/other"):
            node.load(scene.name)
        node.holds_nothing()
        assert [event.verdict for event in node.events()] == [REFUSED]

    def test_what_no_scope_names_is_rejected(self, scene, node, key, public):
        signed_with(key, scene)
        node.require("registry.example.com/acme", by_key(public))
        with pytest.raises(Untrusted):
            node.load(scene.name)
        node.holds_nothing()


class TestRevoked:
    def test_a_key(self, scene, node, key, public):
        signed_with(key, scene)
        fingerprint = hashlib.sha256(spki(key)).hexdigest()
        node.believe_key(public, f'revoked = ["{fingerprint}"]')
        with pytest.raises(SignatureRefused, match="revoked: "):
            node.load(scene.name)
        node.holds_nothing()

    def test_a_signers_certificate(self, scene, node):
        scene.bundle(scene.entry())
        revoked = scene.by.certificate.fingerprint(SHA256()).hex()
        node.believe(scene.root, IDENTITY, ISSUER, f'revoked = ["{revoked}"]')
        with pytest.raises(SignatureRefused, match="revoked: "):
            node.load(scene.name)
        node.holds_nothing()


def test_a_tag_that_moves_while_it_is_verified(scene, node, small):
    """What was verified is what is loaded, whatever the tag leads to by then."""
    scene.bundle(scene.entry())
    node.believe(scene.root, IDENTITY, ISSUER)
    small.misbehave("GET", r"/referrers/", lambda handler: move_and_answer(handler, small))
    program = node.load(scene.name)
    assert program.record.image.digest == scene.digest
    with open(program.record.object_path, "rb") as file:
        assert file.read() == ELF
    with pytest.raises(Untrusted):
        node.load(scene.name, ALWAYS)  # the tag leads to what nobody signed
    assert [event.verdict for event in node.events()] == [ACCEPTED, REFUSED]


def move_and_answer(handler, small):
    """Let the tag lead to other bytes, then answer as if nothing were."""
    put_image(small, ELF, "acme/meter", labels={"moved": "yes"}, blob=LAYER)
    handler._serve()


def test_a_registry_that_gives_other_bytes_after_it_was_believed(scene, node, small):
    scene.bundle(scene.entry())
    node.believe(scene.root, IDENTITY, ISSUER)
    small.blobs[digest_of(LAYER)] = LAYER[:-1] + bytes([LAYER[-1] ^ 1])
    with pytest.raises(DigestMismatch):
        node.load(scene.name)
    node.holds_nothing()
