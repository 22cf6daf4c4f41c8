# SPDX-License-Identifier: Apache-2.0
"""The fixtures that users' tests have too, used as they would."""

from __future__ import annotations

import os

import pytest

import bpfman
from bpfman import ProgramSpec
from bpfman.testing.network import ping

pytestmark = [pytest.mark.kernel, pytest.mark.network]


def test_a_runtime_directory_is_empty_and_everybody_may_look(runtime):
    assert os.listdir(runtime.runtime_dir) == []
    assert os.stat(runtime.runtime_dir).st_mode & 0o777 == 0o755


def test_each_test_has_a_directory_of_its_own(runtime, manager, tmp_path):
    assert manager.layout == runtime
    assert not runtime.runtime_dir.startswith(str(tmp_path))


def test_the_compiled_object_counts_on_both_hooks(manager, object_file, veth):
    xdp, tc = manager.load_file(object_file, [ProgramSpec("xdp", "count_xdp"), ProgramSpec("tc", "count_tc")])
    here = {"priority": 50, "netns": veth.a.namespace.path}
    manager.attach(xdp.record.program_id, bpfman.xdp(veth.a.interface, **here))
    manager.attach(tc.record.program_id, bpfman.tc(veth.a.interface, "ingress", **here))
    assert ping(veth.b.namespace, veth.a.address, count=2) == 2
    with manager.open_map("packets") as packets:
        by_hook = [sum(packets[hook]) for hook in (0, 1)]
    assert min(by_hook) >= 2
    assert by_hook[0] == by_hook[1]
    manager.delete_programs(None)
