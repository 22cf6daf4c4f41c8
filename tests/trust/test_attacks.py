# SPDX-License-Identifier: Apache-2.0
"""A signature that is there and is not good: an error that names the step, and nothing else is left of the image.

All with images without a signature allowed: what is signed badly is not as good as what is not signed.
"""

from __future__ import annotations

import re

import pytest

from bpfman.errors import SignatureRefused
from bpfman.model.audit import ACCEPTED, LOAD, REFUSED
from tests.trust.attacks import ATTACKS, ESCAPE
from tests.trust.authority import IDENTITY, ISSUER
from tests.trust.node import fetched_layers

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
