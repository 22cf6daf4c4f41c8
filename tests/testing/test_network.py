# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess

import pytest

from bpfman.testing.network import namespace, ping, veth_pair

pytestmark = pytest.mark.network


def names_of_namespaces():
    listed = subprocess.run(["ip", "netns"], check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in listed.splitlines()}


def test_a_namespace_is_there_for_the_body_alone():
    with namespace() as made:
        assert made.name in names_of_namespaces()
        assert made.inode != os.stat("/proc/self/ns/net").st_ino
        assert "UP" in made.ip("link", "show", "lo")
    assert made.name not in names_of_namespaces()
    assert not os.path.exists(made.path)


def test_a_namespace_goes_when_its_body_fails():
    visited = []

    def work():
        with namespace() as made:
            visited.append(made.name)
            made.ip("link", "show", "nonesuch")

    with pytest.raises(AssertionError, match="nonesuch"):
        work()
    assert visited[0] not in names_of_namespaces()


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_ends_of_a_pair_reach_each_other(netns, family):
    with namespace() as other, veth_pair(netns, other, family) as pair:
        assert ping(netns, pair.b.address, count=2) == 2
        assert ping(other, pair.a.address) == 1


def test_a_pair_goes_and_its_namespaces_stay(netns):
    with namespace() as other:
        with veth_pair(netns, other) as pair:
            for end in pair:
                assert f"{end.ifindex}: {end.interface}@" in end.namespace.ip("-o", "link", "show")
        for space in (netns, other):
            assert "veth" not in space.ip("link", "show")


def test_a_pair_that_the_body_deleted_is_no_matter(netns):
    with namespace() as other, veth_pair(netns, other) as pair:
        other.ip("link", "delete", pair.b.interface)


def test_several_pairs_are_several_subnets(netns):
    with namespace() as other, veth_pair(netns, other) as one, veth_pair(netns, other) as two:
        assert ping(netns, one.b.address) == ping(netns, two.b.address) == 1


def test_a_pair_over_ipv4_is_silent(veth):
    """Nothing that a test did not send is counted by its programs."""
    assert "inet6" not in veth.a.namespace.ip("address", "show", "dev", veth.a.interface)
    assert "inet6" not in veth.b.namespace.ip("address", "show", "dev", veth.b.interface)


def test_what_does_not_answer_is_told(veth):
    veth.b.namespace.ip("link", "set", veth.b.interface, "down")
    assert ping(veth.a.namespace, veth.b.address, timeout=0.2) == 0
    with pytest.raises(AssertionError, match="ping"):
        ping(veth.a.namespace, "not an address")


def test_a_command_that_fails_says_what_it_said(netns):
    with pytest.raises(AssertionError, match=r"ls .*/nonexistent"):
        netns.run("ls", "/nonexistent")
