# SPDX-License-Identifier: Apache-2.0
"""Manifests and indexes of OCI and Docker are read; what could be two things at once is refused."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.errors import MalformedImage
from bpfman.images import limits
from bpfman.images.digest import digest_of
from bpfman.images.manifest import (
    ACCEPTED_TYPES,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    ImageIndex,
    ImageManifest,
    document_of,
    parse_manifest,
)
from bpfman.images.platform import Platform
from tests.images.samples import config, described, index, layer, manifest

IMAGE = manifest([layer(b"x")], config())
INDEX = index([(IMAGE, "amd64"), (IMAGE, "arm64")])


def parse(data: bytes, media_type: str = ""):
    return parse_manifest(document_of(data, media_type), "the manifest")


def changed(data: bytes, **fields: object) -> bytes:
    found = {**json.loads(data), **fields}
    return json.dumps({key: value for key, value in found.items() if value is not ...}).encode()


def test_an_image():
    found = parse(IMAGE, OCI_MANIFEST)
    assert isinstance(found, ImageManifest)
    assert [each.media_type for each in found.layers] == [OCI_LAYER_GZIP]
    assert found.config.digest == digest_of(config())
    assert found.subject is None


def test_an_index():
    found = parse(INDEX, OCI_INDEX)
    assert isinstance(found, ImageIndex)
    assert [each.platform for each in found.manifests] == [
        Platform("linux", "amd64"),
        Platform("linux", "arm64"),
    ]


@pytest.mark.parametrize(("data", "own", "header"), [
    (IMAGE, DOCKER_MANIFEST, DOCKER_MANIFEST),
    (INDEX, DOCKER_LIST, DOCKER_LIST),
    (IMAGE, OCI_MANIFEST, ""),
    (IMAGE, OCI_MANIFEST, "application/json; charset=utf-8"),
    (IMAGE, ..., OCI_MANIFEST),
    (IMAGE, ..., "Application/Vnd.OCI.image.manifest.v1+JSON; x=y"),
    (IMAGE, ..., ""),
    (INDEX, ..., "application/octet-stream"),
])  # fmt: skip
def test_the_document_and_the_registry_say_what_it_is(data, own, header):
    assert type(parse(changed(data, mediaType=own), header)) is type(parse(data))


@pytest.mark.parametrize(("data", "header", "said"), [
    (IMAGE, DOCKER_MANIFEST, "says that it is .* the registry says"),
    (changed(IMAGE, mediaType=OCI_INDEX), OCI_INDEX, "the contents of the other sort"),
    (changed(INDEX, mediaType=OCI_MANIFEST), OCI_MANIFEST, "the contents of the other sort"),
    (changed(IMAGE, manifests=[]), "", "both manifests and layers"),
    (changed(INDEX, layers=[]), "", "both manifests and layers"),
    (b"{}", "", "neither manifests nor layers"),
    (changed(IMAGE, mediaType="text/html"), "", "expected an image manifest or index"),
    (IMAGE, "text/html", "says that it is .* the registry says"),
    (changed(IMAGE, schemaVersion=1), "", "schemaVersion 1, expected 2"),
    (changed(IMAGE, schemaVersion=...), "", "'schemaVersion' is missing"),
    (changed(IMAGE, schemaVersion=True), "", "'schemaVersion' is true or false"),
    (b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"),
    (changed(IMAGE, config=...), "", "config: 'mediaType' is missing"),
    (changed(IMAGE, layers=[{}]), "", "layer 0: 'mediaType' is missing"),
    (changed(IMAGE, layers=["x"]), "", "'layers' is an array"),
    (changed(IMAGE, layers={}), "", "'layers' is an object"),
    (changed(IMAGE, layers=[described(b"", "x", size=-1)]), "", "'size' is a number"),
    (changed(IMAGE, layers=[described(b"", "x", size=1.5)]), "", "'size' is a number"),
    (changed(IMAGE, layers=[described(b"", "x", size=1 << 70)]), "", "'size' is a number"),
    (changed(IMAGE, layers=[described(b"", "x", digest="sha256:../../etc/passwd")]), "", "is no digest"),
    (changed(IMAGE, layers=[described(b"", "x", digest="md5:" + "0" * 32)]), "", "is no digest"),
    (changed(IMAGE, layers=[described(b"", "x")] * (limits.MAX_LAYERS + 1)), "", "129 layers, more than 128"),
    (changed(INDEX, manifests=[described(b"", "x")] * (limits.MAX_MANIFESTS + 1)), "", "1001 manifests"),
    (changed(INDEX, manifests=[described(b"", "x", platform={"os": 1})]), "", "'os' is a number"),
    (changed(IMAGE, annotations={"a": 1}), "", "'a' is a number"),
    (changed(IMAGE, subject={"x": 1}), "", "subject: 'mediaType' is missing"),
    (IMAGE[:-1] + b', "layers": []}', "", "'layers' is given twice"),
    (b"[]", "", "is an array in JSON"),
    (b"[" * 100_000, "", "nested too deeply"),
    (b"\xff\xfe", "", "is not valid JSON"),
    (b'{"schemaVersion": NaN}', "", "NaN is no number of JSON"),
    (b'{"schemaVersion": ' + b"9" * 5000 + b"}", "", "is not valid JSON"),
    (b"", "", "is not valid JSON"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(data, header, said):
    with pytest.raises(MalformedImage, match=said) as refused:
        parse(data, header)
    assert str(refused.value).startswith("the manifest")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(ACCEPTED_TYPES),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["mediaType", "digest", "size", "platform", "annotations"]), inner)
    ),
    max_leaves=10,
)
KEYS = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "annotations",
    "subject",
    "artifactType",
]


@given(st.dictionaries(st.sampled_from(KEYS), VALUES), st.booleans(), st.sampled_from(["", *ACCEPTED_TYPES]))
def test_whatever_it_is_there_is_no_other_error(fields, from_image, media_type):
    data = changed(IMAGE if from_image else INDEX, **fields)
    with suppress(MalformedImage):
        assert isinstance(parse(data, media_type), ImageManifest | ImageIndex)
