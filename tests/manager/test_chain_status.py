# SPDX-License-Identifier: Apache-2.0
"""Whether a hook runs its chain, as `chain list` and `chain get` say without waiting for the writer lock."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from bpfman import Manager
from bpfman.model.chain import ChainStatus
from tests.manager import test_doctor
from tests.manager.hooks import on
from tests.manager.test_doctor import scene  # noqa: F401
from tests.manager.worlds import Events

pytestmark = [pytest.mark.kernel, pytest.mark.network]

CHANGING = ChainStatus(None, "a change of it is under way, or was cut short")


def statuses(manager):
    return manager.chain_statuses(manager.chains())


@pytest.mark.parametrize("kind", ["xdp", "tc-ingress", "tc-egress"])
def test_a_chain_runs_while_it_is_changed_too(manager, veth, kind):
    hooked = on(kind, veth)
    program = hooked.load(manager, hooked.go_on)
    seen: list[ChainStatus] = []

    def look(what: str) -> None:
        seen.extend(statuses(manager))

    with Events(after=look).everywhere() as kernel:
        changing = Manager(manager.layout, kernel=kernel)
        links = [hooked.attach(changing, program, priority) for priority in (1, 2)]
        changing.detach(links[:1])
        assert statuses(manager) == [ChainStatus(True)]
    assert set(seen) == {ChainStatus(True), CHANGING}  # and never that it does not


@pytest.mark.parametrize(
    ("disturb", "told"),
    [
        (test_doctor._remove_xdp_link, "the hook does not run it: its link is gone"),
        (test_doctor._delete_filter, "the hook does not run it: its filter is gone"),
        (test_doctor._delete_interface, "its interface is gone, or moved away"),
    ],
)
def test_a_chain_that_does_not_run_says_why(scene, disturb, told):  # noqa: F811
    assert {status.runs for status in statuses(scene.manager)} == {True}
    disturb(scene)
    stands = statuses(scene.manager)
    assert ChainStatus(False, told) in stands
    scene.manager.repair()
    assert {status.runs for status in statuses(scene.manager)} <= {True}


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs the command setpriv")
def test_where_one_may_not_look_it_is_unknown(manager, veth):
    hooked = on("tc-ingress", veth)
    hooked.attach(manager, hooked.load(manager, hooked.go_on), 1)

    listed = "import sys; from bpfman.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [
        sys.executable,
        "-c",
        listed,
        "chain",
        "list",
        "-o",
        "json",
        "--runtime-dir",
        manager.layout.runtime_dir,
    ]
    told = subprocess.run(["setpriv", "--bounding-set=-sys_admin", *command], capture_output=True, check=True)
    [chain] = json.loads(told.stdout)["chains"]
    assert chain["runs"] is None
    assert chain["why"].startswith("cannot be seen: ")
    assert "Operation not permitted" in chain["why"]
