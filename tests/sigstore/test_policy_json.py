# SPDX-License-Identifier: Apache-2.0
"""policy.json as podman users have it, with what cosign signs: sigstoreSigned, by key and by person."""

from __future__ import annotations

import pytest

from bpfman.errors import Untrusted
from bpfman.model.audit import ACCEPTED, REFUSED
from tests.sigstore.conftest import publish

pytestmark = pytest.mark.kernel

PERSON = "dev@example.com"


# Cosign names a repository and no tag.
OF_THE_REPOSITORY = {"type": "matchRepository"}


def by_key(keys, identity=OF_THE_REPOSITORY):
    return {"type": "sigstoreSigned", "keyPath": str(keys.public), "signedIdentity": identity}


@pytest.fixture
def by_person(sigstore):
    """sigstoreSigned for one person, by the parts of the instance."""
    folder = sigstore.trusted_root.parent

    def requirement(email: str = PERSON):
        fulcio = {
            "caPath": str(folder / "fulcio.pem"),
            "oidcIssuer": sigstore.issuer.url,
            "subjectEmail": email,
        }
        log = str(folder / "rekor.pub")
        return {
            "type": "sigstoreSigned",
            "fulcio": fulcio,
            "rekorPublicKeyPath": log,
            "signedIdentity": OF_THE_REPOSITORY,
        }

    return requirement


def test_the_right_key(cosign, image, keys, other_keys, node):
    cosign.sign(image.pinned, keys, bundle=False)
    node.require(image.repository, by_key(keys))
    assert node.load(image.tag).status.kernel is not None
    node.require(image.repository, by_key(other_keys))
    with pytest.raises(Untrusted):
        node.load(image.tag)
    assert [event.verdict for event in node.events()][-1] == REFUSED
    assert str(node.policy) in node.events()[-1].rule


def test_the_right_person(cosign, image, sigstore, by_person, node):
    cosign.sign_keyless_by_tag(image.pinned, sigstore, PERSON)
    node.require(image.repository, by_person())
    assert node.load(image.tag).status.kernel is not None
    node.require(image.repository, by_person("else@example.com"))
    with pytest.raises(Untrusted):
        node.load(image.tag)


def test_a_tag_that_nobody_signed(cosign, image, keys, node):
    cosign.sign(image.pinned, keys, bundle=False)
    node.require(image.repository, by_key(keys, {"type": "matchRepoDigestOrExact"}))
    with pytest.raises(Untrusted, match="name: ") as caught:
        node.load(image.tag)
    assert "matchRepository" in caught.value.hint
    node.holds_nothing()


def test_another_scope_is_rejected(cosign, image, keys, node):
    cosign.sign(image.pinned, keys, bundle=False)
    node.require("registry.example.com/acme", by_key(keys))
    with pytest.raises(Untrusted):
        node.load(image.tag)
    node.holds_nothing()


def test_a_signature_of_another_repository_is_not_replayed(
    cosign, image, host, environment, tmp_path, keys, node
):
    """The same bytes, signed as another name: whoever may sign there may not sign here."""
    other = publish(host, environment, tmp_path)
    assert other.digest == image.digest
    cosign.sign(other.pinned, keys, bundle=False)
    node.images.copy(other.tag, image.tag)
    node.require(image.repository, by_key(keys))
    with pytest.raises(Untrusted, match=r"name: .*"):
        node.load(image.tag)
    node.holds_nothing()
    replayed = {"type": "exactRepository", "dockerRepository": other.repository}
    node.require(image.repository, by_key(keys, replayed))
    assert node.load(image.tag).status.kernel is not None


def test_both_files_must_agree(cosign, image, keys, other_keys, node):
    cosign.sign(image.pinned, keys, bundle=False)
    node.require(image.repository, by_key(keys))
    node.believe_key(other_keys.public)
    with pytest.raises(Untrusted):
        node.load(image.tag)
    node.believe_key(keys.public)
    assert node.load(image.tag).status.kernel is not None
    assert [event.verdict for event in node.events()] == [REFUSED, ACCEPTED]
