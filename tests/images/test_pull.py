# SPDX-License-Identifier: Apache-2.0
"""Pulling: what the policies mean, what is cached when, and that nothing is left of what fails."""

from __future__ import annotations

import time

import pytest

from bpfman.errors import (
    CacheError,
    ImageError,
    InvalidRequest,
    NotCached,
    PlatformMissing,
    RegistryFailed,
    Untrusted,
)
from bpfman.images.policy.decision import Decision, Part
from bpfman.images.pulling import ALWAYS, IF_NOT_PRESENT, NEVER, POLICIES, parse_policy
from bpfman.images.transport.location import Access
from bpfman.manager.images import Images
from bpfman.model.audit import ACCEPTED, REFUSED
from tests.images.conftest import HASTE, OBJECTS
from tests.images.samples import put_image

ELF = (OBJECTS / "xdp_counter.o").read_bytes()
OTHER = (OBJECTS / "xdp_pass.o").read_bytes()
LABELS = {"io.ebpf.programs": '{"xdp_stats": "xdp"}', "io.ebpf.maps": '{"xdp_stats_map": "per_cpu_array"}'}


@pytest.fixture
def images(environment, tmp_path):
    return Images(str(tmp_path / "cache"), access=Access(environment=environment, patience=HASTE))


@pytest.fixture
def image(small):
    put_image(small, ELF, labels=LABELS)
    return f"{small.host}/acme/meter"


def blobs_asked(small) -> int:
    return sum("/blobs/" in path for path in small.paths())


# policies


def test_policies_are_known_in_any_case():
    assert parse_policy("") == IF_NOT_PRESENT
    assert [parse_policy(each.upper()) for each in POLICIES] == list(POLICIES)
    with pytest.raises(InvalidRequest, match='unknown pull policy "Sometimes"'):
        parse_policy("Sometimes")


def test_what_is_pulled(images, image, small):
    pulled = images.pull(image)
    assert pulled.data == ELF
    assert pulled.reference == f"{image}:latest"
    assert pulled.digest == next(version for _, version in small.manifests if version.startswith("sha256:"))
    assert pulled.labels.programs == {"xdp_stats": "xdp"}
    assert not pulled.from_cache


def test_if_not_present_asks_once(images, image, small):
    images.pull(image)
    before = len(small.seen)
    again = images.pull(f"{image}:latest")
    assert again.from_cache
    assert (again.data, again.labels.maps) == (ELF, {"xdp_stats_map": "per_cpu_array"})
    assert len(small.seen) == before


def test_always_asks_each_time_and_fetches_what_changed(images, image, small):
    first = images.pull(image, ALWAYS)
    fetched = blobs_asked(small)
    assert images.pull(image, ALWAYS).digest == first.digest
    assert blobs_asked(small) == fetched  # the manifest is the same, so are its blobs
    put_image(small, OTHER)
    again = images.pull(image, ALWAYS)
    assert again.data == OTHER
    assert images.pull(image, NEVER).data == OTHER


def test_never_asks_nobody(images, image, small):
    with pytest.raises(
        NotCached, match=f"image {image}:latest not in cache and pull policy is Never"
    ) as refused:
        images.pull(image, NEVER)
    assert "oci-archive:" in refused.value.hint
    assert small.seen == []
    images.pull(image)
    before = len(small.seen)
    assert images.pull(image, NEVER).data == ELF
    assert len(small.seen) == before


def test_a_cached_image_needs_no_registry(images, image, small):
    images.pull(image)
    small.always("GET", "", lambda h: h.hang())
    assert images.pull(image).data == ELF
    with pytest.raises(RegistryFailed) as refused:
        images.pull(image, ALWAYS)
    assert "the cache has it as of 2" in refused.value.hint
    assert "`--pull-policy IfNotPresent`" in refused.value.hint


def test_two_names_of_one_image_are_fetched_once(images, small, image):
    images.pull(image)
    fetched = blobs_asked(small)
    digest = put_image(small, ELF, tag="1.2", labels=LABELS)
    for name in (f"{image}:1.2", f"{image}@{digest}"):
        assert images.pull(name).labels.programs == {"xdp_stats": "xdp"}
    assert blobs_asked(small) == fetched
    assert len(images.cached()) == 3


def test_a_damaged_cache_is_pulled_anew(images, image, small):
    images.pull(image)
    (entry,) = images.cached()
    with open(f"{images.cache.directory}/blobs/{entry.object.replace(':', '_')}", "wb") as file:
        file.write(b"damaged")
    assert images.pull(image).data == ELF
    assert images.pull(image, NEVER).data == ELF


def test_the_platform_is_the_machines_or_goarchs(images, environment, tmp_path):
    words = [f"linux/{name}={OBJECTS}/xdp_counter.o" for name in ("amd64", "arm64")]
    images.build(f"oci:{tmp_path}/x", [*words, f"linux/s390x={OBJECTS}/xdp_counter.be.o"])
    assert images.pull(f"oci:{tmp_path}/x").data == ELF
    environment["GOARCH"] = "s390x"
    assert images.pull(f"oci:{tmp_path}/x").data == (OBJECTS / "xdp_counter.be.o").read_bytes()
    environment["GOARCH"] = "riscv64"
    with pytest.raises(PlatformMissing, match="no linux/riscv64 manifest found in image index"):
        images.pull(f"oci:{tmp_path}/x")


