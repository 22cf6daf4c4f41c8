# SPDX-License-Identifier: Apache-2.0
"""References are completed as Docker and podman complete them, and what is none is refused with the part named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.errors import InvalidRequest
from bpfman.images.reference import is_loopback, parse_reference

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("meter", "docker.io/library/meter:latest"),
        ("acme/meter", "docker.io/acme/meter:latest"),
        ("acme/meter:1.2", "docker.io/acme/meter:1.2"),
        ("docker.io/meter", "docker.io/library/meter:latest"),
        ("index.docker.io/acme/meter", "docker.io/acme/meter:latest"),
        ("quay.io/acme/meter", "quay.io/acme/meter:latest"),
        ("quay.io/acme/deep/er/meter:v1", "quay.io/acme/deep/er/meter:v1"),
        ("localhost/meter", "localhost/meter:latest"),
        ("localhost:5000/meter", "localhost:5000/meter:latest"),
        ("[::1]:5000/acme/meter:x", "[::1]:5000/acme/meter:x"),
        ("127.0.0.1:5000/meter@" + DIGEST, "127.0.0.1:5000/meter@" + DIGEST),
        ("docker://quay.io/acme/meter:v1", "quay.io/acme/meter:v1"),
        ("UPPER/meter", "UPPER/meter:latest"),  # capitals are no repository's, so this is a host
        # The digest decides alone: a tag beside it may have moved since.
        ("quay.io/acme/meter:1.2@" + DIGEST, "quay.io/acme/meter@" + DIGEST),
    ],
)
def test_a_reference_is_completed(typed, completed):
    assert str(parse_reference(typed)) == completed


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("", "names no repository"),
        ("quay.io/", "names no repository"),
        ("quay.io/acme/Meter", "capital letters"),
        ("quay.io/acme//meter", '"acme//meter" is no repository'),
        ("quay.io/../meter", '"../meter" is no repository'),
        ("quay.io/acme/meter:", '"" is no tag'),
        ("quay.io/acme/meter:.x", '".x" is no tag'),
        ("quay.io/acme/meter:" + "x" * 129, "is no tag"),
        ("quay.io/acme/meter@sha256:12", '"sha256:12" is no digest'),
        ("quay.io/acme/meter@md5:" + "0" * 32, "is no digest"),
        ("quay.io:99999/meter", '"quay.io:99999" is no registry'),
        ("quay.io:x/meter", '"quay.io:x" is no registry'),
        ("user@quay.io/meter", "is no digest"),
        ("a b/meter", '"a b/meter" is no repository'),
        ("quay.io/" + "x" * 255, "longer than 255"),
        ("quay.io/acme/meter\n", "is no repository"),
        ("-x.io/meter", '"-x.io" is no registry'),
    ],
)
def test_what_is_no_reference_is_refused_and_the_part_is_named(typed, part):
    with pytest.raises(InvalidRequest) as refused:
        parse_reference(typed)
    assert part in str(refused.value)
    assert "REGISTRY/REPOSITORY" in refused.value.hint


@given(st.text(alphabet="aA0.:/@_-[] \0é", max_size=40))
def test_whatever_is_accepted_is_its_own_completed_form(text):
    try:
        found = parse_reference(text)
    except InvalidRequest:
        return
    assert parse_reference(str(found)) == found
    assert not set(str(found)) & set(" \0é")


@pytest.mark.parametrize(
    "registry", ["localhost", "localhost:5000", "a.localhost", "127.0.0.1", "127.9.8.7:1", "[::1]:5"]
)
def test_loopback_is_known_by_its_name(registry):
    assert is_loopback(registry)


@pytest.mark.parametrize(
    "registry",
    ["quay.io", "localhost.evil.example", "127.0.0.1.evil.example", "127.evil.example", "10.0.0.1", "[::2]"],
)
def test_what_only_looks_like_loopback_is_not(registry):
    assert not is_loopback(registry)


def test_other_versions_are_of_the_same_repository():
    reference = parse_reference("quay.io/acme/meter:1.2")
    assert str(reference.at(DIGEST)) == f"quay.io/acme/meter@{DIGEST}"
    assert str(reference.at("sha256-abc.sig")) == "quay.io/acme/meter:sha256-abc.sig"
    assert reference.at(DIGEST).at("1.2") == reference


def test_the_api_of_docker_hub_has_a_host_of_its_own():
    assert parse_reference("acme/meter").host == "registry-1.docker.io"
    assert parse_reference("quay.io/acme/meter").host == "quay.io"
