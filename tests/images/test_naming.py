# SPDX-License-Identifier: Apache-2.0
"""Cached images are meant by name, by digest, or by the beginning of one."""

from __future__ import annotations

import pytest

from bpfman.errors import InvalidRequest
from bpfman.images.cache.entry import Entry
from bpfman.images.cache.naming import matching, short

ALIKE = "a1b2c3d4e5f6"
ONE, OTHER, ROOT = (f"sha256:{digits}{'0' * 51}" for digits in (f"{ALIKE}1", f"{ALIKE}2", "c0ffee0000005"))


def entry(name: str, digest: str, root: str = ROOT) -> Entry:
    return Entry(name, "linux/amd64", digest, root, "", digest, 1, {}, {}, 0)


ENTRIES = [
    entry("quay.io/acme/one:1", ONE),
    entry("quay.io/acme/other:1", OTHER),
    entry("quay.io/acme/again:1", ONE, ONE),
    entry("docker.io/library/c0ffee000000:latest", OTHER, OTHER),
]


def meant(image: str) -> list[int]:
    found = matching(image, ENTRIES)
    return [number for number, each in enumerate(ENTRIES) if found(each)]


@pytest.mark.parametrize(
    ("image", "numbers"),
    [
        ("quay.io/acme/one:1", [0]),
        ("quay.io/acme/one", []),
        (ONE, [0, 2]),
        (ROOT, [0, 1]),
        (f"{ALIKE}1", [0, 2]),
        (f"sha256:{ALIKE}1", [0, 2]),
        ("sha256:c0ffee000000", [0, 1]),
        ("c0ffee000000", [3]),  # a name goes before
        (short(ROOT) + "5", [0, 1]),
        ("0123456789ab", []),
    ],
)
def test_which_images_are_meant(image, numbers):
    assert meant(image) == numbers


def test_the_beginning_of_several_digests_is_unclear():
    with pytest.raises(InvalidRequest, match="the beginning of 2 digests"):
        meant(ALIKE)


def test_what_is_no_name_is_refused():
    with pytest.raises(InvalidRequest):
        meant("Quay.io/A")
