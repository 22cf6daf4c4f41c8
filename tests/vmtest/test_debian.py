# SPDX-License-Identifier: Apache-2.0
"""Which of Debian's packages is the kernel that was asked for."""

from __future__ import annotations

import pytest

from vmtest.debian import NEWEST, newest_release, suites

PACKAGES = [
    "linux-image-6.1.0-9-cloud-amd64",
    "linux-image-6.1.0-32-cloud-amd64",
    "linux-image-6.1.0-32-cloud-amd64-unsigned",
    "linux-image-6.1.0-33-amd64",
    "linux-image-6.1.0-34-cloud-arm64",
    "linux-image-6.10.1-cloud-amd64",
    "linux-image-6.12.9+deb13-cloud-amd64",
    "linux-image-6.12.117+deb12-cloud-amd64",
    "linux-image-7.2.13+deb14-cloud-amd64",
    "linux-image-7.3~rc1-cloud-amd64",
    "linux-image-cloud-amd64",
]


@pytest.mark.parametrize(
    ("series", "release"),
    [
        ("6.1", "6.1.0-32-cloud-amd64"),
        ("6.12", "6.12.117+deb12-cloud-amd64"),
        ("6.10", "6.10.1-cloud-amd64"),
        (NEWEST, "7.2.13+deb14-cloud-amd64"),
        ("5.15", None),
    ],
)
def test_it_is_the_newest_of_its_series_for_cloud_machines(series, release):
    assert newest_release(PACKAGES, series) == release


def test_the_machines_own_suites_come_first():
    assert suites("6.1") == (None, "bookworm")


def test_series_that_nobody_listed_are_looked_for_in_the_newest_suites():
    assert suites("6.16")[0] is None
    assert "sid" in suites("6.16")


def test_the_newest_is_looked_for_where_it_is():
    assert suites(NEWEST) == ("sid",)
