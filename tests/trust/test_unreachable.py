# SPDX-License-Identifier: Apache-2.0
"""A signature that cannot be looked for is not one that is not there: nothing is loaded, whatever is allowed."""

from __future__ import annotations

import hashlib
from itertools import product

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from bpfman.errors import ImageError, SignatureRefused, Unsigned, Untrusted
from bpfman.images.pulling import ALWAYS, IF_NOT_PRESENT, NEVER
from bpfman.model.audit import ACCEPTED, REFUSED, UNSIGNED
from tests.trust.authority import IDENTITY, ISSUER
from tests.trust.node import fetched_layers

pytestmark = pytest.mark.kernel

WHERE = {
    "referrers": r"/referrers/",
    "manifest": r"/manifests/sha256:(?!{digest})",
    "blob": r"/blobs/",
    "tag": r"/manifests/sha256-[0-9a-f]+\.sig",
}
FAILURES = {
    "401": lambda handler: handler.refuse(401, "UNAUTHORIZED"),
    "403": lambda handler: handler.refuse(403, "DENIED"),
    "429": lambda handler: handler.refuse(429, "TOOMANYREQUESTS"),
    "500": lambda handler: handler.refuse(500, "UNKNOWN"),
    "503": lambda handler: handler.refuse(503, "UNAVAILABLE"),
    "cut": lambda handler: handler.begin_and_break(b'{"manifests": []}', 5),
    "html": lambda handler: handler.reply(200, b"<html>", Content_Type="text/html"),
    "hung": lambda handler: handler.hang(),
}


LENIENT = "allow_unsigned = true"


@pytest.fixture
def signed(scene, node):
    scene.attach(scene.world.bundle(scene.digest))
    node.believe(scene.root, IDENTITY, ISSUER, LENIENT)
    return scene


# An answer without JSON is how a registry without that API may put it, as other clients have it too.
NO_API = ("referrers", "html")


@pytest.mark.parametrize(("where", "failure"), sorted({*product(WHERE, FAILURES)} - {NO_API}))
def test_what_cannot_be_asked_is_no_answer(signed, node, small, where, failure):
    if where == "tag":
        small.has_referrers = False  # so nothing else is there to be believed
    small.always("GET", WHERE[where].format(digest=signed.digest.partition(":")[2]), FAILURES[failure])
    with pytest.raises(Untrusted):
        node.load(signed.name)
    node.holds_nothing()
    assert fetched_layers(small) == []
    (event,) = node.events()
    assert (event.verdict, event.image) == (REFUSED, signed.name)
    assert node.warnings == []


def test_a_registry_without_referrers_may_still_have_the_tag(scene, node, small):
    small.has_referrers = False
    scene.payloads(scene.world.payload(scene.digest, scene.name))
    node.believe(scene.root, IDENTITY, ISSUER)
    assert node.load(scene.name).status.kernel is not None
    assert [event.verdict for event in node.events()] == [ACCEPTED]


def test_an_image_without_any_signature_is_what_it_is(scene, node):
    node.believe(scene.root, IDENTITY, ISSUER)
    with pytest.raises(Unsigned):
        node.load(scene.name)
    node.holds_nothing()
    node.believe(scene.root, IDENTITY, ISSUER, LENIENT)
    assert node.load(scene.name).status.kernel is not None
    assert [event.verdict for event in node.events()] == [REFUSED, UNSIGNED]
    assert len(node.warnings) == 1


class TestCache:
    def test_what_is_cached_needs_no_registry(self, signed, node, small):
        node.load(signed.name)
        asked = len(small.seen)
        small.always("GET", "", FAILURES["503"])
        for policy in (IF_NOT_PRESENT, NEVER):
            assert node.load(signed.name, policy).status.kernel is not None
        assert len(small.seen) == asked
        assert [(event.verdict, event.cached) for event in node.events()] == [
            (ACCEPTED, False),
            (ACCEPTED, True),
            (ACCEPTED, True),
        ]

    @pytest.mark.parametrize("failure", ["403", "503", "hung"])
    def test_always_means_the_registry(self, signed, node, small, failure):
        node.load(signed.name)
        small.always("GET", "", FAILURES[failure])
        with pytest.raises(ImageError):
            node.load(signed.name, ALWAYS)
        assert len(node.manager.programs()) == 1

    def test_other_rules_judge_what_was_kept_without_the_registry(self, signed, node, small):
        node.load(signed.name)
        small.always("GET", "", FAILURES["503"])
        node.believe(signed.root, "else@example.com", ISSUER)
        for policy in (NEVER, IF_NOT_PRESENT):
            with pytest.raises(ImageError):
                node.load(signed.name, policy)
        node.believe(signed.root, IDENTITY, ISSUER, "require_log = true")
        assert node.load(signed.name, NEVER).status.kernel is not None
        assert len(node.manager.programs()) == 2
        assert [event.verdict for event in node.events()] == [ACCEPTED, REFUSED, REFUSED, ACCEPTED]

    def test_an_image_accepted_unsigned_is_not_good_enough_for_stricter_rules(self, scene, node, small):
        node.load(scene.name)
        node.believe(scene.root, IDENTITY, ISSUER)
        for policy in (IF_NOT_PRESENT, NEVER, ALWAYS):
            with pytest.raises(ImageError):
                node.load(scene.name, policy)
        assert len(node.manager.programs()) == 1
        scene.attach(scene.world.bundle(scene.digest))  # now somebody signs it
        assert node.load(scene.name).status.kernel is not None

    def test_a_revoked_certificate_ends_what_is_cached(self, signed, node):
        node.load(signed.name)
        intermediate = signed.world.authority.intermediate.public_bytes(Encoding.DER)
        revoked = hashlib.sha256(intermediate).hexdigest()
        node.believe(signed.root, IDENTITY, ISSUER, f'revoked = ["{revoked}"]')
        for policy in (IF_NOT_PRESENT, NEVER, ALWAYS):
            with pytest.raises(SignatureRefused, match="revoked"):
                node.load(signed.name, policy)
        assert len(node.manager.programs()) == 1
