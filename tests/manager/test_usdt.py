# SPDX-License-Identifier: Apache-2.0
"""USDT: every place of a marker, in one process or all, with its arguments and its semaphore; one link to the user."""

from __future__ import annotations

import os
import struct
import sys

import pytest

from bpfman.bpf.link import uprobe_multi
from bpfman.errors import Unsupported
from bpfman.model.targets import UsdtAttach
from tests.usdt_program import running

pytestmark = [pytest.mark.kernel, pytest.mark.feature("usdt")]


@pytest.fixture(params=["as this kernel can", "as older kernels do"])
def way(request, monkeypatch):
    """Kernels before 6.10 have it done by a perf event a place; all kernels can."""
    if request.param == "as older kernels do":
        monkeypatch.setattr(uprobe_multi, "supported", lambda: False)


@pytest.fixture
def process(marked):
    with running(marked) as found:
        yield found


def runs(manager, program) -> int:
    with manager.open_map("runs", program.record.program_id) as found:
        return sum(int.from_bytes(found.lookup(struct.pack("=I", row)), sys.byteorder) for row in (0, 1))


def test_every_place_of_a_marker_runs_the_program_until_it_is_detached(way, load, manager, marked, process):
    [program] = load("usdt", "usdt:on_marker")
    link = manager.attach(program.record.program_id, UsdtAttach(marked, "demo:plain"))

    process.go()
    assert runs(manager, program) == 2
    assert link.record.kind == "usdt"
    assert link.status.kernel_seen
    assert link.status.pin_present
    assert [record for record, _ in manager.links()] == [link.record]
    assert manager.examine() == []

    manager.detach([link.record.id])
    process.go()
    assert runs(manager, program) == 2
    assert not os.path.exists(link.record.pin_path)
    assert manager.links() == []


def test_the_semaphore_is_up_as_long_as_anybody_watches(way, load, manager, marked, process):
    """The kernel counts it up once for all who watch a place."""
    programs = [load("usdt", "usdt:on_marker")[0].record.program_id for _ in range(2)]
    target = UsdtAttach(marked, "demo:watched")
    assert process.go() == 0
    first, second = (manager.attach(program_id, target).record.id for program_id in programs)
    assert process.go() == 1
    with running(marked) as another:  # started while it is watched
        assert another.go() == 1
    manager.detach([first])
    assert process.go() == 1
    manager.detach([second])
    assert process.go() == 0


def test_a_pid_limits_it_to_that_process(way, load, manager, marked, process):
    [program] = load("usdt", "usdt:on_marker")
    with running(marked) as other:
        manager.attach(program.record.program_id, UsdtAttach(marked, "demo:watched", pid=process.pid))
        assert (process.go(), other.go()) == (1, 0)
        assert runs(manager, program) == 1


def test_a_program_in_a_container_is_found_there(load, manager, marked, process):
    """The path is that of the process's mount namespace: here our own, by its pid."""
    [program] = load("usdt", "usdt:on_marker")
    manager.attach(program.record.program_id, UsdtAttach(marked, "demo:plain", container_pid=process.pid))
    process.go()
    assert runs(manager, program) == 2


def test_arguments_are_what_was_passed(way, load, manager, marked, process):
    [program] = load("usdt", "usdt:on_arguments")
    program_id = program.record.program_id
    for cookie, line in ((77, 1), (78, 2)):
        link = manager.attach(program_id, UsdtAttach(marked, "demo:watched", cookie=cookie))
        process.go()
        with manager.open_map("seen", program_id) as seen:
            assert dict(seen.items())[0] == {
                "arguments": [-line, -line << 32, 0xF7, -9],
                "results": [0, 0, 0, 0],
                "count": 4,
                "cookie": cookie,
            }
        manager.detach([link.record.id])


def test_a_marker_without_arguments_has_none(load, manager, marked, process):
    [program] = load("usdt", "usdt:on_arguments")
    manager.attach(program.record.program_id, UsdtAttach(marked, "demo:plain"))
    process.go()
    with manager.open_map("seen", program.record.program_id) as seen:
        found = dict(seen.items())[0]
    assert (found["count"], found["cookie"], found["results"]) == (0, 0, [-2] * 4)  # ENOENT


def test_arguments_that_cannot_be_read_matter_to_who_reads_them(load, manager, marked, process):
    reads, counts = load("usdt", "usdt:on_arguments", "usdt:on_marker")
    target = UsdtAttach(marked, "demo:strange")
    with pytest.raises(Unsupported, match=r'argument "8@nowhere\(%rip\)" of a USDT marker'):
        manager.attach(reads.record.program_id, target)
    assert manager.links() == []
    manager.attach(counts.record.program_id, target)
    process.go()
    assert runs(manager, counts) == 1
