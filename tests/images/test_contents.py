# SPDX-License-Identifier: Apache-2.0
"""From a reference to the bytecode for this machine, whoever made the image."""

from __future__ import annotations

import json

import pytest

from bpfman.errors import DigestMismatch, ImageNotFound, MalformedImage, NoBytecode, PlatformMissing
from bpfman.images.contents import layer_of, read_config, read_object, resolve, small_enough
from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, ImageManifest
from bpfman.images.platform import Platform
from bpfman.images.reference import parse_reference
from bpfman.images.registry.registry import Registry
from tests.images.conftest import HASTE
from tests.images.samples import config, described, index, layer, manifest, put_image

AMD64, ARM64, S390X = (Platform("linux", name) for name in ("amd64", "arm64", "s390x"))
ELF = b"\x7fELF\2\1\1 an object"


@pytest.fixture
def source(small, environment):
    """The small registry's acme/meter."""
    with Registry(
        parse_reference(f"{small.host}/acme/meter"), environment=environment, patience=HASTE
    ) as registry:
        yield registry


def put_index(small, *images: tuple[bytes, str], **more: object):
    for data, _ in images:
        small.put("acme/meter", digest_of(data), OCI_MANIFEST, data)
    return small.put("acme/meter", "latest", OCI_INDEX, index(images, **more))


def image_for(small, data: bytes, architecture: str) -> tuple[bytes, str]:
    blob, configuration = layer(data), config(architecture=architecture)
    small.add(blob)
    small.add(configuration)
    return manifest([blob], configuration), architecture


def test_a_plain_image_is_its_own_platforms(small, source):
    digest = put_image(small, ELF, labels={"io.ebpf.programs": '{"f": "xdp"}'})
    image = resolve(source, AMD64)
    assert image.digest == image.root.digest == digest
    labels = read_config(source, image.manifest)
    assert labels == {"io.ebpf.programs": '{"f": "xdp"}'}
    assert read_object(source, image, labels, AMD64) == ELF


def test_the_image_of_the_platform_is_chosen(small, source):
    images = [image_for(small, ELF + name.encode(), name) for name in ("amd64", "arm64")]
    root = put_index(small, *images)
    for platform, (data, _) in zip((AMD64, ARM64), images, strict=True):
        image = resolve(source, platform)
        assert image.digest == digest_of(data)
        assert image.root.digest == root
        assert read_object(source, image, {}, platform).endswith(platform.architecture.encode())


def test_a_platform_that_is_missing_is_told_with_those_there_are(small, source):
    put_index(small, image_for(small, ELF, "amd64"), image_for(small, ELF, "arm64"))
    with pytest.raises(PlatformMissing, match="no linux/s390x manifest found in image index") as refused:
        resolve(source, S390X)
    assert refused.value.hint == "it has linux/amd64, linux/arm64"


def test_attestations_are_no_platform(small, source):
    """buildkit lists them as unknown/unknown."""
    data, _ = image_for(small, ELF, "amd64")
    row = described(data, OCI_MANIFEST, platform={"os": "unknown", "architecture": "unknown"})
    small.put(
        "acme/meter", "latest", OCI_INDEX, json.dumps({"schemaVersion": 2, "manifests": [row]}).encode()
    )
    with pytest.raises(PlatformMissing) as refused:
        resolve(source, AMD64)
    assert refused.value.hint == "it has none for Linux"


def test_a_variant_decides_only_between_several(small, source):
    def row(variant: str) -> dict[str, object]:
        data, _ = image_for(small, ELF + variant.encode(), "arm64")
        small.put("acme/meter", digest_of(data), OCI_MANIFEST, data)
        platform = {"os": "linux", "architecture": "arm64", **({"variant": variant} if variant else {})}
        return described(data, OCI_MANIFEST, platform=platform)

    for rows, chosen in (
        ([row("v8")], row("v8")),
        ([row("v9"), row("")], row("")),
        ([row("v9"), row("v8")], row("v9")),
    ):
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows})
        small.put("acme/meter", "latest", OCI_INDEX, body.encode())
        assert resolve(source, ARM64).digest == chosen["digest"]


