# SPDX-License-Identifier: Apache-2.0
"""Looking at cached images while no registry can be reached: what is told, and what to do about the rest."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from bpfman.errors import CacheError, NotCached, RegistryFailed
from bpfman.images.manifest import OCI_INDEX
from bpfman.images.pulling import ALWAYS, IF_NOT_PRESENT, NEVER
from bpfman.images.transport.location import Access
from bpfman.manager.images import Images
from tests.images.conftest import HASTE, OBJECTS
from tests.images.samples import put_image
from tests.images.small_registry import small_registry

ELF = (OBJECTS / "xdp_counter.o").read_bytes()
OTHER = (OBJECTS / "xdp_pass.o").read_bytes()
LABELS = {"io.ebpf.programs": '{"said": "tc"}'}


@pytest.fixture
def life():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def registry(life):
    """A registry that is there until `go_down`."""
    return life.enter_context(small_registry())


@pytest.fixture
def go_down(life):
    return life.close


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def images(environment, tmp_path, warnings):
    access = Access(environment=environment, patience=HASTE)
    return Images(str(tmp_path / "cache"), access=access, trust="everybody", warn=warnings.append)


@pytest.fixture
def name(registry):
    put_image(registry, ELF, labels=LABELS)
    return f"{registry.host}/acme/meter:latest"


@pytest.fixture
def index_name(registry, images):
    """An image for three platforms; its registry lists something that is no image beside them."""
    words = [f"linux/{arch}={OBJECTS}/xdp_counter.o" for arch in ("amd64", "arm64")]
    images.build(f"{registry.host}/acme/meter:1", [*words, f"linux/s390x={OBJECTS}/xdp_counter.be.o"])
    return f"{registry.host}/acme/meter:1"


def test_a_cached_image_is_told_as_its_registry_would(images, name, go_down):
    asked, there = images.inspect(name)
    assert (there.source, there.pulled_at) == ("registry", None)
    images.pull(name)
    (entry,) = images.cached()
    go_down()
    for policy in (IF_NOT_PRESENT, NEVER):
        reference, here = images.inspect(name, policy)
        assert reference == asked == name
        assert (here.source, here.pulled_at) == ("cache", entry.pulled_at)
        assert here._replace(source=there.source, pulled_at=None) == there


def test_looking_is_no_use(images, name):
    images.pull(name)
    (before,) = images.cached()
    os.utime(f"{images.cache.directory}/{before.directory}/metadata.json", (1, 1))
    images.inspect(name)
    (after,) = images.cached()
    assert after.used_at == 1


def test_a_tag_means_what_it_meant_when_it_was_pulled(images, name, registry):
    old = images.pull(name).digest
    new = put_image(registry, OTHER)
    assert images.inspect(name)[1].digest == old
    assert images.inspect(name, ALWAYS)[1].digest == new
    assert images.inspect(name)[1].digest == old


def test_an_index_with_what_is_here_of_it(images, index_name, environment, go_down):
    _, there = images.inspect(index_name)
    for arch in ("amd64", "s390x"):
        environment["GOARCH"] = arch
        images.pull(index_name)
    del environment["GOARCH"]
    go_down()
    _, here = images.inspect(index_name)
    assert (here.digest, here.media_type, here.image) == (there.digest, OCI_INDEX, None)
    assert [each.descriptor for each in here.manifests] == [each.descriptor for each in there.manifests]
    assert (here.manifests[0], here.manifests[2]) == (there.manifests[0], there.manifests[2])
    missing = here.manifests[1]
    assert (missing.capabilities, missing.layers) == (None, ())
    assert "not in the cache" in missing.problem
    assert "--pull-policy Always" in missing.problem


def test_a_digest_is_known_by_whatever_tag_it_was_pulled(images, index_name, go_down):
    own = images.pull(index_name).digest
    (entry,) = images.cached()
    repository = index_name.removesuffix(":1")
    go_down()
    reference, index = images.inspect(f"{repository}@{entry.root}")
    assert (reference, index.digest) == (f"{repository}@{entry.root}", entry.root)
    _, image = images.inspect(f"{repository}@{own}")
    assert (image.digest, image.image.capabilities.effects) == (own, ("drop-packets",))
    with pytest.raises(NotCached):
        images.inspect(f"{repository}/other@{own}", NEVER)
    with pytest.raises(NotCached):
        images.inspect(f"{repository}@sha256:{'0' * 64}", NEVER)


def test_a_digest_as_the_list_shows_it_will_do(images, name, go_down):
    digest = images.pull(name).digest
    go_down()
    for image in (digest, digest.removeprefix("sha256:")[:12], digest[:30]):
        reference, found = images.inspect(image)
        assert (reference, found.digest) == (f"{name.removesuffix(':latest')}@{digest}", digest)


def test_what_is_not_here_is_asked_for(images, name, go_down):
    assert images.inspect(name)[1].source == "registry"
    with pytest.raises(NotCached, match="not in cache and pull policy is Never"):
        images.inspect(name, NEVER)
    go_down()
    with pytest.raises(RegistryFailed, match="cannot reach the registry") as failed:
        images.inspect(name)
    assert failed.value.hint == "check the name, the network and the proxy"


@pytest.mark.parametrize("lost", ["object", "root"])
def test_damage_is_absence(images, name, go_down, lost):
    images.pull(name)
    (entry,) = images.cached()
    path = f"{images.cache.directory}/blobs/{getattr(entry, lost).replace(':', '_')}"
    with open(path, "ab") as file:
        file.write(b" ")
    assert images.inspect(name)[1].source == "registry"
    go_down()
    with pytest.raises(NotCached):
        images.inspect(name, NEVER)


def test_a_cache_that_cannot_be_read_is_told_of_and_the_registry_asked(images, name, warnings, tmp_path):
    images.pull(name)
    (entry,) = images.cached()
    metadata = tmp_path / "cache" / entry.directory / "metadata.json"
    metadata.unlink()
    metadata.mkdir()
    warnings.clear()
    assert images.inspect(name)[1].source == "registry"
    (warning,) = warnings
    assert warning.startswith(f"cannot read {metadata}: ")
    assert warning.endswith("; asking the registry")
    with pytest.raises(CacheError):
        images.inspect(name, NEVER)


def test_who_insists_on_the_registry_is_told_what_is_here(images, name, go_down):
    images.pull(name)
    go_down()
    with pytest.raises(RegistryFailed) as failed:
        images.inspect(name, ALWAYS)
    assert "the cache has it as of 2" in failed.value.hint
    assert failed.value.hint.endswith("`--pull-policy IfNotPresent` shows that")


def test_who_has_nothing_here_is_told_how_to_carry_it(images, name, go_down):
    go_down()
    for policy in (ALWAYS, IF_NOT_PRESENT):
        with pytest.raises(RegistryFailed) as failed:
            images.pull(name, policy)
        assert failed.value.hint.endswith(f"`bpfman image copy {name} oci-archive:FILE`")


def test_a_file_is_read_whatever_the_policy(images, tmp_path):
    images.build(f"oci:{tmp_path}/x:1", [str(OBJECTS / "xdp_counter.o")])
    for policy in (ALWAYS, IF_NOT_PRESENT, NEVER):
        assert images.inspect(f"oci:{tmp_path}/x:1", policy)[1].source == "file"


def test_a_cached_image_cannot_be_copied_but_its_bytecode_can_be_had(images, name, go_down, tmp_path):
    images.pull(name)
    go_down()
    with pytest.raises(RegistryFailed) as failed:
        images.copy(name, f"oci:{tmp_path}/copy")
    assert "only its bytecode, so it cannot be copied" in failed.value.hint
    assert not (tmp_path / "copy").exists()
    words = failed.value.hint.partition("`bpfman image build TARGET ")[2].partition("`")[0]
    images.build(f"oci:{tmp_path}/built", [words])
    assert images.pull(f"oci:{tmp_path}/built").data == ELF
