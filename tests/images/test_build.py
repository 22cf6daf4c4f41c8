# SPDX-License-Identifier: Apache-2.0
"""Images are built the same everywhere, and other tools read them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest

from bpfman.errors import InvalidRequest, ObjectError
from bpfman.images.compression import unpack
from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST
from bpfman.images.platform import host_architecture
from bpfman.images.tar import read_entries
from bpfman.images.transport.location import Access, open_source, parse_location
from bpfman.manager.images import Images, build_args
from tests.images.conftest import OBJECTS
from tests.images.test_layout import skopeo

LITTLE, BIG = str(OBJECTS / "xdp_counter.o"), str(OBJECTS / "xdp_counter.be.o")
BOTH = [f"linux/s390x={BIG}", f"linux/amd64={LITTLE}"]


@pytest.fixture
def images(environment, tmp_path):
    return Images(str(tmp_path / "cache"), access=Access(environment=environment))


@pytest.fixture
def read(environment):
    """A source's root manifest as JSON, and a function that reads JSON blobs of it."""

    def open_it(where: str):
        with open_source(parse_location(where), Access(environment=environment)) as source:
            document = source.manifest()
            return document, json.loads(document.data)

    return open_it


def blob(folder, digest: str):
    return (folder / "blobs" / "sha256" / digest.partition(":")[2]).read_bytes()


# what is in it


def test_one_object_is_a_plain_image(images, tmp_path):
    published = images.build(f"oci:{tmp_path}/x:1.2", [LITTLE])
    root = json.loads(blob(tmp_path / "x", published.rpartition("@")[2]))
    assert root["mediaType"] == OCI_MANIFEST
    assert [each["mediaType"] for each in root["layers"]] == [OCI_LAYER_GZIP]
    layer = unpack(blob(tmp_path / "x", root["layers"][0]["digest"]), "the layer")
    (entry,) = read_entries(layer, "the layer")
    assert entry.name == "xdp_counter.o"
    assert layer[entry.offset : entry.offset + entry.size] == (OBJECTS / "xdp_counter.o").read_bytes()
    config = json.loads(blob(tmp_path / "x", root["config"]["digest"]))
    assert (config["os"], config["architecture"]) == ("linux", host_architecture())
    assert config["rootfs"]["diff_ids"] == [digest_of(layer)]
    labels = config["config"]["Labels"]
    assert json.loads(labels["io.ebpf.programs"]) == {"xdp_stats": "xdp"}
    assert json.loads(labels["io.ebpf.maps"]) == {"xdp_stats_map": "per_cpu_array"}
    assert json.loads(labels["io.bpfman.capabilities"])["effects"] == ["drop-packets"]


