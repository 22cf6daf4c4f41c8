# SPDX-License-Identifier: Apache-2.0
"""References and skopeo's transports are told apart, and others are answered with what to do."""

from __future__ import annotations

import pytest

from bpfman.errors import InvalidRequest
from bpfman.images.transport.location import Access, Location, open_target, parse_location


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("acme/meter", "docker.io/acme/meter:latest"),
        ("docker://quay.io/acme/meter:1", "quay.io/acme/meter:1"),
        ("localhost:5000/meter", "localhost:5000/meter:latest"),
        ("oci.example/meter", "oci.example/meter:latest"),
    ],
)
def test_what_has_no_transport_is_a_reference(typed, shown):
    location = parse_location(typed)
    assert location.reference is not None
    assert str(location) == shown


@pytest.mark.parametrize(
    ("typed", "location"),
    [
        ("oci:/srv/images", Location(None, "oci", "/srv/images")),
        ("oci:images:1.2", Location(None, "oci", "images", "1.2")),
        ("oci-archive:a.tar:acme/meter:1.2", Location(None, "oci-archive", "a.tar", "acme/meter:1.2")),
        ("oci:images@sha256:" + "0" * 64, Location(None, "oci", "images", "sha256:" + "0" * 64)),
        ("docker-archive:./a.tar", Location(None, "docker-archive", "./a.tar")),
    ],
)
def test_transports_have_a_path_and_perhaps_a_name(typed, location):
    assert parse_location(typed) == location
    assert str(location) == typed


@pytest.mark.parametrize("transport", ["oci", "oci-archive", "docker-archive"])
def test_a_transport_needs_a_path(transport):
    with pytest.raises(InvalidRequest, match="names no path") as refused:
        parse_location(f"{transport}:")
    assert f"{transport}:PATH" in refused.value.hint


@pytest.mark.parametrize(
    ("transport", "command", "written"),
    [
        ("containers-storage", "podman save", " oci-archive:FILE.tar"),
        ("docker-daemon", "docker save", " docker-archive:FILE.tar"),
    ],
)
def test_stores_of_other_tools_are_answered_with_the_command_that_writes_an_archive(
    transport, command, written
):
    with pytest.raises(InvalidRequest) as refused:
        parse_location(f"{transport}:acme/meter")
    assert command in refused.value.hint
    assert refused.value.hint.endswith(written)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (f"sha256:{'0' * 64}", "it is a digest, of no repository", "REPOSITORY@sha256:DIGEST"),
        ("https://quay.io/acme/meter", "no registry", "without https://: quay.io/acme/meter"),
        ("./meter.tar", "no registry", "oci-archive:FILE"),
        ("/srv/meter", "no repository", "oci:DIRECTORY"),
    ],
)
def test_what_is_meant_for_an_image_is_answered_with_how_it_is_written(text, said, hint):
    with pytest.raises(InvalidRequest, match=said) as refused:
        parse_location(text)
    assert hint in refused.value.hint


def test_docker_archives_are_not_written(tmp_path):
    with (
        pytest.raises(InvalidRequest, match="cannot be written") as refused,
        open_target(parse_location(f"docker-archive:{tmp_path}/a.tar"), Access()),
    ):
        pass
    assert "oci-archive:" in refused.value.hint
