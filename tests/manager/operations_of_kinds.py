# SPDX-License-Identifier: Apache-2.0
"""Attaching and detaching each kind that has a link of its own, as operations to be cut short anywhere.

The kinds are those that `test_kinds` tries, with what they are attached to there, and those with tests of their own; a
kernel without one skips it."""

from __future__ import annotations

import errno
import secrets
import tempfile
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pytest

from bpfman import ProgramSpec, netkit
from bpfman.errors import KernelRefused
from bpfman.model.targets import CgroupAttach, StructOpsAttach, UsdtAttach
from bpfman.syscalls.namespaces import entered
from bpfman.testing import cgroups
from bpfman.testing.netkit import add_netkit
from tests import usdt_program
from tests.manager import test_kinds
from tests.manager.operations import Operation

if TYPE_CHECKING:
    from tests.manager.worlds import World

WITH_TESTS_OF_THEIR_OWN: list[tuple[Any, ...]] = [
    ("usdt", ProgramSpec("usdt", "on_marker"), UsdtAttach("MARKED", "demo:plain")),
    ("netkit", ProgramSpec("netkit", "on_primary"), netkit("NETKIT", "primary", priority=50)),
    ("struct_ops", ProgramSpec("struct_ops", "counted"), StructOpsAttach()),
]


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Gone with this process, not with its children."""
    return tempfile.TemporaryDirectory(prefix="bpfman-")


@cache
def _marked() -> str:
    if not usdt_program.can_build():
        pytest.skip("needs a C compiler (cc)")
    return usdt_program.build(f"{_folder().name}/marked")


def _netkit_device(world: World) -> str:
    """A netkit device; where the kernel has none, another interface, on which attaching says so."""
    here, there = (end.namespace for end in world.veth)
    name = f"nk{secrets.token_hex(4)}"
    try:
        with entered(here.path):
            add_netkit(name, f"{name}p", there.path)
    except KernelRefused as refused:
        if refused.errno != errno.EOPNOTSUPP:
            raise
        return world.veth.a.interface
    world.held.callback(here.ip, "link", "delete", name)
    return name


def _real(target, world):
    """What is attached to, made where it must be: by who outlives the kill, as what is killed could not clean up."""
    if isinstance(target, CgroupAttach):
        return target._replace(cgroup=world.held.enter_context(cgroups.cgroup()))
    if isinstance(target, UsdtAttach):
        return target._replace(target=_marked())
    if "netns" in target._fields:
        target = target._replace(netns=world.veth.a.namespace.path)
    if "interface" in target._fields:
        target = target._replace(interface=_netkit_device(world))
    return target


def _load(file, spec, target, world):
    world.target = _real(target, world)
    world.ids["program"] = test_kinds.load(world.manager, file, spec).record.program_id


def _attach(world, manager):
    test_kinds.attach(manager, manager.program(world.ids["program"]), world.target)


def _prepare_attached(file, spec, target, world):
    _load(file, spec, target, world)
    _attach(world, world.manager)


def _detach(world, manager):
    manager.detach([link.id for link, _ in world.manager.links()])


def _operations():
    cases: list[Any] = [case.values[:3] for case in test_kinds.CASES]
    for file, spec, target in cases + WITH_TESTS_OF_THEIR_OWN:
        alone = isinstance(target, StructOpsAttach)
        for operation in (
            Operation(f"{spec.type}: attach", partial(_load, file, spec, target), _attach, alone=alone),
            Operation(
                f"{spec.type}: detach", partial(_prepare_attached, file, spec, target), _detach, alone=alone
            ),
        ):
            yield pytest.param(operation, id=operation.name, marks=pytest.mark.feature(spec.type))


OF_KINDS = list(_operations())
