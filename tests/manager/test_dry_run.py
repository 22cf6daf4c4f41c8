# SPDX-License-Identifier: Apache-2.0
"""A dry run tells the steps that would be taken, and takes none."""

from __future__ import annotations

import os
import re

import pytest

from bpfman import Layout, Manager, Planned, ProgramSpec
from bpfman.errors import ForeignProgram, TypeMismatch
from tests.manager.conftest import WatchedKernel
from tests.manager.hooks import OBJECTS, load, on, run_tc
from tests.manager.operations import OPERATIONS
from tests.manager.worlds import Events, world

pytestmark = [pytest.mark.kernel, pytest.mark.network]


def tree(layout: Layout) -> dict[str, tuple[float, int]]:
    """Every path below, with when it was changed and its size; but for what SQLite makes to read a database."""
    found = {}
    for folder, folders, files in os.walk(layout.runtime_dir):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            if path == layout.database or not path.startswith(layout.database_dir):
                status = os.lstat(path)
                found[path] = (status.st_mtime, status.st_size)
    return found


def told(steps: list[str]) -> list[str]:
    """Without ids, which the real run gets anew."""
    return [re.sub(r"\d+", "N", step) for step in steps]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_tells_what_would_be_done_and_does_nothing(operation, veth):
    with world(veth) as there:
        operation.prepare(there)
        before = tree(there.layout), there.state(), there.running(), there.has_clsact()
        events: list[str] = []
        kernel = Events(before=events.append).kernel()

        with pytest.raises(Planned) as planned:
            operation.act(there, Manager(there.layout, dry_run=True, kernel=kernel))

        assert (tree(there.layout), there.state(), there.running(), there.has_clsact()) == before
        assert set(events) <= {"load_object"}
        done: list[str] = []
        operation.act(there, Manager(there.layout, done=lambda step: done.append(step.what)))
        # Of several requests, each is planned as if it were the only one.
        several = re.search(
            "detach the last while counting|all that use its maps|by detaching", operation.name
        )
        assert (
            told(list(planned.value.steps))[: 5 if several else None] == told(done)[: 5 if several else None]
        )
        assert there.left() == {}


def test_of_a_load_leaves_nothing_in_the_kernel(runtime):
    kernel = WatchedKernel()
    with pytest.raises(Planned):
        load(Manager(runtime, dry_run=True, kernel=kernel), "xdp_counter", "xdp", "xdp_stats")
    assert kernel.programs != []
    assert kernel.program(kernel.programs[0]) is None


def test_makes_no_runtime_directory(tmp_path):
    layout = Layout(str(tmp_path / "run"))
    with pytest.raises(Planned) as planned:
        Manager(layout, dry_run=True).load_file(f"{OBJECTS}/xdp_pass.o", [ProgramSpec("xdp", "xdp_pass")])
    assert planned.value.steps != ()
    assert not os.path.exists(layout.runtime_dir)


def test_is_refused_like_the_real_one(manager, veth):
    dry = Manager(manager.layout, dry_run=True)
    program = load(manager, "tc_counter", "tc", "stats")

    with pytest.raises(TypeMismatch):
        on("xdp", veth).attach(dry, program, 1)
    run_tc(veth.a, "qdisc", "add", "dev", veth.a.interface, "ingress")
    with pytest.raises(ForeignProgram):
        on("tc-ingress", veth).attach(dry, program, 1)


def test_waits_for_nobody(manager):
    """The lock is not taken."""
    from bpfman.store.lock import WriterLock

    program = load(manager, "xdp_pass", "xdp", "xdp_pass")
    with WriterLock(manager.layout.lock), pytest.raises(Planned):
        Manager(manager.layout, dry_run=True, lock_timeout=0.01).unload([program])