def test_several_platforms_are_an_index_in_their_order(images, tmp_path):
    published = images.build(f"oci:{tmp_path}/x", BOTH)
    root = json.loads(blob(tmp_path / "x", published.rpartition("@")[2]))
    assert root["mediaType"] == OCI_INDEX
    assert [each["platform"] for each in root["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "s390x", "os": "linux"},
    ]
    config = json.loads(blob(tmp_path / "x", root["manifests"][1]["digest"]))["config"]
    assert json.loads(blob(tmp_path / "x", config["digest"]))["architecture"] == "s390x"


def test_one_platform_is_a_plain_image_for_it(images, tmp_path):
    published = images.build(f"oci:{tmp_path}/x", [f"linux/s390x={BIG}"])
    root = json.loads(blob(tmp_path / "x", published.rpartition("@")[2]))
    assert json.loads(blob(tmp_path / "x", root["config"]["digest"]))["architecture"] == "s390x"


def test_a_bpf2go_project(images, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(LITTLE, project / "meter_x86_bpfel.o")
    shutil.copy(BIG, project / "meter_s390_bpfeb.o")
    published = images.build(f"oci:{tmp_path}/x", [], project=str(project))
    root = json.loads(blob(tmp_path / "x", published.rpartition("@")[2]))
    assert [each["platform"]["architecture"] for each in root["manifests"]] == ["amd64", "s390x"]


def test_annotations_are_on_the_index_and_its_images(images, tmp_path):
    annotations = {"org.opencontainers.image.source": "https://example.org/meter", "team": "edge"}
    published = images.build(f"oci:{tmp_path}/x", BOTH, annotations=annotations)
    root = json.loads(blob(tmp_path / "x", published.rpartition("@")[2]))
    assert root["annotations"] == annotations
    for each in root["manifests"]:
        assert json.loads(blob(tmp_path / "x", each["digest"]))["annotations"] == annotations


def test_the_sbom_refers_to_each_image(images, tmp_path, environment):
    annotations = {
        "org.opencontainers.image.source": "https://example.org/meter",
        "org.opencontainers.image.revision": "0123abc",
        "org.opencontainers.image.licenses": "GPL-2.0-only OR BSD-2-Clause",
    }
    published = images.build(f"oci:{tmp_path}/x", BOTH, annotations=annotations, sbom=True)
    root = json.loads(blob(tmp_path / "x", published.rpartition("@")[2]))
    with open_source(parse_location(f"oci:{tmp_path}/x@{published.rpartition('@')[2]}"), Access()) as source:
        for each, path in zip(root["manifests"], (LITTLE, BIG), strict=True):
            (found,) = source.referrers(each["digest"])
            assert found.artifact_type == "application/spdx+json"
            artifact = json.loads(source.manifest(found.digest).data)
            document = json.loads(blob(tmp_path / "x", artifact["layers"][0]["digest"]))
            check_spdx(document, path, each["digest"])
        assert source.referrers(root["manifests"][0]["digest"]) != source.referrers(
            root["manifests"][1]["digest"]
        )


def check_spdx(document: dict, path: str, digest: str) -> None:
    """What SPDX 2.3 asks of a document with one package of one file (clauses 6 to 11)."""
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["dataLicense"] == "CC0-1.0"
    assert digest.partition(":")[2] in document["documentNamespace"]
    (package,), (file,) = document["packages"], document["files"]
    with open(path, "rb") as opened:
        data = opened.read()
    sums = {each["algorithm"]: each["checksumValue"] for each in file["checksums"]}
    assert sums == {"SHA1": hashlib.sha1(data).hexdigest(), "SHA256": hashlib.sha256(data).hexdigest()}
    code = hashlib.sha1(sums["SHA1"].encode()).hexdigest()
    assert package["packageVerificationCode"] == {"packageVerificationCodeValue": code}
    assert package["downloadLocation"] == "git+https://example.org/meter@0123abc"
    assert package["licenseDeclared"] == "GPL-2.0-only OR BSD-2-Clause"
    assert document["hasExtractedLicensingInfos"][0]["extractedText"] == "Dual BSD/GPL"
    ids = {document["SPDXID"], package["SPDXID"], file["SPDXID"]}
    for relation in document["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= ids


# the same everywhere


def test_the_same_objects_make_the_same_bytes(images, tmp_path):
    """Elsewhere, with other times on the files, in another time zone, language and order of hashing."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in (LITTLE, BIG):
        shutil.copy(path, elsewhere)
        os.chmod(elsewhere / os.path.basename(path), 0o600)
    words = [f"linux/amd64={elsewhere}/xdp_counter.o", f"linux/s390x={elsewhere}/xdp_counter.be.o"]
    first = images.build(f"oci-archive:{tmp_path}/first.tar:1", BOTH, sbom=False)
    code = "import sys; from bpfman.manager.images import Images; print(Images('/').build(sys.argv[1], sys.argv[2:]))"
    environment = {"TZ": "Asia/Tokyo", "LANG": "C", "PYTHONHASHSEED": "7", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", code, f"oci-archive:{tmp_path}/second.tar:1", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, cwd=elsewhere, umask=0o077
    )
    assert done.stdout.strip().rpartition("@")[2] == first.rpartition("@")[2]
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()


def test_an_sbom_is_the_same_each_time(images, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        os.chdir(tmp_path / name)
        images.build("oci-archive:x.tar:1", BOTH, sbom=True)
    assert (tmp_path / "first/x.tar").read_bytes() == (tmp_path / "second/x.tar").read_bytes()


@pytest.fixture(autouse=True)
def same_directory():
    before = os.getcwd()
    yield
    os.chdir(before)


def test_times_are_source_date_epoch(images, tmp_path, environment):
    environment["SOURCE_DATE_EPOCH"] = "1700000000"
    published = images.build(f"oci:{tmp_path}/x", [LITTLE])
    root = json.loads(blob(tmp_path / "x", published.rpartition("@")[2]))
    assert json.loads(blob(tmp_path / "x", root["config"]["digest"]))["created"] == "2023-11-14T22:13:20Z"
    environment["SOURCE_DATE_EPOCH"] = ""
    assert images.build(f"oci:{tmp_path}/y", [LITTLE]).rpartition("@")[2] != published.rpartition("@")[2]


@pytest.mark.parametrize("value", ["x", "-1", "1.5", " 1", "9" * 30, "²"])
def test_a_time_that_is_none_is_refused(images, tmp_path, environment, value):
    environment["SOURCE_DATE_EPOCH"] = value
    with pytest.raises(InvalidRequest, match="SOURCE_DATE_EPOCH"):
        images.build(f"oci:{tmp_path}/x", [LITTLE])
    assert not (tmp_path / "x").exists()


# where it goes


@pytest.mark.parametrize("kind", ["debian", "go"])
def test_it_is_pushed_to_registries(images, read, request, kind, debian_registry, go_registry):
    registry = {"debian": debian_registry, "go": go_registry}[kind]
    name = f"{registry}/acme/built-{kind}"
    published = images.build(f"{name}:1.2", BOTH, sbom=True)
    document, _ = read(f"{name}:1.2")
    assert published == f"{name}@{document.digest}"
    shown = json.loads(
        skopeo("inspect", "--tls-verify=false", "--override-arch", "s390x", f"docker://{name}:1.2")
    )
    assert shown["Architecture"] == "s390x"
    assert json.loads(shown["Labels"]["io.ebpf.programs"]) == {"xdp_stats": "xdp"}


def test_skopeo_unpacks_it(images, tmp_path):
    images.build(f"oci-archive:{tmp_path}/x.tar:1", [LITTLE])
    skopeo("copy", f"oci-archive:{tmp_path}/x.tar:1", f"docker-archive:{tmp_path}/y.tar:acme/meter:1")
    subprocess.run(["tar", "-xf", f"{tmp_path}/y.tar", "-C", str(tmp_path)], check=True)
    listed = json.loads((tmp_path / "manifest.json").read_bytes())
    layer = tmp_path / listed[0]["Layers"][0]
    said = subprocess.run(["tar", "-tvf", str(layer)], capture_output=True, text=True, check=True).stdout
    assert said.split()[0] == "-rw-r--r--"
    assert said.split()[-1] == "xdp_counter.o"


def test_a_digest_is_no_name_to_build_for(images):
    with pytest.raises(InvalidRequest, match="names a digest"):
        images.build(f"localhost:1/x@sha256:{'0' * 64}", [LITTLE])


# what is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([BIG], "open bytecode ELF .*expected ELFDATA2LSB"),
        ([f"linux/s390x={LITTLE}"], "open bytecode ELF .*expected ELFDATA2MSB"),
        (["/nowhere.o"], "open bytecode ELF /nowhere.o: .*does not exist"),
        (["/etc/passwd"], "open bytecode ELF /etc/passwd: not an ELF file"),
        ([sys.executable], "open bytecode ELF .*"),
        (["/tmp"], "open bytecode ELF /tmp: .*is a directory"),
    ],
)
def test_what_is_no_object_for_the_platform_is_refused(images, tmp_path, words, said):
    with pytest.raises(ObjectError, match=said):
        images.build(f"oci:{tmp_path}/x", words)
    with pytest.raises(ObjectError, match=said):
        build_args(words)
    assert not (tmp_path / "x").exists()


# generate-build-args


def test_build_arguments_of_several_platforms():
    found = build_args(BOTH)
    assert found.platforms == ("linux/amd64", "linux/s390x")
    assert list(found.arguments.items()) == [("BC_AMD64_EL", LITTLE), ("BC_S390X_EB", BIG)]
    assert found.programs == {"xdp_stats": "xdp"}
    assert found.maps == {"xdp_stats_map": "per_cpu_array"}


def test_build_arguments_of_one_object():
    found = build_args([LITTLE])
    assert found.platforms == ()
    assert found.arguments == {"BYTECODE_FILE": LITTLE}


def test_paths_are_those_that_were_given(tmp_path):
    os.chdir(tmp_path)
    os.makedirs("out/deep")
    shutil.copy(LITTLE, "out/meter_x86_bpfel.o")
    assert build_args(["out/deep/../meter_x86_bpfel.o"]).arguments == {
        "BYTECODE_FILE": "out/deep/../meter_x86_bpfel.o"
    }
    assert build_args([], "out").arguments == {"BC_AMD64_EL": "out/meter_x86_bpfel.o"}
    assert build_args([], "./out/").arguments == {"BC_AMD64_EL": "./out/meter_x86_bpfel.o"}
