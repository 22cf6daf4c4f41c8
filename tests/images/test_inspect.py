# SPDX-License-Identifier: Apache-2.0
"""Inspecting shows what an image says and what its bytecode does, and never fails because of what is inside."""

from __future__ import annotations

import json

import pytest

from bpfman.errors import ImageNotFound, PlatformMissing
from bpfman.images.manifest import OCI_INDEX, OCI_MANIFEST
from bpfman.images.transport.location import Access
from bpfman.manager.images import Images
from tests.images.conftest import OBJECTS
from tests.images.samples import config, described, index, layer, manifest, put_image

ELF = (OBJECTS / "xdp_counter.o").read_bytes()


@pytest.fixture
def images(environment, tmp_path):
    return Images(str(tmp_path / "cache"), access=Access(environment=environment))


@pytest.fixture
def look(images, small):
    return lambda rest="": images.inspect(f"{small.host}/acme/meter{rest}")


@pytest.mark.parametrize("rest", ["", ":latest", "@{}", ":latest@{}"])
def test_an_image_by_every_kind_of_name(look, small, rest):
    labels = {"io.ebpf.programs": '{"said": "tc"}', "io.ebpf.maps": '{"m": "hash"}'}
    digest = put_image(small, ELF, labels=labels)
    name, found = look(rest.format(digest))
    assert name == f"{small.host}/acme/meter" + (f"@{digest}" if "@" in rest else ":latest")
    assert found.digest == digest
    assert found.media_type == OCI_MANIFEST
    assert found.image.labels.programs == {"said": "tc"}
    assert found.image.labels.maps == {"m": "hash"}
    assert [each.size for each in found.image.layers] == [len(layer(ELF))]


def test_what_the_bytecode_does_is_found_whatever_the_labels_claim(look, small):
    put_image(small, ELF, labels={"io.bpfman.capabilities": '{"effects": []}'})
    _, found = look()
    assert found.image.capabilities.effects == ("drop-packets",)


def test_without_labels_the_bytecode_is_asked(look, small):
    put_image(small, ELF)
    _, found = look()
    assert found.image.labels.programs == {"xdp_stats": "xdp"}
    assert found.image.labels.maps == {"xdp_stats_map": "per_cpu_array"}


def test_an_index_with_all_its_images(look, images, small, tmp_path):
    words = [f"linux/amd64={OBJECTS}/xdp_counter.o", f"linux/s390x={OBJECTS}/xdp_counter.be.o"]
    images.build(f"{small.host}/acme/meter:latest", words, annotations={"team": "edge"})
    _, found = look()
    assert found.media_type == OCI_INDEX
    assert found.image is None
    assert found.annotations == {"team": "edge"}
    assert [str(each.descriptor.platform) for each in found.manifests] == ["linux/amd64", "linux/s390x"]
    assert [each.capabilities.byteorder for each in found.manifests] == ["little", "big"]
    assert all(each.labels.programs == {"xdp_stats": "xdp"} for each in found.manifests)


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (layer(b"text", "README"), "no BPF bytecode"),
        (b"\x1f\x8b\x08garbage", "cannot be unpacked"),
        (layer(b"\x7fELF but no object"), "truncated"),
        ((OBJECTS / "xdp_counter.be.o").read_bytes(), "expected ELFDATA2LSB"),
    ],
)
def test_an_image_without_bytecode_is_shown_all_the_same(look, small, blob, said):
    put_image(small, b"", blob=blob, labels={"io.ebpf.programs": '{"f": "xdp"}'})
    _, found = look()
    assert found.image.capabilities is None
    assert said in found.image.problem
    assert found.image.labels.programs == {"f": "xdp"}


def test_a_layer_of_gigabytes_is_not_fetched(look, small):
    configuration = config()
    small.add(configuration)
    body = json.loads(manifest([b""], configuration))
    body["layers"] = [described(b"", "application/vnd.oci.image.layer.v1.tar+gzip", size=5 << 30)]
    small.put("acme/meter", "latest", OCI_MANIFEST, json.dumps(body).encode())
    _, found = look()
    assert found.image.problem == "its layer is larger than any bytecode"
    assert sum("/blobs/" in path for path in small.paths()) == 1


def test_an_index_in_an_index_is_named_as_one(look, small):
    put_image(small, ELF)
    inner = index([(small.manifests["acme/meter", "latest"][1], "amd64")])
    small.put("acme/meter", "inner", OCI_INDEX, inner)
    outer = index([(inner, "amd64")]).replace(OCI_MANIFEST.encode(), OCI_INDEX.encode())
    small.put("acme/meter", "latest", OCI_INDEX, outer)
    _, found = look()
    assert found.manifests[0].problem == "it is an index itself"


def test_an_attestation_of_buildkit_is_named_as_one(look, small):
    put_image(small, ELF)
    image = small.manifests["acme/meter", "latest"][1]
    statement = b'{"_type": "https://in-toto.io/Statement/v0.1"}'
    attestation = manifest([statement], config(), "application/vnd.in-toto+json")
    small.put("acme/meter", "attestation", OCI_MANIFEST, attestation)
    row = described(
        attestation, OCI_MANIFEST, platform={"os": "unknown", "architecture": "unknown"},
        annotations={"vnd.docker.reference.type": "attestation-manifest"},
    )  # fmt: skip
    body = json.loads(index([(image, "amd64")]))
    body["manifests"].append(row)
    small.put("acme/meter", "latest", OCI_INDEX, json.dumps(body).encode())
    _, found = look()
    assert found.manifests[0].capabilities is not None
    assert found.manifests[1].problem == "it is no image: attestation-manifest"


def test_what_is_not_there(look):
    with pytest.raises(ImageNotFound):
        look()


def test_nothing_is_cached(look, small, tmp_path):
    put_image(small, ELF)
    look()
    assert not (tmp_path / "cache").exists()


def test_a_layout_is_inspected_too(images, tmp_path):
    images.build(f"oci:{tmp_path}/x:1", [str(OBJECTS / "xdp_counter.o")])
    name, found = images.inspect(f"oci:{tmp_path}/x:1")
    assert name == f"oci:{tmp_path}/x:1"
    assert found.image.capabilities.effects == ("drop-packets",)


def test_the_platform_of_the_machine_does_not_matter(images, tmp_path, environment):
    words = [f"linux/{name}={OBJECTS}/xdp_counter.be.o" for name in ("s390x", "ppc64")]
    images.build(f"oci:{tmp_path}/x", words)
    assert len(images.inspect(f"oci:{tmp_path}/x")[1].manifests) == 2
    with pytest.raises(PlatformMissing):
        images.pull(f"oci:{tmp_path}/x")
