# SPDX-License-Identifier: Apache-2.0
"""Layouts and archives: what skopeo writes is read, what is written skopeo reads, and crafted ones are refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile

import pytest

from bpfman.errors import (
    DigestMismatch,
    ImageError,
    ImageNotFound,
    ImageTooLarge,
    InvalidRequest,
    MalformedImage,
)
from bpfman.images import limits
from bpfman.images.contents import read_config, read_object, resolve
from bpfman.images.digest import digest_of
from bpfman.images.manifest import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Document, document_of
from bpfman.images.platform import Platform
from bpfman.images.transport.location import Access, open_source, open_target, parse_location
from tests.images.conftest import OBJECTS
from tests.images.samples import config, described, descriptor, layer, manifest, put_image, tar

AMD64 = Platform("linux", "amd64")
ELF = (OBJECTS / "xdp_counter.o").read_bytes()
LABELS = {"io.ebpf.programs": '{"count": "xdp"}'}


def skopeo(*arguments: object) -> str:
    if not shutil.which("skopeo"):
        pytest.skip("needs the command skopeo")
    command = ["skopeo", "--insecure-policy", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def source(text: object):
    return open_source(parse_location(str(text)), Access())


def target(text: object):
    return open_target(parse_location(str(text)), Access())


def read(text: object) -> bytes:
    with source(text) as opened:
        image = resolve(opened, AMD64)
        labels = read_config(opened, image.manifest)
        assert labels == LABELS
        return read_object(opened, image, labels, AMD64)


def write(text: object, data: bytes = ELF):
    """Write an image of one object; gives its manifest."""
    blob, configuration = layer(data), config(LABELS)
    document = document_of(manifest([blob], configuration), OCI_MANIFEST)
    with target(text) as opened:
        for each in (blob, configuration):
            opened.put_blob(descriptor(each), each)
        opened.put_root(document)
    return document


@pytest.fixture(params=["oci", "oci-archive"])
def place(request, tmp_path):
    """Where a layout can be, in each form."""
    return f"{request.param}:{tmp_path}/{request.param}"


# with skopeo


@pytest.fixture
def image(small):
    """An image in a registry, as skopeo names it."""
    from gzip import compress

    blob = compress(tar({"meter.o": ELF}), mtime=0)
    configuration = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Labels": LABELS},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(tar({"meter.o": ELF}))]},
    }).encode()  # fmt: skip
    for each in (blob, configuration):
        small.add(each)
    small.put("acme/meter", "latest", OCI_MANIFEST, manifest([blob], configuration))
    return f"docker://{small.host}/acme/meter:latest"


@pytest.mark.parametrize(
    "written",
    [
        "oci:{}/x",
        "oci:{}/x:1.2",
        "oci-archive:{}/x.tar",
        "oci-archive:{}/x.tar:acme/meter:1.2",
        "docker-archive:{}/x.tar",
        "docker-archive:{}/x.tar:acme/meter:1.2",
    ],
)
def test_what_skopeo_writes_is_read(image, tmp_path, written):
    written = written.format(tmp_path)
    skopeo("copy", "--src-tls-verify=false", image, written)
    assert read(written) == ELF
    assert read(written.removesuffix(":acme/meter:1.2").removesuffix(":1.2")) == ELF


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_archives_may_be_packed(image, tmp_path, packer):
    skopeo("copy", "--src-tls-verify=false", image, f"docker-archive:{tmp_path}/x.tar")
    subprocess.run([packer, "--quiet", f"{tmp_path}/x.tar"], check=True)
    assert read(f"docker-archive:{tmp_path}/x.tar.{'gz' if packer == 'gzip' else 'zst'}") == ELF


def test_a_docker_archive_gets_the_digest_that_skopeo_gives_it(image, tmp_path):
    skopeo("copy", "--src-tls-verify=false", image, f"docker-archive:{tmp_path}/x.tar")
    with source(f"docker-archive:{tmp_path}/x.tar") as opened:
        ours = opened.manifest()
    assert ours.media_type == DOCKER_MANIFEST
    assert ours.data.decode() == skopeo("inspect", "--raw", f"docker-archive:{tmp_path}/x.tar")


def test_what_is_written_skopeo_reads(place):
    document = write(f"{place}:1.2")
    assert json.loads(skopeo("inspect", "--raw", f"{place}:1.2")) == json.loads(document.data)
    assert json.loads(skopeo("inspect", f"{place}:1.2"))["Digest"] == document.digest


def test_what_is_written_skopeo_copies(tmp_path, place):
    document = write(place)
    skopeo("copy", place, f"dir:{tmp_path}/copied")
    assert (tmp_path / "copied" / "manifest.json").read_bytes() == document.data


def test_every_registry_takes_what_skopeo_copies_from_it(place, debian_registry, environment):
    document = write(place)
    skopeo("copy", "--dest-tls-verify=false", place, f"docker://{debian_registry}/acme/copied:1")
    with open_source(
        parse_location(f"{debian_registry}/acme/copied:1"), Access(environment=environment)
    ) as opened:
        assert opened.manifest() == document


# alone


def test_what_is_written_is_read(place):
    document = write(place)
    assert read(place) == ELF
    with source(place) as opened:
        assert opened.manifest(document.digest).data == document.data
    with source(f"{place}@{document.digest}") as opened:
        assert opened.manifest().data == document.data


def test_several_images_have_names(place):
    one, two = write(f"{place}:one", ELF + b"1"), write(f"{place}:two", ELF + b"2")
    assert read(f"{place}:one") == ELF + b"1"
    assert read(f"{place}:two") == ELF + b"2"
    assert one.digest != two.digest
    with source(place) as opened, pytest.raises(ImageNotFound, match="has 2 images") as refused:
        opened.manifest()
    assert "it has one, two" in refused.value.hint
    with source(f"{place}:three") as opened, pytest.raises(ImageNotFound, match='has no image "three"'):
        opened.manifest()


def test_a_name_moves_to_what_is_written_last(place):
    write(f"{place}:1", ELF + b"1")
    write(f"{place}:1", ELF + b"2")
    assert read(f"{place}:1") == ELF + b"2"


def test_writing_the_same_twice_changes_nothing(tmp_path):
    archive = tmp_path / "x.tar"
    write(f"oci-archive:{archive}:1")
    before = archive.read_bytes()
    write(f"oci-archive:{archive}:1")
    assert archive.read_bytes() == before


def test_an_archive_is_the_same_wherever_it_is_written(tmp_path):
    for name in ("a.tar", "b.tar"):
        write(f"oci-archive:{tmp_path}/{name}")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_referrers_are_found_by_their_subject_and_under_the_fallback_tag(place):
    subject = write(f"{place}:1")
    about = described(subject.data, OCI_MANIFEST)
    kinds = ["application/example.one", "application/example.two"]
    documents = [
        document_of(manifest([], b"{}", subject=about, artifactType=kind), OCI_MANIFEST) for kind in kinds
    ]
    from bpfman.images.transfer import fallback_tag, merged_referrers

    with target(place) as opened:
        opened.put_manifest(documents[0])
        listed = merged_referrers([], documents[1])
        opened.put_manifest(listed, fallback_tag(subject.digest))
    with source(place) as opened:
        found = opened.referrers(subject.digest)
        assert {(each.digest, each.artifact_type) for each in found} == {
            (each.digest, kind) for each, kind in zip(documents, kinds, strict=True)
        }
        assert opened.referrers(documents[0].digest) == ()


def test_an_archive_is_all_or_nothing(tmp_path):
    path = tmp_path / "x.tar"
    with pytest.raises(InvalidRequest), target(f"oci-archive:{path}@sha256:{'0' * 64}") as opened:
        opened.put_root(document_of(manifest([b"x"], b"{}"), OCI_MANIFEST))
    assert os.listdir(tmp_path) == []


def test_nothing_but_the_layout_is_left(tmp_path):
    write(f"oci:{tmp_path}/x:1")
    assert sorted(os.listdir(tmp_path / "x")) == ["blobs", "index.json", "oci-layout"]
    assert len(os.listdir(tmp_path / "x/blobs/sha256")) == 3


def test_a_digest_names_only_itself(place):
    with pytest.raises(InvalidRequest, match="cannot hold"):
        write(f"{place}@sha256:{'0' * 64}")


# what is not there, damaged or crafted


@pytest.mark.parametrize("text", ["oci:{}/no", "oci-archive:{}/no.tar", "docker-archive:{}/no.tar"])
def test_what_is_not_there_is_not_found(tmp_path, text):
    with pytest.raises(ImageNotFound, match="there is no"), source(text.format(tmp_path)) as opened:
        opened.manifest()


def test_a_directory_that_cannot_be_read_says_so(tmp_path):
    (tmp_path / "x").write_text("a file")
    with source(f"oci:{tmp_path}/x") as opened, pytest.raises(ImageError, match="Not a directory"):
        opened.manifest()
    with pytest.raises(ImageError, match="cannot write"), target(f"oci:{tmp_path}/x/y"):
        pass


def test_a_tampered_blob_is_a_mismatch(tmp_path):
    document = write(f"oci:{tmp_path}/x")
    path = tmp_path / "x/blobs/sha256"
    blob = path / digest_of(layer(ELF)).partition(":")[2]
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(DigestMismatch, match="blob sha256"):
        read(f"oci:{tmp_path}/x")
    (path / document.digest.partition(":")[2]).write_bytes(manifest([b"evil"], b"{}"))
    with pytest.raises(DigestMismatch, match="manifest sha256"):
        read(f"oci:{tmp_path}/x")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("oci-layout", "{}", "'imageLayoutVersion' is missing"),
        ("oci-layout", '{"imageLayoutVersion": "2.0.0"}', "version 2.0.0"),
        ("index.json", "{}", "neither manifests nor layers"),
        ("index.json", '{"schemaVersion": 2, "layers": [], "config": {}}', "contents of the other sort"),
        (
            "index.json",
            '{"schemaVersion": 2, "manifests": [{"mediaType": "x", "size": 1, "digest": "../x"}]}',
            "no digest",
        ),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(tmp_path, name, content, said):
    write(f"oci:{tmp_path}/x")
    (tmp_path / "x" / name).write_text(content)
    with pytest.raises(MalformedImage, match=said):
        read(f"oci:{tmp_path}/x")


@pytest.mark.parametrize("transport", ["oci", "oci-archive"])
def test_nothing_at_a_path_is_told_with_what_to_do(tmp_path, transport):
    with pytest.raises(ImageNotFound, match=f"there is no .*{tmp_path}/x") as refused:
        read(f"{transport}:{tmp_path}/x")
    assert refused.value.hint.startswith("check the path; ")


def test_an_archive_of_the_other_sort_is_told(tmp_path):
    write(f"oci-archive:{tmp_path}/oci.tar")
    with pytest.raises(ImageNotFound) as refused:
        read(f"docker-archive:{tmp_path}/oci.tar")
    assert refused.value.hint.endswith(f"oci-archive:{tmp_path}/oci.tar")
    (tmp_path / "docker.tar").write_bytes(tar({"manifest.json": b"[]"}))
    with pytest.raises(ImageNotFound) as refused:
        read(f"oci-archive:{tmp_path}/docker.tar")
    assert refused.value.hint.endswith(f"docker-archive:{tmp_path}/docker.tar")


def test_a_layout_may_be_the_index_of_one_image(tmp_path):
    """As go-containerregistry writes one: an entry for each platform, and no names."""
    document = write(f"oci:{tmp_path}/x")
    row = {"mediaType": OCI_MANIFEST, "digest": document.digest, "size": len(document.data)}
    rows = [{**row, "platform": {"os": "linux", "architecture": name}} for name in ("amd64", "arm64")]
    body = json.dumps({"schemaVersion": 2, "manifests": rows}).encode()
    (tmp_path / "x/index.json").write_bytes(body)
    with source(f"oci:{tmp_path}/x") as opened:
        assert opened.manifest() == Document(body, OCI_INDEX, digest_of(body))
        assert resolve(opened, Platform("linux", "arm64")).digest == document.digest


def test_an_archive_with_a_name_twice_is_refused(tmp_path):
    entries = [tarfile.TarInfo("index.json"), tarfile.TarInfo("./index.json")]
    (tmp_path / "x.tar").write_bytes(tar(entries))
    with pytest.raises(MalformedImage, match="twice"):
        read(f"oci-archive:{tmp_path}/x.tar")


def test_an_archive_that_is_too_large_is_refused(tmp_path):
    with open(tmp_path / "x.tar", "wb") as file:
        file.truncate(limits.MAX_UNPACKED + 1)
    with pytest.raises(ImageTooLarge):
        read(f"oci-archive:{tmp_path}/x.tar")


@pytest.mark.parametrize(
    ("listed", "error", "said"),
    [
        (b"[]", ImageNotFound, "is empty"),
        (b"{}", MalformedImage, "'array' is an object"),
        (b"[{}]", MalformedImage, "'Config' is missing"),
        (b'[{"Config": "config.json", "Layers": "x"}]', MalformedImage, "'Layers' is no array"),
        (b'[{"Config": "config.json", "Layers": ["../../x"]}]', ImageNotFound, "there is no ../../x"),
        (b'[{"Config": "/etc/passwd"}]', ImageNotFound, "there is no /etc/passwd"),
        (b'[{"Config": "config.json", "RepoTags": 1}]', MalformedImage, "'RepoTags' is no array"),
        (b"[{}] x", MalformedImage, "is not valid JSON"),
        (b'[{"Config": "config.json"}, {"Config": "config.json"}]', ImageNotFound, "has 2 images"),
    ],
)
def test_a_docker_archive_that_makes_no_sense_is_refused(tmp_path, listed, error, said):
    (tmp_path / "x.tar").write_bytes(tar({"manifest.json": listed, "config.json": b"{}"}))
    name = ":a" if b"Tags" in listed else ""
    with (
        pytest.raises(error, match=said),
        source(f"docker-archive:{tmp_path}/x.tar{name}"),
    ):
        pass


def test_a_docker_archive_has_tags(tmp_path):
    listed = json.dumps([
        {"Config": "1.json", "Layers": ["1"], "RepoTags": ["acme/meter:1"]},
        {"Config": "2.json", "Layers": ["2"], "RepoTags": ["docker.io/acme/meter:2", "quay.io/acme/meter:2"]},
    ]).encode()  # fmt: skip
    files = {"manifest.json": listed, "1.json": config(LABELS), "2.json": config(LABELS)}
    (tmp_path / "x.tar").write_bytes(
        tar({**files, "1": tar({"1.o": ELF + b"1"}), "2": tar({"2.o": ELF + b"2"})})
    )
    for name, end in (("acme/meter:1", b"1"), ("acme/meter:2", b"2"), ("quay.io/acme/meter:2", b"2")):
        assert read(f"docker-archive:{tmp_path}/x.tar:{name}") == ELF + end
    with (
        pytest.raises(ImageNotFound, match="has no image") as refused,
        source(f"docker-archive:{tmp_path}/x.tar:acme/meter:3"),
    ):
        pass
    assert "quay.io/acme/meter:2" in refused.value.hint


def test_an_image_from_a_registry_is_the_same_in_a_layout(small, environment, tmp_path):
    digest = put_image(small, ELF, labels=LABELS)
    access = Access(environment=environment)
    with open_source(parse_location(f"{small.host}/acme/meter"), access) as opened:
        image = resolve(opened, AMD64)
        blobs = [(each, opened.blob(each)) for each in (image.manifest.config, *image.manifest.layers)]
    with target(f"oci:{tmp_path}/x") as written:
        for each, data in blobs:
            written.put_blob(each, data)
        written.put_root(image.root)
    with source(f"oci:{tmp_path}/x") as opened:
        assert opened.manifest().digest == digest
    assert read(f"oci:{tmp_path}/x") == ELF
