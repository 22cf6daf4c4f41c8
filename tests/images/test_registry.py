# SPDX-License-Identifier: Apache-2.0
"""A registry's manifests, blobs and referrers, read and written, of real registries and of one that lies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bpfman.errors import DigestMismatch, ImageNotFound, ImageTooLarge, MalformedImage, RegistryFailed
from bpfman.images import limits
from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Descriptor, document_of
from bpfman.images.reference import parse_reference
from bpfman.images.registry.registry import Registry
from tests.images.conftest import HASTE
from tests.images.samples import config, described, descriptor, layer, manifest, put_image
from tests.images.small_registry import small_registry


@pytest.fixture
def client(environment):
    """Open a repository of a registry by its host."""
    opened = []

    def connect(host: str, rest: str = "acme/meter", **more: Any) -> Registry:
        registry = Registry(
            parse_reference(f"{host}/{rest}"), environment=environment, patience=HASTE, **more
        )
        opened.append(registry)
        return registry.__enter__()

    yield connect
    for registry in opened:
        registry.__exit__()


@pytest.fixture(scope="session", params=["debian", "go", "small", "small without referrers"])
def registry(request):
    """The host of each registry in turn; of the session, as their processes are."""
    if not request.param.startswith("small"):
        yield request.getfixturevalue(f"{request.param}_registry")
        return
    with small_registry() as small:
        small.has_referrers = "without" not in request.param
        yield small.host


def push(client: Registry, data: bytes, tag: str = "latest", **more: Any):
    blob, configuration = layer(data), config()
    for each in (blob, configuration):
        client.put_blob(descriptor(each), each)
    document = document_of(manifest([blob], configuration, **more), OCI_MANIFEST)
    client.put_manifest(document)
    if tag:
        client.put_manifest(document, tag)
    return document, blob


# what holds with every registry


def test_what_was_written_is_read(client, registry, request):
    told = []
    repository = client(
        registry, f"acme/{abs(hash(request.node.name))}", progress=lambda *all: told.append(all)
    )
    document, blob = push(repository, b"written")
    assert repository.manifest() == document
    assert repository.manifest(document.digest) == document
    assert repository.blob(descriptor(blob)) == blob
    assert told[-1] == (digest_of(blob), len(blob), len(blob))


def test_a_blob_that_is_there_is_not_sent_again(client, small):
    push(client(small.host), b"once")
    before = len(small.paths("POST"))
    push(client(small.host), b"once")
    assert len(small.paths("POST")) == before == 2


@pytest.mark.parametrize("status", [404, 416])
def test_an_upload_that_got_lost_is_begun_anew(client, small, status):
    small.misbehave("PUT", "uploads", lambda h: h.refuse(status, "BLOB_UPLOAD_UNKNOWN"))
    client(small.host).put_blob(descriptor(b"x"), b"x")
    assert small.blobs == {digest_of(b"x"): b"x"}
    small.always("PUT", "uploads", lambda h: h.refuse(status, "BLOB_UPLOAD_UNKNOWN"))
    with pytest.raises(RegistryFailed, match=f"status {status}"):
        client(small.host).put_blob(descriptor(b"y"), b"y")


def test_what_is_not_there_is_not_found(client, registry):
    repository = client(registry, "acme/nothing:1.2")
    with pytest.raises(ImageNotFound, match=r"the manifest of .*/acme/nothing:1\.2 does not exist"):
        repository.manifest()
    with pytest.raises(ImageNotFound, match=r"blob sha256:.* does not exist"):
        repository.blob(descriptor(b"nowhere"))
    assert not repository.has_blob(descriptor(b"nowhere"))


def test_referrers_are_found_whoever_keeps_the_list(client, registry):
    repository = client(registry, "acme/signed")
    subject, _ = push(repository, b"subject")
    assert repository.referrers(subject.digest) == ()
    about = described(subject.data, OCI_MANIFEST)
    kinds = ["application/example.one", "application/example.two"]
    documents = [
        push(repository, b"r" + kind.encode(), "", subject=about, artifactType=kind)[0] for kind in kinds
    ]
    push(
        repository, b"r" + kinds[0].encode(), "", subject=about, artifactType=kinds[0]
    )  # once more, the same
    found = {(each.digest, each.artifact_type) for each in repository.referrers(subject.digest)}
    assert found == {(each.digest, kind) for each, kind in zip(documents, kinds, strict=True)}
    for each in repository.referrers(subject.digest):
        assert repository.manifest(each.digest).digest == each.digest


# lists of referrers


def test_a_long_list_comes_in_pages(client, small):
    small.page = 2
    subject = described(b"{}", OCI_MANIFEST)
    repository = client(small.host)
    pushed = {push(repository, bytes([n]), "", subject=subject)[0].digest for n in range(5)}
    assert {each.digest for each in repository.referrers(str(subject["digest"]))} == pushed


NO_REFERRERS = json.dumps({"schemaVersion": 2, "manifests": []}).encode()


def page(link: str):
    """Answer with an empty list that goes on there."""
    return lambda h: h.reply(
        200, NO_REFERRERS, Content_Type=OCI_INDEX, Link=f'<{link or h.path}>; rel="next"'
    )


def test_a_list_without_an_end_is_given_up(client, small):
    small.always("GET", "referrers", page(""))
    with pytest.raises(RegistryFailed, match="fill more than 50 pages"):
        client(small.host).referrers(digest_of(b""))


def test_a_list_does_not_go_on_at_another_host(client, small):
    small.always("GET", "referrers", page("https://x.example/"))
    with pytest.raises(RegistryFailed, match="go on at another host"):
        client(small.host).referrers(digest_of(b""))


def test_a_web_page_is_no_list(client, small):
    small.always("GET", "referrers", lambda h: h.reply(200, b"<html>", Content_Type="text/html"))
    assert client(small.host).referrers(digest_of(b"")) == ()


# lies


def test_a_manifest_of_another_digest_is_a_mismatch(client, small):
    digest = put_image(small, b"good")
    other = manifest([layer(b"evil")], config())
    small.always("GET", "manifests", lambda h: h.reply(200, other, Content_Type=OCI_MANIFEST))
    with pytest.raises(DigestMismatch, match=f"expected {digest}"):
        client(small.host, f"acme/meter@{digest}").manifest()
    with pytest.raises(DigestMismatch):
        client(small.host).manifest(digest)


def test_a_header_that_claims_another_digest_is_a_mismatch(client, small):
    put_image(small, b"good")
    claimed = digest_of(b"another")
    data = manifest([layer(b"x")], config())
    small.always(
        "GET",
        "manifests",
        lambda h: h.reply(200, data, Content_Type=OCI_MANIFEST, Docker_Content_Digest=claimed),
    )
    with pytest.raises(DigestMismatch, match=f"expected {claimed}"):
        client(small.host).manifest()


def test_a_manifest_without_end_is_not_read(client, small):
    small.always("GET", "manifests", lambda h: h.reply(200, bytes(limits.MAX_DOCUMENT + 1)))
    with pytest.raises(ImageTooLarge, match=r"the manifest of .*/acme/meter:latest is larger than"):
        client(small.host).manifest()


def test_a_blob_that_says_it_is_large_is_not_asked_for(client, small):
    with pytest.raises(ImageTooLarge, match=f"{limits.MAX_BLOB + 1} bytes"):
        client(small.host).blob(Descriptor("x", digest_of(b""), limits.MAX_BLOB + 1))
    assert small.seen == []


def test_a_small_blob_that_is_missing_is_missing_not_too_large(client, small):
    """The text of the error is longer than the blob would be."""
    with pytest.raises(ImageNotFound):
        client(small.host).blob(Descriptor(OCI_EMPTY, digest_of(b"{}"), 2))


def test_a_registry_that_keeps_another_manifest_is_caught(client, small):
    small.always("PUT", "manifests", lambda h: h.reply(201, Docker_Content_Digest=digest_of(b"other")))
    with pytest.raises(DigestMismatch, match="made the registry keep"):
        client(small.host).put_manifest(document_of(manifest([b"x"], b"{}"), OCI_MANIFEST))


@pytest.mark.parametrize("location", ["http://registry.example/upload", "ftp://x/"])
def test_an_upload_goes_to_https_only(client, small, location):
    small.always("POST", "uploads", lambda h: h.reply(202, Location=location))
    with pytest.raises(RegistryFailed, match="which is not https://"):
        client(small.host).put_blob(descriptor(b"x"), b"x")


def test_what_has_the_tag_of_referrers_and_is_no_list_of_them(client, small):
    """`cosign copy` leaves an image there; that nothing refers to it is what the specification says of that."""
    small.has_referrers = False
    image = manifest([b"x"], b"{}")
    subject, tag = digest_of(image), digest_of(image).replace(":", "-")
    small.put("acme/meter", tag, OCI_MANIFEST, image)
    registry = client(small.host)
    assert registry.referrers(subject) == ()
    signature = manifest([b"y"], b"{}", subject=described(image, OCI_MANIFEST))
    with pytest.raises(RegistryFailed, match="is taken"):
        registry.put_manifest(document_of(signature, OCI_MANIFEST))
    assert small.manifests["acme/meter", tag] == (OCI_MANIFEST, image)
    small.put("acme/meter", tag, OCI_INDEX, b"{}")
    with pytest.raises(MalformedImage):
        registry.referrers(subject)


def test_http_to_a_registry_with_tls_says_so(client, private_registry):
    with pytest.raises(RegistryFailed, match="status 400") as refused:
        client(private_registry).manifest()
    assert f"certs.d/{private_registry}/ca.crt" in refused.value.hint


def test_the_tag_of_referrers_is_the_digest_with_a_dash(client, small):
    small.has_referrers = False
    subject = described(b"{}", OCI_MANIFEST)
    push(client(small.host), b"r", "", subject=subject)
    assert ("acme/meter", str(subject["digest"]).replace(":", "-")) in small.manifests
