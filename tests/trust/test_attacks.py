# SPDX-License-Identifier: Apache-2.0
"""A signature that is there and is not good: an error that names the step, and nothing else is left of the image.

All with images without a signature allowed: what is signed badly is not as good as what is not signed.
"""

from __future__ import annotations

import json
import re

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from bpfman.errors import SignatureRefused
from bpfman.model.audit import ACCEPTED, LOAD, REFUSED
from tests.trust.attacks import ATTACKS, ESCAPE
from tests.trust.authority import IDENTITY, ISSUER, Authority
from tests.trust.certificate_log import CertificateLog
from tests.trust.node import fetched_layers
from tests.trust.stamps import stamp

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_it_is_refused(attack, scene, node, small):
    attack.make(scene)
    node.believe(scene.root, IDENTITY, ISSUER, "allow_unsigned = true")
    with pytest.raises(SignatureRefused) as caught:
        node.load(scene.name)
    assert re.search(attack.says, str(caught.value), re.DOTALL)
    told = str(caught.value) + caught.value.hint
    assert len(told) < 20_000
    assert told.replace("\n  ", "").isprintable()  # a terminal shows it as it is
    node.holds_nothing()
    assert fetched_layers(small) == []
    (event,) = node.events()
    assert (event.action, event.verdict, event.image) == (LOAD, REFUSED, scene.name)
    assert event.digest == scene.digest
    assert re.search(attack.says, event.reason, re.DOTALL)


@pytest.mark.parametrize("kind", ["bundle", "tile_bundle", "payload"])
def test_what_is_signed_well_is_loaded(kind, scene, node):
    if kind == "payload":
        scene.payloads(scene.world.payload(scene.digest, scene.name))
    else:
        scene.attach(getattr(scene.world, kind)(scene.digest))
    node.believe(scene.root, IDENTITY, ISSUER)
    program = node.load(scene.name)
    assert program.status.kernel is not None
    (event,) = node.events()
    assert (event.action, event.verdict, event.digest) == (LOAD, ACCEPTED, scene.digest)
    assert event.programs == ("xdp_stats",)
    assert IDENTITY in event.reason
    assert node.warnings == []


def strangers_stamp(scene) -> bytes:
    strangers = Authority(CertificateLog(), usage=ExtendedKeyUsageOID.TIME_STAMPING)
    return stamp(scene.envelope.signature, strangers.stamper())


def test_a_strangers_stamp_is_no_fault_of_what_a_log_proves(scene, node):
    """An authority that is named as one that is known is a stranger all the same."""
    scene.bundle(scene.entry(), stamps=(strangers_stamp(scene),))
    node.believe(scene.root, IDENTITY, ISSUER)
    assert node.load(scene.name).status.kernel is not None
    assert [event.verdict for event in node.events()] == [ACCEPTED]


def test_a_strangers_stamp_beside_one_that_counts(scene, node):
    genuine = scene.world.stamp(scene.envelope.signature)
    scene.bundle(scene.tile_entry(), stamps=(strangers_stamp(scene), genuine))
    node.believe(scene.root, IDENTITY, ISSUER, "require_timestamp = true")
    assert node.load(scene.name).status.kernel is not None


def test_a_strangers_stamp_is_not_the_one_that_is_demanded(scene, node):
    scene.bundle(scene.entry(), stamps=(strangers_stamp(scene),))
    node.believe(scene.root, IDENTITY, ISSUER, "require_timestamp = true")
    with pytest.raises(SignatureRefused, match=r"timestamp: it has no timestamp of .*; its timestamp is by"):
        node.load(scene.name)
    node.holds_nothing()


@pytest.mark.parametrize("spoiled", [False, True])
def test_an_authority_that_is_known_by_its_issuer_alone(scene, node, spoiled):
    """Without the certificate that it stamps with, whatever its issuer certified is its own."""
    root = json.loads(scene.root)
    del root["timestampAuthorities"][0]["certChain"]["certificates"][0]
    stamped = scene.world.stamp(b"something else" if spoiled else scene.envelope.signature)
    scene.bundle(scene.entry(), stamps=(stamped,))
    node.believe(json.dumps(root).encode(), IDENTITY, ISSUER)
    if not spoiled:
        assert node.load(scene.name).status.kernel is not None
        return
    with pytest.raises(SignatureRefused, match=r"timestamp: its timestamp of .* is not good"):
        node.load(scene.name)


def test_a_name_cannot_write_to_the_terminal(scene, node):
    """Not even that of who is believed."""
    name = f"https://example.com/{ESCAPE}"
    scene.signed_by(scene.world.certify(name))
    node.believe(scene.root, name, ISSUER)
    node.load(scene.name)
    (event,) = node.events()
    assert event.verdict == ACCEPTED
    assert event.reason.isprintable()


def test_one_good_signature_among_bad_ones_is_enough(scene, node):
    scene.attach(b"{}")
    scene.signed_by(scene.world.certify("mallory@example.com"))
    scene.attach(scene.world.bundle(scene.digest))
    node.believe(scene.root, IDENTITY, ISSUER)
    assert node.load(scene.name).status.kernel is not None


def test_a_spoiled_layout_does_not_hide_the_good_one(scene, node):
    scene.payloads((b"{}", {}))
    scene.attach(scene.world.bundle(scene.digest))
    node.believe(scene.root, IDENTITY, ISSUER)
    assert node.load(scene.name).status.kernel is not None