def test_platforms_do_not_share_an_entry(images, small, environment):
    name = f"{small.host}/acme/meter:1"
    words = [f"linux/amd64={OBJECTS}/xdp_counter.o", f"linux/arm64={OBJECTS}/xdp_counter.o"]
    images.build(name, [*words, f"linux/s390x={OBJECTS}/xdp_counter.be.o"])
    own = images.pull(name)
    environment["GOARCH"] = "s390x"
    other = images.pull(name)
    assert own.digest != other.digest
    assert images.pull(name, NEVER).digest == other.digest
    del environment["GOARCH"]
    assert images.pull(name, NEVER).digest == own.digest
    assert len(images.remove(name).entries) == 2


def test_files_are_read_each_time_and_not_cached(images, tmp_path):
    images.build(f"oci-archive:{tmp_path}/x.tar", [str(OBJECTS / "xdp_counter.o")])
    for policy in POLICIES:
        pulled = images.pull(f"oci-archive:{tmp_path}/x.tar", policy)
        assert (pulled.data, pulled.from_cache) == (ELF, False)
    assert images.cached() == []


def test_a_servers_clients_cannot_name_its_files(images, tmp_path):
    server = Images(images.cache.directory, access=images._access, files=False)
    for ask in (server.pull, server.inspect, lambda name: server.copy(name, "localhost:1/x")):
        with pytest.raises(InvalidRequest, match="names a file"):
            ask(f"oci-archive:{tmp_path}/secret.tar")


# removing


def test_an_image_is_removed_by_name_or_by_digest(images, image, small):
    digest = images.pull(image).digest
    images.pull(f"{image}@{digest}")
    assert [each.reference for each in images.remove(image).entries] == [f"{image}:latest"]
    images.pull(image)
    assert len(images.remove(digest).entries) == 2
    with pytest.raises(NotCached, match="not in cache"):
        images.remove(image)


def test_a_cache_that_cannot_be_written_is_an_error_of_pull(images, image, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(CacheError):
        images.pull(image)


# trust


class Rules:
    """A policy that accepts one digest; it notes what it was asked."""

    def __init__(self, policy: str, digest: str) -> None:
        self._policy = policy
        self._digest = digest
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def policy(self, location) -> str:
        return self._policy

    def decide(self, location, digests, evidence) -> Decision:
        self.asked.append((str(location), digests))
        if digests[0] != self._digest:
            error = Untrusted(f"{location} is not trusted")
            return Decision(
                str(location), digests[0], (Part("x", REFUSED, str(error), error=error),), self._policy
            )
        assert evidence.referrers(digests[0]) == ()
        return Decision(str(location), digests[0], (Part("x", ACCEPTED, "it is the one"),), self._policy)

    def admit(self, location, manifest, programs) -> None:
        pass


def trusting(images, rules: Rules, warn=None) -> Images:
    return Images(images.cache.directory, access=images._access, trust=rules, warn=warn)


def test_an_image_is_verified_before_anything_is_unpacked(images, image, small):
    rules = Rules("one", "sha256:" + "0" * 64)
    with pytest.raises(ImageError, match="is not trusted"):
        trusting(images, rules).pull(image)
    assert blobs_asked(small) == 0
    assert images.cached() == []


def test_what_the_name_leads_to_is_what_is_verified(images, small, environment):
    words = [f"linux/{name}={OBJECTS}/xdp_counter.o" for name in ("amd64", "arm64")]
    name = f"{small.host}/acme/meter:1"
    published = images.build(name, words)
    rules = Rules("one", published.rpartition("@")[2])
    pulled = trusting(images, rules).pull(name)
    assert rules.asked == [(name, (published.rpartition("@")[2], pulled.digest))]
    assert pulled.digest != published.rpartition("@")[2]
    (entry,) = images.cached()
    assert (entry.verdict.policy, entry.verdict.verified_digest) == ("one", published.rpartition("@")[2])


def test_a_verdict_holds_as_long_as_the_policy(images, image):
    digest = images.pull(image).digest
    rules = Rules("one", digest)
    verifying = trusting(images, rules)
    for _ in range(2):  # cached without a policy, so verified; then no more
        assert verifying.pull(image).from_cache
    assert len(rules.asked) == 1
    stricter = Rules("two", "sha256:" + "0" * 64)
    with pytest.raises(ImageError, match="is not trusted"):
        trusting(images, stricter).pull(image)
    assert verifying.pull(image, NEVER).data == ELF
    with pytest.raises(ImageError, match="is not trusted"):
        trusting(images, stricter).pull(image, NEVER)


def test_each_name_is_verified_by_itself(images, image, small):
    """What is trusted under one name is not trusted under another for having the same bytes."""
    digest = images.pull(image).digest
    put_image(small, ELF, repository="evil/meter", labels=LABELS)
    rules = Rules("one", digest)
    trusting(images, rules).pull(f"{small.host}/evil/meter")
    assert rules.asked == [(f"{small.host}/evil/meter:latest", (digest,))]


# speed


def test_a_pull_from_loopback_and_a_cached_one_are_quick(images, image):
    """The bounds are far above what it takes, for machines that do something else, too."""
    begun = time.perf_counter()
    images.pull(image)
    pulled = time.perf_counter()
    images.pull(image)
    assert pulled - begun < 0.5
    assert time.perf_counter() - pulled < 0.1
