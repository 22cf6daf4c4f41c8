# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import json

import pytest

from bpfman.errors import ForeignProgram, KernelRefused
from bpfman.syscalls.qdiscs import (
    add_clsact,
    delete_clsact,
    has_clsact,
)

pytestmark = pytest.mark.network
NOBODY = 4711


def tc(end, *arguments):
    return end.namespace.run("tc", *arguments)


def kinds(end):
    return [entry["kind"] for entry in json.loads(tc(end, "-j", "qdisc", "show", "dev", end.interface))]


def test_clsact_is_that_of_the_one_interface(inside):
    tc(inside, "qdisc", "add", "dev", "lo", "clsact")
    tc(inside, "qdisc", "add", "dev", inside.interface, "root", "handle", "7:", "pfifo")
    assert has_clsact(1)
    assert not has_clsact(inside.ifindex)
    assert not has_clsact(NOBODY)


def test_clsact_is_made_once_and_deleted_once(inside):
    assert not has_clsact(inside.ifindex)
    assert add_clsact(inside.ifindex)
    assert has_clsact(inside.ifindex)
    assert "clsact" in kinds(inside)
    assert not add_clsact(inside.ifindex)
    assert delete_clsact(inside.ifindex)
    assert "clsact" not in kinds(inside)
    assert not delete_clsact(inside.ifindex)


def test_clsact_of_somebody_else_is_used(inside):
    tc(inside, "qdisc", "add", "dev", inside.interface, "clsact")
    assert not add_clsact(inside.ifindex)


def test_a_foreign_ingress_qdisc_is_refused_and_left_alone(inside):
    tc(inside, "qdisc", "add", "dev", inside.interface, "ingress")
    for ask in (add_clsact, has_clsact):
        with pytest.raises(ForeignProgram, match="ingress where TC programs require clsact"):
            ask(inside.ifindex)
    assert not delete_clsact(inside.ifindex)
    assert "ingress" in kinds(inside)


def test_an_interface_that_is_gone_is_told_by_its_errno(inside):
    with pytest.raises(KernelRefused) as refused:
        add_clsact(NOBODY)
    assert refused.value.errno == errno.ENODEV
    assert not delete_clsact(NOBODY)
