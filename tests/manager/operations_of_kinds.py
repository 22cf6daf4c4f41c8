# SPDX-License-Identifier: Apache-2.0
"""Attaching and detaching each kind that has a link of its own, as operations to be cut short anywhere.

The kinds are those that `test_kinds` tries, with what they are attached to there; a kernel without one skips it."""

from __future__ import annotations

from functools import partial

import pytest

from bpfman.model.targets import CgroupAttach
from bpfman.testing import cgroups
from tests.manager import test_kinds
from tests.manager.operations import Operation


def _load(file, spec, target, world):
    """What is attached to is made here too: what is killed later could not take it away."""
    if isinstance(target, CgroupAttach):
        world.cgroup = world.held.enter_context(cgroups.cgroup())
    world.ids["program"] = test_kinds.load(world.manager, file, spec).record.program_id


def _attach(target, world, manager):
    if isinstance(target, CgroupAttach):
        target = target._replace(cgroup=world.cgroup)
    elif "netns" in target._fields:
        target = target._replace(netns=world.veth.a.namespace.path)
    test_kinds.attach(manager, manager.program(world.ids["program"]), target)


def _prepare_attached(file, spec, target, world):
    _load(file, spec, target, world)
    _attach(target, world, world.manager)


def _detach(world, manager):
    manager.detach([link.id for link, _ in world.manager.links()])


def _operations():
    for case in test_kinds.CASES:
        file, spec, target, *_ = list(case.values)
        kind = case.id
        for operation in (
            Operation(f"{kind}: attach", partial(_load, file, spec, target), partial(_attach, target)),
            Operation(f"{kind}: detach", partial(_prepare_attached, file, spec, target), _detach),
        ):
            yield pytest.param(operation, id=operation.name, marks=case.marks)


OF_KINDS = list(_operations())
