# SPDX-License-Identifier: Apache-2.0
"""Which scopes an image is in, and which of several decides: compared with an oracle that only compares texts."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.errors import ConfigurationError
from bpfman.images.policy.scope_name import check_scope
from bpfman.images.policy.scopes import most_specific, own_scopes, scopes_of
from bpfman.images.policy.table import Table
from bpfman.images.transport.location import parse_location

DIGEST = "sha256:" + "a" * 64
LABELS = st.sampled_from(["quay", "io", "example", "com", "a", "registry-1"])
HOSTS = st.builds(
    lambda labels, port: ".".join(labels) + port,
    st.lists(LABELS, min_size=2, max_size=4),
    st.sampled_from(["", ":5000", ":1"]),
)
PARTS = st.sampled_from(["acme", "meter", "a", "acme-tools", "x_y", "v1.2"])
REPOSITORIES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
VERSIONS = st.sampled_from([":1", ":latest", ":v1.2", f"@{DIGEST}"])
IMAGES = st.builds("{}/{}{}".format, HOSTS, REPOSITORIES, VERSIONS)
SCOPES = st.one_of(
    IMAGES,
    st.builds("{}/{}".format, HOSTS, REPOSITORIES),
    HOSTS,
    st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: "*." + ".".join(labels)),
)


def is_in(image: str, scope: str) -> bool:
    """Whether an image is in a scope: it is it, or goes on behind it with a mark, or its host ends like it."""
    if scope.startswith("*."):
        host = image.partition("/")[0].partition(":")[0]
        return host.endswith(scope[1:]) and len(host) > len(scope[1:])
    return image == scope or (
        image.startswith(scope) and image[len(scope)] in "/:@" and "/" in image[: len(scope) + 1]
    )


def specificity(scope: str) -> tuple[bool, int]:
    return not scope.startswith("*."), len(scope)


@given(IMAGES, st.lists(SCOPES, max_size=8, unique=True))
def test_the_most_specific_scope_decides(image, scopes):
    wanted = max((scope for scope in scopes if is_in(image, scope)), key=specificity, default=None)
    found = most_specific(scopes_of(parse_location(image)), dict.fromkeys(scopes, True))
    assert (found and found[0]) == wanted


@given(IMAGES, st.data())
def test_every_scope_of_an_image_is_one_it_is_in_and_can_be_written_down(image, data):
    names = scopes_of(parse_location(image)).names
    scope = data.draw(st.sampled_from(names))
    assert is_in(image, scope)
    table = Table({"scope": scope}, "signing.scopes", "x.toml", ("scope",))
    assert check_scope(scope, table) == scope
    assert scope in own_scopes(parse_location(image)).names


@pytest.mark.parametrize(
    ("image", "scope"),
    [
        ("QUAY.io/acme/meter:1", "quay.io/acme"),
        ("quay.io:443/acme/meter:1", "quay.io"),
        ("quay.io/acme/meter:1", "Quay.IO:443"),
        ("meter", "docker.io/library/meter:latest"),
        ("acme/meter", "docker.io/acme"),
        ("index.docker.io/acme/meter", "docker.io"),
        ("localhost:5000/acme/meter", "localhost:5000"),
        ("[::1]:5000/acme/meter", "[::1]:5000"),
        ("127.0.0.1:5000/acme/meter", "127.0.0.1:5000/acme"),
        (f"quay.io/acme/meter:1@{DIGEST}", f"quay.io/acme/meter@{DIGEST}"),
        ("oci:/srv/images/meter:1", "oci:/srv/images"),
        ("oci:/srv/images/meter:1", "oci:/srv/images/meter"),
        ("oci-archive:/srv/meter.tar", "oci-archive:/srv"),
        ("oci-archive:/srv/meter.tar", "oci-archive:"),
        ("docker-archive:/srv/meter.tar", "docker-archive:"),
    ],
)
def test_scopes_of_our_own_rules(image, scope):
    table = Table({"scope": scope}, "signing.scopes", "x.toml", ("scope",))
    assert check_scope(scope, table) in own_scopes(parse_location(image)).names


@pytest.mark.parametrize(
    ("image", "scope"),
    [
        ("quay.io/acme-evil/meter:1", "quay.io/acme"),
        ("quay.io.evil.example/acme/meter", "quay.io"),
        ("evilquay.io/acme/meter", "quay.io"),
        ("evil.example/quay.io/acme/meter", "quay.io"),
        ("quay.io:5000/acme/meter", "quay.io"),
        ("example.com/acme/meter", "*.example.com"),
        ("oci:/srv/images-evil/meter", "oci:/srv/images"),
        ("oci:/srv/images/../evil", "oci:/srv/images"),
        ("oci-archive:/srv/images/x.tar", "oci:/srv/images"),
    ],
)
def test_what_looks_like_a_scope_is_not_in_it(image, scope):
    table = Table({"scope": scope}, "signing.scopes", "x.toml", ("scope",))
    assert check_scope(scope, table) not in own_scopes(parse_location(image)).names


def test_a_link_is_in_the_scope_of_what_it_leads_to(tmp_path):
    os.mkdir(tmp_path / "there")
    os.symlink(tmp_path / "there", tmp_path / "here")
    names = own_scopes(parse_location(f"oci:{tmp_path}/here/x")).names
    assert f"oci:{os.path.realpath(tmp_path)}/there" in names
    assert f"oci:{tmp_path}/here" not in names


@pytest.mark.parametrize(
    ("scope", "hint"),
    [
        ("acme/meter", 'docker.io/acme/meter"'),
        ("meter", "docker.io/meter"),
        ("index.docker.io/acme", 'write "docker.io"'),
        ("https://quay.io/acme", "a scope is"),
        ("quay.io/", "a scope is"),
        ("quay.io/Acme", "a scope is"),
        ("quay.io/acme/", "a scope is"),
        ("quay.io/acme/*", "a scope is"),
        ("*", "a scope is"),
        ("*.", "a scope is"),
        ("*quay.io", "a scope is"),
        ("*.quay.io/acme", "a scope is"),
        ("*.quay.io:5000", "a scope is"),
        ("quay.*.io", "a scope is"),
        ("quay.io/acme/meter:", "a scope is"),
        ("quay.io/acme/meter@sha256:1", "a scope is"),
        (f"quay.io/acme/meter:1@{DIGEST}", "leave out the tag"),
        ("oci:relative", "absolute"),
        ("oci:/a/../b", "shortest"),
        ("oci:/", "absolute"),
        ("oci:/a/", "shortest"),
        ("docker-archive:/a", "one scope"),
        ("docker:quay.io", "a scope is"),
        (" quay.io", "a scope is"),
    ],
)
def test_a_scope_that_no_image_is_in_is_an_error(scope, hint):
    table = Table({"scope": scope}, "signing.scopes", "x.toml", ("scope",))
    with pytest.raises(ConfigurationError) as caught:
        check_scope(scope, table)
    assert "x.toml: signing.scopes" in str(caught.value)
    assert scope in str(caught.value)
    assert hint in caught.value.hint
