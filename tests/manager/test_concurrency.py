# SPDX-License-Identifier: Apache-2.0
"""A hundred commands at once on one runtime directory: none lost, none twice, and whoever reads is never kept."""

from __future__ import annotations

import json
import os
import time

import pytest

from bpfman import Manager, ProgramSpec, tcx, tracepoint
from bpfman.errors import LockTimeout
from bpfman.store.lock import WriterLock
from tests.manager.hooks import OBJECTS, files_below, load, on
from tests.manager.worlds import in_a_child

pytestmark = [pytest.mark.kernel, pytest.mark.network]

COMMANDS = 100


class Crowd:
    """Processes that begin together; what each answers, in order."""

    def __init__(self, tmp_path) -> None:
        self._folder = tmp_path

    def run(self, number: int, act) -> list:
        ready, go = os.pipe()
        pids = []
        for index in range(number):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    os.close(go)
                    os.read(ready, 1)  # until the parent closes its end
                    answer = act(index)
                    (self._folder / str(index)).write_text(json.dumps(answer))
                    status = 0
                except BaseException as error:
                    (self._folder / str(index)).write_text(json.dumps(f"{type(error).__name__}: {error}"))
                finally:
                    os._exit(status)
            pids.append(pid)
        os.close(ready)
        os.close(go)
        failed = [pid for pid in pids if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
        answers = [json.loads((self._folder / str(index)).read_text()) for index in range(number)]
        assert failed == [], [answer for answer in answers if isinstance(answer, str)]
        return answers


@pytest.fixture
def crowd(tmp_path):
    return Crowd(tmp_path)


def test_a_hundred_that_load_attach_look_and_take_away(runtime, veth, crowd):
    """Each has a manager of its own on a directory that nobody made before; every other one leaves what it did."""
    kinds: list[tuple] = [
        ("xdp_pass", "xdp", "xdp_pass", on("xdp", veth).spec(50)),
        ("tc_counter", "tc", "stats", on("tc-ingress", veth).spec(50)),
        (
            "tcx",
            "tcx",
            "tcx_egress",
            tcx(veth.a.interface, "egress", priority=50, netns=veth.a.namespace.path),
        ),
        ("tracepoint_kill", "tracepoint", "tracepoint_kill", tracepoint("syscalls/sys_enter_kill")),
    ]

    def command(index: int) -> dict[str, int]:
        object_name, kind, name, where = kinds[index % 4]
        manager = Manager(runtime, lock_timeout=120)
        [program] = manager.load_file(
            f"{OBJECTS}/{object_name}.o", [ProgramSpec(kind, name)], metadata={"number": str(index)}
        )
        program_id = program.record.program_id
        link = manager.attach(program_id, where, metadata={"number": str(index)}).record.id
        assert link in [found.id for found, _ in manager.links()]
        assert program_id in [entry.program_id for entry in manager.programs()]
        if index % 8 < 4:
            manager.detach([link])
            assert link not in [found.id for found, _ in manager.links()]
            manager.unload([program_id])
        return {"program": program_id, "link": link}

    answers = crowd.run(COMMANDS, command)

    manager = Manager(runtime)
    left = {index: answer for index, answer in enumerate(answers) if index % 8 >= 4}
    assert len({answer["link"] for answer in answers}) == COMMANDS
    programs, links = {}, {}
    for link, record in manager.links():
        assert link.metadata == record.metadata
        programs[int(record.metadata["number"])] = record.program_id
        links[int(record.metadata["number"])] = link.id
    assert sorted(programs.values()) == [entry.program_id for entry in manager.programs()]
    assert programs == {index: answer["program"] for index, answer in left.items()}
    assert links == {index: answer["link"] for index, answer in left.items()}
    assert manager.examine() == []
    members = [member.link_id for chain in manager.chains() for member in chain.members]
    assert sorted(members) == sorted(links[index] for index in left if index % 4 < 2)
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        assert mounts.read().count(f" {runtime.fs} bpf ") == 1
    manager.delete_programs(None)
    assert files_below(runtime) == set()


def test_changes_of_one_chain_are_one_after_the_other(manager, veth, crowd):
    hooked = on("xdp", veth)
    program = hooked.load(manager, "pass")

    def command(index: int) -> int:
        return hooked.attach(Manager(manager.layout, lock_timeout=60), program, index)

    links = crowd.run(30, command)

    chain = manager.chain(hooked.hook(manager))
    assert chain.record.revision == 30
    assert [member.link_id for member in chain.members] == links
    assert [member.position for member in chain.members] == list(range(30))
    assert hooked.running() == chain.record.program_id


CHANGES = 20


def test_who_reads_sees_whole_changes_only(manager, veth, crowd):
    """One process changes a chain, others look: who stays is always there, and time goes forwards."""
    hooked = on("xdp", veth)
    program = hooked.load(manager, "pass")
    staying = hooked.attach(manager, program, 0)
    hook = hooked.hook(manager)

    def command(index: int) -> int:
        mine = Manager(manager.layout, lock_timeout=60)
        if index == 0:
            for _ in range(CHANGES):
                mine.detach([hooked.attach(mine, program, 1)])
            return 0
        looks = revision = 0
        end = time.monotonic() + 60.0
        while revision < 1 + 2 * CHANGES:
            assert time.monotonic() < end, f"there was no change after revision {revision}"
            chain = mine.chain(hook)
            assert chain.record.revision >= revision
            assert chain.members[0].link_id == staying
            assert len(chain.members) <= 2
            assert staying in [link.id for link, _ in mine.links()]
            assert mine.link(staying).status.kernel_seen
            revision, looks = chain.record.revision, looks + 1
        return looks

    answers = crowd.run(3, command)

    assert min(answers[1:]) > 0


def test_who_waits_too_long_for_the_lock_is_told_who_has_it(manager):
    program = load(manager, "xdp_pass", "xdp", "xdp_pass")
    with WriterLock(manager.layout.lock):
        began = time.monotonic()
        with pytest.raises(LockTimeout) as late:
            Manager(manager.layout, lock_timeout=0.2).unload([program])
        assert 0.2 <= time.monotonic() - began < 5
        # Who only looks does not wait.
        assert [entry.program_id for entry in manager.programs()] == [program]
    path = manager.layout.lock
    assert str(late.value) == f"timed out waiting for lock {path} (--lock-timeout=200ms)"
    assert f"process {os.getpid()}" in late.value.hint
    manager.unload([program])


def test_a_command_that_dies_with_the_lock_keeps_nobody(manager):
    def act() -> None:
        WriterLock(manager.layout.lock).__enter__()
        os._exit(9)

    manager.detach([])
    assert in_a_child(act) == 9
    Manager(manager.layout, lock_timeout=5).detach([])