def test_an_index_in_an_index_is_followed(small, source):
    inner = index([image_for(small, ELF, "amd64")])
    put_index(small, image_for(small, ELF, "amd64"))
    small.put("acme/meter", digest_of(inner), OCI_INDEX, inner)
    outer = index([(inner, "amd64")]).replace(OCI_MANIFEST.encode(), OCI_INDEX.encode())
    small.put("acme/meter", "latest", OCI_INDEX, outer)
    assert resolve(source, AMD64).root.digest == digest_of(outer)


def put_rows(small, *rows: dict[str, object]):
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows}).encode()
    return small.put("acme/meter", "latest", OCI_INDEX, body)


def test_indexes_for_no_platform_in_particular_are_looked_into(small, source):
    """As one that joins the indexes of several releases."""
    images = [image_for(small, ELF + name.encode(), name) for name in ("arm64", "amd64")]
    put_index(small, *images)
    inner = [index([each]) for each in images]
    for each in inner:
        small.put("acme/meter", digest_of(each), OCI_INDEX, each)
    put_rows(small, *(described(each, OCI_INDEX) for each in inner))
    assert resolve(source, AMD64).digest == digest_of(images[1][0])
    with pytest.raises(PlatformMissing) as refused:
        resolve(source, S390X)
    assert refused.value.hint == "it has linux/amd64, linux/arm64"


def test_an_image_for_no_platform_in_particular_is_taken_if_it_is_the_only_one(small, source):
    data, _ = image_for(small, ELF, "amd64")
    small.put("acme/meter", digest_of(data), OCI_MANIFEST, data)
    sbom = described(data, OCI_MANIFEST, artifactType="application/spdx+json")
    put_rows(small, sbom, described(data, OCI_MANIFEST))
    assert resolve(source, AMD64).digest == digest_of(data)
    put_rows(small, described(data, OCI_MANIFEST), described(data, OCI_MANIFEST))
    with pytest.raises(PlatformMissing):
        resolve(source, AMD64)


def test_no_more_indexes_are_looked_into_than_anybody_needs(small, source):
    inner = [index([image_for(small, ELF + bytes([number]), "arm64")]) for number in range(40)]
    for each in inner:
        small.put("acme/meter", digest_of(each), OCI_INDEX, each)
    put_rows(small, *(described(each, OCI_INDEX) for each in inner))
    with pytest.raises(MalformedImage, match="16 in all"):
        resolve(source, AMD64)
    assert len(small.seen) < 20


def test_indexes_in_indexes_come_to_an_end(small, source):
    data, _ = image_for(small, ELF, "amd64")
    small.put("acme/meter", "x", OCI_MANIFEST, data)
    for _ in range(4):
        data = index([(data, "amd64")])
        small.put("acme/meter", "latest", OCI_INDEX, data)
    with pytest.raises(MalformedImage, match="more than 3 deep"):
        resolve(source, AMD64)


def test_an_index_that_lists_itself_is_a_mismatch(small, source):
    """No honest one can; a registry that answers so is caught by the digest."""
    data = index([(b"anything", "amd64")])
    small.always("GET", "manifests", lambda h: h.reply(200, data, Content_Type=OCI_INDEX))
    with pytest.raises(DigestMismatch):
        resolve(source, AMD64)


def test_a_manifest_that_is_listed_with_another_size_is_refused(small, source):
    data, _ = image_for(small, ELF, "amd64")
    small.put("acme/meter", digest_of(data), OCI_MANIFEST, data)
    row = described(data, OCI_MANIFEST, size=5, platform={"os": "linux", "architecture": "amd64"})
    small.put(
        "acme/meter", "latest", OCI_INDEX, json.dumps({"schemaVersion": 2, "manifests": [row]}).encode()
    )
    with pytest.raises(MalformedImage, match="its index says 5"):
        resolve(source, AMD64)


def test_a_manifest_that_is_listed_and_not_there(small, source):
    small.put("acme/meter", "latest", OCI_INDEX, index([(b"nowhere", "amd64")]))
    with pytest.raises(ImageNotFound, match=digest_of(b"nowhere")):
        resolve(source, AMD64)


