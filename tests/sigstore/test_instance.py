# SPDX-License-Identifier: Apache-2.0
"""What the tests run against works, by cosign's word: the private instance, and the tests' own parts."""

from __future__ import annotations

import pytest

from tests.images.samples import put_image
from tests.sigstore.cosign import Refused
from tests.trust.attaching import attach_bundle, attach_payloads
from tests.trust.authority import IDENTITY, ISSUER
from tests.trust.signer import World
from tests.trust.signing import Proofs, bundle, enveloped, statement

PERSON = "dev@example.com"


@pytest.fixture
def expecting(sigstore):
    """Options of `cosign verify`: what it believes, and whom."""

    def options(email: str = PERSON):
        whom = (f"--certificate-identity={email}", f"--certificate-oidc-issuer={sigstore.issuer.url}")
        return (f"--trusted-root={sigstore.trusted_root}", "--use-signed-timestamps", *whom)

    return options


@pytest.mark.parametrize("log", [1, 2])
def test_cosign_believes_what_it_signed_with_the_instance(cosign, image, sigstore, expecting, log):
    cosign.sign_keyless(image.pinned, sigstore, PERSON, log=log)
    (found,) = cosign.verify(image.pinned, *expecting())
    assert found["critical"]["image"]["docker-manifest-digest"] == image.digest
    with pytest.raises(Refused, match="expected SAN value"):
        cosign.verify(image.pinned, *expecting("else@example.com"))


def test_cosign_believes_what_it_signed_in_the_older_layout(cosign, image, sigstore, expecting):
    cosign.sign_keyless_by_tag(image.pinned, sigstore, PERSON)
    root, _, *whom = expecting()
    (found,) = cosign.verify(image.pinned, root, *whom, bundle=False)
    assert found["optional"]["Subject"] == PERSON


class TestOwnParts:
    """World signs as cosign does: else what tests say of spoiled signatures would say nothing."""

    WHOM = (f"--certificate-identity={IDENTITY}", f"--certificate-oidc-issuer={ISSUER}")

    @pytest.fixture
    def world(self, tmp_path):
        world = World()
        (tmp_path / "root.json").write_bytes(world.trusted_root())
        return world

    @pytest.fixture
    def root(self, tmp_path):
        return f"--trusted-root={tmp_path}/root.json"

    @pytest.fixture
    def digest(self, small):
        return put_image(small, b"whatever it is")

    @pytest.mark.parametrize("kind", ["bundle", "tile_bundle"])
    def test_bundles(self, cosign, small, world, root, digest, kind):
        attach_bundle(small, "acme/meter", digest, getattr(world, kind)(digest))
        more = ["--use-signed-timestamps"] if kind == "tile_bundle" else []
        image = f"{small.host}/acme/meter@{digest}"
        assert cosign.verify(image, root, *self.WHOM, *more)
        with pytest.raises(Refused):
            cosign.verify(image, root, f"--certificate-identity=x{IDENTITY}", self.WHOM[1], *more)

    @pytest.mark.parametrize("spoiled", [False, True])
    def test_a_stamp_that_does_not_count(self, cosign, small, world, root, digest, spoiled):
        """cosign passes over a stranger's, as we do, and over a bad one of somebody known, which we refuse; neither is
        the stamp that is demanded."""
        by = world.certify()
        envelope = enveloped(by.key, statement(digest))
        bad = world.stamp(b"something else") if spoiled else World().stamp(envelope.signature)
        image = f"{small.host}/acme/meter@{digest}"

        def attach(*stamps: bytes) -> None:
            proofs = Proofs(by.certificate, [world.entry(envelope, by)], stamps)
            attach_bundle(small, "acme/meter", digest, bundle(envelope, proofs))

        attach(bad)
        assert cosign.verify(image, root, *self.WHOM)
        with pytest.raises(Refused, match="timestamp"):
            cosign.verify(image, root, *self.WHOM, "--use-signed-timestamps")
        attach(bad, world.stamp(envelope.signature))
        assert cosign.verify(image, root, *self.WHOM, "--use-signed-timestamps")

    def test_payloads(self, cosign, small, world, root, digest):
        image = f"{small.host}/acme/meter"
        attach_payloads(small, "acme/meter", digest, [world.payload(digest, image)])
        assert cosign.verify(f"{image}@{digest}", root, *self.WHOM, bundle=False)
