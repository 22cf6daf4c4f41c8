# SPDX-License-Identifier: Apache-2.0
"""A hundred commands at once on one runtime directory: each does what it was asked, none is lost or done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bpfman import Manager
from bpfman.store.layout import Layout
from bpfman.testing.network import VethPair
from tests.manager.hooks import OBJECTS

pytestmark = pytest.mark.kernel

COMMAND = [os.path.join(os.path.dirname(sys.executable), "bpfman")]
AT_ONCE = 100


def at_once(layout: Layout, commands: list[list[str]]) -> list[str]:
    """Start them all, then wait: what each printed.  Each must succeed."""
    running = [
        subprocess.Popen(
            [*COMMAND, "--runtime-dir", layout.runtime_dir, "--lock-timeout", "5m", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for words in commands
    ]  # fmt: skip
    results = [(*process.communicate(), process.returncode) for process in running]
    assert [error for _, error, status in results if status] == []
    return [output for output, _, _ in results]


def test_none_is_lost_and_none_is_done_twice(manager: Manager, veth: VethPair) -> None:
    layout = manager.layout
    load = ["program", "load", "file", f"{OBJECTS}/xdp_pass.o", "--programs", "xdp:xdp_pass", "-o", "json"]
    loaded = at_once(layout, [load if number % 2 else ["program", "list"] for number in range(AT_ONCE)])
    ids = [json.loads(output)["programs"][0]["record"]["program_id"] for output in loaded[1::2]]
    assert len(set(ids)) == AT_ONCE // 2
    assert [entry.program_id for entry in manager.programs()] == sorted(ids)

    where = [veth.a.interface, "--netns", veth.a.namespace.path]
    attach = [["link", "attach", "xdp", str(each), *where, "--priority", "5", "-o", "json"] for each in ids]
    attached = at_once(layout, [words for each in attach for words in (each, ["link", "list"])])[::2]
    links = [json.loads(output)["record"]["id"] for output in attached]
    chain = manager.chain(manager.find_hook("xdp", veth.a.interface, "", veth.a.namespace.path))
    assert chain.record.revision == len(ids)
    assert sorted(member.link_id for member in chain.members) == sorted(links)
    assert [member.position for member in chain.members] == list(range(len(ids)))
    assert manager.examine() == []

    away = [["link", "detach", str(link)] for link in links[::2]]
    away += [["program", "unload", str(each)] for each in ids[1::2]]
    at_once(layout, away)
    assert manager.links() == []
    assert manager.chains() == []
    assert [entry.program_id for entry in manager.programs()] == sorted(ids[::2])
    assert manager.examine() == []