def test_an_image_without_layers(small, source):
    small.put("acme/meter", "latest", OCI_MANIFEST, manifest([], config()))
    with pytest.raises(NoBytecode, match="image has no layers"):
        read_object(source, resolve(source, AMD64), {}, AMD64)


def test_only_the_first_layer_counts(small, source):
    first, second = layer(ELF + b"1"), layer(ELF + b"2")
    for each in (first, second, config()):
        small.add(each)
    small.put("acme/meter", "latest", OCI_MANIFEST, manifest([first, second], config()))
    assert read_object(source, resolve(source, AMD64), {}, AMD64) == ELF + b"1"
    assert sum("/blobs/" in path for path in small.paths()) == 1


def test_the_file_that_old_labels_name(small, source):
    from tests.images.samples import tar

    blob = tar({"other.o": ELF + b"other", "meter.o": ELF + b"meter"})
    put_image(small, b"", blob=blob, labels={"io.ebpf.filename": "meter.o"})
    image = resolve(source, AMD64)
    assert read_object(source, image, read_config(source, image.manifest), AMD64) == ELF + b"meter"


@pytest.mark.parametrize("labels", [[], "x", {"a": 1}])
def test_labels_that_are_none_make_a_bad_configuration(small, source, labels):
    configuration = json.dumps({"config": {"Labels": labels}}).encode()
    small.add(configuration)
    small.put("acme/meter", "latest", OCI_MANIFEST, manifest([b"x"], configuration))
    with pytest.raises(MalformedImage, match="the configuration of"):
        read_config(source, resolve(source, AMD64).manifest)


# other tools' artifacts


def put_artifact(
    small, configuration_type: str, *layers: tuple[str, bytes], configuration: bytes = b""
) -> None:
    for _, data in layers:
        small.add(data)
    small.add(configuration)
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(configuration, configuration_type),
        "layers": [described(data, media_type) for media_type, data in layers],
    }
    small.put("acme/meter", "latest", OCI_MANIFEST, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("configuration_type", "layers"),
    [
        ("application/vnd.gadget.config.v1+yaml", [
            ("application/vnd.gadget.wasm.program.v1+binary", b"\0asm"),
            ("application/vnd.gadget.ebpf.program.v1+binary", ELF),
            ("application/vnd.gadget.btfgen.v1+binary", b"btf"),
        ]),
        ("application/ebpf.oci.image.config.v1+json", [("application/ebpf.oci.image.program.v1+binary", ELF)]),
        ("application/ebpf.oci.image.config.v1+json", [("binary/ebpf.solo.io.v1", ELF)]),
        ("application/ebpf.oci.image.config.v1+json", [("ebpf.solo.io.progfile/v1", ELF)]),
        ("application/vnd.unknown.config.v1+json", [("application/octet-stream", ELF)]),
    ],
    ids=["Inspektor Gadget", "BumbleBee", "older BumbleBee", "oldest BumbleBee", "oras"],
)  # fmt: skip
def test_artifacts_of_other_tools_are_read(small, source, configuration_type, layers):
    put_artifact(small, configuration_type, *layers, configuration=b"name: not json")
    image = resolve(source, AMD64)
    labels = read_config(source, image.manifest)
    assert labels == {}
    assert read_object(source, image, labels, AMD64) == ELF


def test_an_artifact_with_two_objects_is_unclear(small, source):
    kind = "application/vnd.gadget.ebpf.program.v1+binary"
    put_artifact(small, "application/vnd.gadget.config.v1+yaml", (kind, ELF), (kind, ELF + b"2"))
    with pytest.raises(MalformedImage, match="has 2 objects"):
        read_object(source, resolve(source, AMD64), {}, AMD64)


def test_large_layers_are_known_before_they_are_fetched():
    config_, tiny, huge = (Descriptor("x", digest_of(b""), size) for size in (2, 1000, 1 << 40))
    assert small_enough(ImageManifest(OCI_MANIFEST, config_, (tiny,), {}, "", None))
    assert not small_enough(ImageManifest(OCI_MANIFEST, config_, (huge,), {}, "", None))
    assert not small_enough(ImageManifest(OCI_MANIFEST, config_, (), {}, "", None))
    assert layer_of(ImageManifest(OCI_MANIFEST, config_, (tiny, huge), {}, "", None), "x") == tiny
