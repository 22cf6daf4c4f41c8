# SPDX-License-Identifier: Apache-2.0
"""Signatures are found wherever cosign puts them; what cannot be had is one, too, and a bad one."""

from __future__ import annotations

import pytest

from bpfman.images import documents, limits
from bpfman.images.building.image import blob_of
from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Descriptor, document_of
from bpfman.images.transfer import as_json
from bpfman.images.transport.location import Access, open_target, parse_location
from bpfman.images.trust.signatures import (
    BUNDLE,
    BUNDLE_TYPE,
    PAYLOAD_TYPE,
    PAYLOADS_TYPE,
    PREDICATE_ANNOTATION,
    TAG,
    find,
    signature_tag,
)
from tests.images.conftest import HASTE

IMAGE = document_of(documents.dump({
    "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [],
    "config": {"mediaType": OCI_EMPTY, "digest": digest_of(b"{}"), "size": 2},
}), OCI_MANIFEST)  # fmt: skip


@pytest.fixture(params=["registry", "registry without referrers", "layout"])
def target(request, small, tmp_path, environment):
    """Where an image is, and signatures can be put."""
    small.has_referrers = request.param == "registry"
    name = f"oci:{tmp_path / 'layout'}:1" if request.param == "layout" else f"{small.host}/acme/meter:1"
    with open_target(parse_location(name), Access(None, environment, HASTE)) as target:
        target.put_blob(Descriptor(OCI_EMPTY, digest_of(b"{}"), 2), b"{}")
        target.put_root(IMAGE)
        yield target


def put(target, layers, *, kind=BUNDLE_TYPE, tag="", missing=False, **more):
    """A manifest of these (data, media type, annotations), which refers to the image unless it has a tag."""
    blobs = [blob_of(data, media_type) for data, media_type, _ in layers]
    for blob in blobs:
        if not missing:
            target.put_blob(*blob)
    subject = {"mediaType": OCI_MANIFEST, "digest": IMAGE.digest, "size": len(IMAGE.data)}
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_EMPTY, "digest": digest_of(b"{}"), "size": 2},
        "layers": [
            as_json(blob.descriptor._replace(annotations=annotations))
            for blob, (_, _, annotations) in zip(blobs, layers, strict=True)
        ],
        **({} if tag else {"subject": subject, "artifactType": kind}),
        **more,
    }
    target.put_manifest(document_of(documents.dump(body), OCI_MANIFEST), tag)


def layer(data=b"{}", media_type=BUNDLE_TYPE, **annotations):
    return data, media_type, annotations


def payload(data=b"{}", media_type=PAYLOAD_TYPE):
    return layer(data, media_type, a="b")


def there(target):
    return find(target, IMAGE.digest).signatures


def test_an_image_without(target):
    assert find(target, IMAGE.digest) == (IMAGE.digest, (), 0)


def test_each_layout(target):
    put(target, [layer(b"bundle")])
    put(target, [payload(b"first"), payload(b"second")], tag=signature_tag(IMAGE.digest))
    put(target, [payload(b"third")], kind=PAYLOADS_TYPE)
    found = {(each.layout, each.data, dict(each.annotations).get("a")) for each in there(target)}
    assert found == {
        (BUNDLE, b"bundle", None),
        (TAG, b"first", "b"),
        (TAG, b"second", "b"),
        (TAG, b"third", "b"),
    }


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("application/spdx+json", {}),
        (BUNDLE_TYPE, {"annotations": {PREDICATE_ANNOTATION: "https://slsa.dev/provenance/v1"}}),
    ],
)
def test_what_is_no_signature_is_none(target, kind, more):
    put(target, [layer(b"x", kind)], kind=kind, **more)
    assert there(target) == ()


@pytest.mark.parametrize(
    ("layers", "about", "why"),
    [
        ([], {}, "no layer"),
        ([layer(), layer(b"more")], {}, "2 layers"),
        ([layer(b"x", "text/plain")], {}, "no layer"),
        ([layer(b"x" * (limits.MAX_EVIDENCE + 1))], {}, "more than"),
        ([payload(b"x", "text/plain")], {"kind": PAYLOADS_TYPE}, "text/plain"),
        ([payload(b"x", "text/plain")], {"tag": signature_tag(IMAGE.digest)}, "text/plain"),
        ([payload(b"x" * (limits.MAX_EVIDENCE + 1))], {"tag": signature_tag(IMAGE.digest)}, "more than"),
    ],
)
def test_what_cannot_be_used_is_a_bad_signature(target, layers, about, why):
    put(target, layers, **about)
    [found] = there(target)
    assert found.data == b""
    assert why in found.problem


@pytest.mark.parametrize("about", [{}, {"tag": signature_tag(IMAGE.digest)}], ids=["bundle", "tag"])
def test_what_is_gone_is_a_bad_signature(target, about):
    kind = PAYLOAD_TYPE if about else BUNDLE_TYPE
    put(target, [layer(b"gone", kind)], missing=True, **about)
    [found] = there(target)
    assert found.problem


def test_an_index_where_payloads_belong(target):
    index = documents.dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    target.put_manifest(document_of(index, OCI_INDEX), signature_tag(IMAGE.digest))
    [found] = there(target)
    assert "index" in found.problem


def test_of_many_some_are_looked_at(target):
    for number in range(limits.MAX_SIGNATURES + 3):
        put(target, [layer(b"%d" % number)])
    put(target, [payload(b"more")], tag=signature_tag(IMAGE.digest))
    found = find(target, IMAGE.digest)
    assert (len(found.signatures), found.left_out) == (limits.MAX_SIGNATURES, 4)
