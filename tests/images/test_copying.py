# SPDX-License-Identifier: Apache-2.0
"""An image is copied whole and unchanged, with what refers to it, from anywhere to anywhere."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from bpfman.errors import DigestMismatch, ImageNotFound
from bpfman.images.copying import copy_image
from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor
from bpfman.images.transport.location import Access, open_source, open_target, parse_location
from tests.images.samples import config, described, index, layer, manifest, put_image


@pytest.fixture
def copy(environment):
    def run(source, target, **more):
        access = Access(environment=environment)
        with (
            open_source(parse_location(str(source)), access) as read_from,
            open_target(parse_location(str(target)), access) as write_to,
        ):
            return copy_image(read_from, write_to, **more)

    return run


@pytest.fixture
def everything(small):
    """An index of two platforms; one has a signature with an attestation of its own, and an old signature's tag."""
    digests = [put_image(small, name.encode(), tag=name) for name in ("amd64", "arm64")]
    images = [small.manifests["acme/meter", digest][1] for digest in digests]
    root = small.put(
        "acme/meter", "1.2", OCI_INDEX, index(list(zip(images, ("amd64", "arm64"), strict=True)))
    )
    signature = artifact(small, images[0], "application/vnd.dev.sigstore.bundle.v0.3+json")
    artifact(small, signature, "application/vnd.example.note")
    old = manifest([layer(b"old signature")], config())
    small.add(layer(b"old signature"))
    small.put("acme/meter", root.replace(":", "-") + ".sig", OCI_MANIFEST, old)
    return root


def artifact(small, subject: bytes, kind: str) -> bytes:
    for blob in (b"about it", b"{}"):
        small.add(blob)
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": described(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [described(b"about it", kind)],
        "subject": described(subject, OCI_MANIFEST),
    }
    data = json.dumps(body).encode()
    small.put("acme/meter", digest_of(data), OCI_MANIFEST, data)
    return data


def list_under_tags(small) -> None:
    """Keep lists of referrers as a registry's clients do where it does not."""
    subjects: dict[str, list[dict[str, object]]] = {}
    for media_type, data in set(small.manifests.values()):
        found = json.loads(data)
        if "subject" in found:
            row = described(data, media_type, artifactType=found["artifactType"])
            subjects.setdefault(found["subject"]["digest"], []).append(row)
    for digest, rows in subjects.items():
        body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows}
        small.put("acme/meter", digest.replace(":", "-"), OCI_INDEX, json.dumps(body).encode())
    small.has_referrers = False


@pytest.mark.parametrize("listed_by", ["registry", "tags"])
def test_everything_gets_through_a_chain_of_places(
    small, everything, copy, environment, tmp_path, go_registry, listed_by
):
    """Registry, directory, archive, another registry: as an image travels to a machine without a network."""
    if listed_by == "tags":
        list_under_tags(small)
    places = [
        f"{small.host}/acme/meter:1.2",
        f"oci:{tmp_path}/layout:1.2",
        f"oci-archive:{tmp_path}/x.tar:1.2",
        f"{go_registry}/acme/copied-{listed_by}:1.2",
    ]
    for source, target in pairwise(places):
        copied = copy(source, target)
        assert copied.digest == everything
        assert (copied.manifests, copied.referrers) == (3, 3)
    with open_source(parse_location(places[-1]), Access(environment=environment)) as last:
        assert last.manifest().digest == everything
        signatures = last.referrers(digest_of(small.manifests["acme/meter", "amd64"][1]))
        assert [each.artifact_type for each in signatures] == [
            "application/vnd.dev.sigstore.bundle.v0.3+json"
        ]
        notes = last.referrers(signatures[0].digest)
        assert [each.artifact_type for each in notes] == ["application/vnd.example.note"]
        assert last.manifest(everything.replace(":", "-") + ".sig")
        about = Descriptor("x", digest_of(b"about it"), len(b"about it"))
        assert last.blob(about) == b"about it"


def test_referrers_can_be_left_behind(everything, small, copy, tmp_path):
    copied = copy(f"{small.host}/acme/meter:1.2", f"oci:{tmp_path}/x", referrers=False)
    assert (copied.manifests, copied.referrers) == (3, 0)


def test_a_blob_that_two_platforms_share_is_read_once(small, copy, tmp_path):
    blob = layer(b"shared")
    small.add(blob)
    images = []
    for name in ("amd64", "arm64"):
        configuration = config(architecture=name)
        small.add(configuration)
        data = manifest([blob], configuration)
        small.put("acme/meter", digest_of(data), OCI_MANIFEST, data)
        images.append((data, name))
    small.put("acme/meter", "1", OCI_INDEX, index(images))
    copy(f"{small.host}/acme/meter:1", f"oci:{tmp_path}/x")
    assert sum(digest_of(blob) in path for path in small.paths()) == 1


def test_copying_twice_is_copying_once(everything, small, copy, tmp_path):
    for _ in range(2):
        copy(f"{small.host}/acme/meter:1.2", f"oci-archive:{tmp_path}/x.tar:1.2")
    first = (tmp_path / "x.tar").read_bytes()
    copy(f"oci-archive:{tmp_path}/x.tar:1.2", f"oci-archive:{tmp_path}/x.tar:1.2")
    assert (tmp_path / "x.tar").read_bytes() == first


def test_a_copy_that_fails_leaves_no_name(small, copy, tmp_path):
    """What is named is complete."""
    put_image(small, b"x", tag="1")
    small.always("GET", "/blobs/", lambda h: h.reply(200, b"tampered"))
    with pytest.raises(DigestMismatch):
        copy(f"{small.host}/acme/meter:1", f"oci:{tmp_path}/x:1")
    with open_source(parse_location(f"oci:{tmp_path}/x:1"), Access()) as source, pytest.raises(ImageNotFound):
        source.manifest()


def test_docker_archives_are_copied_too(copy, tmp_path):
    from tests.images.samples import tar

    listed = json.dumps([{"Config": "c.json", "Layers": ["l.tar"], "RepoTags": ["acme/meter:1"]}]).encode()
    (tmp_path / "x.tar").write_bytes(
        tar({"manifest.json": listed, "c.json": config(), "l.tar": tar({"a.o": b"x"})})
    )
    copied = copy(f"docker-archive:{tmp_path}/x.tar", f"oci:{tmp_path}/y:1")
    with open_source(parse_location(f"oci:{tmp_path}/y:1"), Access()) as source:
        assert source.manifest().digest == copied.digest
