# SPDX-License-Identifier: Apache-2.0
"""A skip is held against what its kernel has."""

from __future__ import annotations

import pytest

from bpfman.model.kinds import KINDS
from vmtest.features import FEATURES, has, justifies, lacking, series, version

OLD, NEW, OWN = "6.1.0-56-cloud-amd64", "6.12.117+deb12-cloud-amd64", "6.18.44-fc"


@pytest.mark.parametrize(
    ("release", "name"),
    [(OLD, "6.1"), (NEW, "6.12"), ("7.2.13+deb14-cloud-amd64", "7.2"), (OWN, None), ("6.1.0-56-amd64", None)],
)
def test_the_series_of_debians_kernels_are_known(release, name):
    assert series(release) == name


def test_versions_are_compared_as_numbers():
    assert version("6.1.0-56-cloud-amd64") < version("6.2") < version("6.12.117+deb12-cloud-amd64")


@pytest.mark.parametrize(
    ("release", "feature", "there"),
    [
        (OLD, "xdp", True),
        (OLD, "tcx", False),
        (NEW, "tcx", True),
        ("5.10.0-32-cloud-amd64", "kprobe.multi", False),
        (OLD, "kprobe.multi", False),  # though it is newer than 5.18
        (NEW, "kprobe.multi", True),
        (OWN, "tcx", None),
    ],
)
def test_what_a_kernel_has(release, feature, there):
    assert has(release, feature) is there


@pytest.mark.parametrize(
    ("reason", "feature"),
    [
        ("this kernel has no kprobe.multi: it was built without CONFIG_FPROBE", "kprobe.multi"),
        ("this kernel has no TCX, which came with Linux 6.6", "tcx"),
        ('program "p" is odd, and this kernel has no xdp.frags, which came with Linux 5.18', "xdp.frags"),
        ("this kernel has no full stack", "full stack"),
        ("this kernel has no BTF of its own", "BTF"),
        ("this kernel has no sense of humour", None),
        ("needs the command bpftool", None),
    ],
)
def test_a_reason_names_its_feature(reason, feature):
    assert lacking(reason) == feature


@pytest.mark.parametrize(
    ("reason", "release", "true"),
    [
        ("needs kernel 6.6 or newer", OLD, True),
        ("needs kernel 6.6 or newer", NEW, False),
        ("kernel 6.6 or newer", OWN, False),
        ("this kernel has no links on perf events, which came with Linux 5.15", OLD, False),
        (
            "this kernel has no links on perf events, which came with Linux 5.15",
            "5.10.0-32-cloud-amd64",
            True,
        ),
        ("this kernel has no kprobe.multi, which came with 5.18", OLD, True),
        ("this kernel has no netfilter", OLD, True),
        ("this kernel has no netfilter", NEW, False),
        ("this kernel has no netfilter", OWN, True),
        ("this kernel has no netkit, which came with Linux 6.7 and needs CONFIG_NETKIT", OWN, True),
        ("this kernel has no netkit, which came with Linux 6.7 and needs CONFIG_NETKIT", NEW, False),
        ("this kernel is locked down: Operation not permitted", OLD, False),
        ("this kernel is locked down: Operation not permitted", OWN, True),
        ("needs the command bpftool", OLD, False),
        ("needs the command bpftool", OWN, False),
    ],
)
def test_a_skip_is_justified_by_what_the_kernel_is_without_and_nothing_else(reason, release, true):
    assert justifies(reason, release) is true


def test_every_kind_has_a_row():
    assert set(KINDS) <= set(FEATURES)
