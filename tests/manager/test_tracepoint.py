# SPDX-License-Identifier: Apache-2.0
"""Tracepoints: links of their own, counting what happens in the kernel."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bpfman import Manager, tracepoint
from bpfman.bpf.info import link_by_id
from bpfman.bpf.kernel import Kernel
from bpfman.errors import InvalidRequest, KernelRefused, LinkNotFound, TracepointNotFound, TypeMismatch
from tests.manager.hooks import OBJECTS, files_below, load, u32

pytestmark = [pytest.mark.kernel, pytest.mark.feature("tracepoint")]

KILL = "syscalls/sys_enter_kill"


@pytest.fixture
def program(manager):
    """Counts kill(2) of this process."""
    values = {"pid": u32(os.getpid())}
    return load(manager, "tracepoint_kill", "tracepoint", "tracepoint_kill", globals=values)


@pytest.fixture
def calls(manager, program):
    """How many times it ran."""

    def calls():
        with manager.open_map("tracepoint_stats_map", program) as stats:
            return stats[0]["calls"]

    return calls


class AskedFor(Kernel):
    """The real one, where somebody else makes a change while a link's end is waited for."""

    def __init__(self, change) -> None:
        self._change = change

    def release_link(self, path):
        ending, change = super().release_link(path), self._change

        class Ending:
            def wait(self):
                change()
                assert ending is not None
                ending.wait()

        return Ending()


def test_nobody_waits_for_the_end_of_another_ones_link(manager, program):
    """The kernel takes its time with perf events, up to a tenth of a second."""
    other = Manager(manager.layout, lock_timeout=0.01)
    loaded = []

    def change():
        loaded.append(load(other, "xdp_pass", "xdp", "xdp_pass"))

    link = manager.attach(program, tracepoint(KILL)).record
    Manager(manager.layout, kernel=AskedFor(change)).detach([link.id])
    assert len(loaded) == 1
    assert link_by_id(link.kernel_link_id) is None


def test_runs_whenever_it_fires_until_it_is_detached(manager, program, calls):
    link = manager.attach(program, tracepoint(KILL)).record
    for _ in range(3):
        os.kill(os.getpid(), 0)
    assert calls() == 3

    manager.detach([link.id])

    os.kill(os.getpid(), 0)
    assert calls() == 3


def test_is_shown_with_all_that_was_asked(manager, program):
    link = manager.attach(program, tracepoint(KILL), metadata={"team": "a"})

    record = link.record
    assert (record.program_id, record.kind, record.metadata) == (program, "tracepoint", {"team": "a"})
    assert (record.details.group, record.details.name) == ("syscalls", "sys_enter_kill")
    assert record.pin_path == f"{manager.layout.fs}/links/{record.id}"
    assert os.path.exists(record.pin_path)
    assert link.status.kernel.id == record.kernel_link_id > 0
    assert link.status.kernel.program_id == program
    assert link.status.kernel_seen
    assert link.status.pin_present
    assert manager.link(record.id) == link
    assert [found for found, _ in manager.links()] == [record]


def test_is_gone_at_once_when_detached(manager, program):
    there = files_below(manager.layout)
    events = (KILL, "syscalls/sys_enter_tkill", "syscalls/sys_enter_tgkill")
    links = [manager.attach(program, tracepoint(event)).record for event in events]

    manager.detach([link.id for link in links])

    assert [link_by_id(link.kernel_link_id) for link in links] == [None] * 3
    assert manager.links() == []
    with pytest.raises(LinkNotFound):
        manager.link(links[0].id)
    assert files_below(manager.layout) == there


def test_takes_a_program_once(manager, program, calls):
    """The kernel says so; another load of the same program is another program."""
    link = manager.attach(program, tracepoint(KILL)).record
    there = files_below(manager.layout)

    with pytest.raises(KernelRefused, match=f"attach to tracepoint {KILL}") as refused:
        manager.attach(program, tracepoint(KILL))

    assert "attached there already" in refused.value.hint
    assert [found.id for found, _ in manager.links()] == [link.id]
    assert files_below(manager.layout) == there
    os.kill(os.getpid(), 0)
    assert calls() == 1


def test_goes_with_its_program(manager, program):
    link = manager.attach(program, tracepoint(KILL)).record

    manager.unload([program])

    assert link_by_id(link.kernel_link_id) is None
    assert files_below(manager.layout) == set()


def test_pin_removed_by_hand_does_not_keep_it_from_being_detached(manager, program, calls):
    link = manager.attach(program, tracepoint(KILL)).record
    os.unlink(link.pin_path)
    assert not manager.link(link.id).status.pin_present

    manager.detach([link.id])

    assert manager.links() == []
    os.kill(os.getpid(), 0)
    assert calls() == 0


@pytest.mark.feature("explained")
@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("syscalls/sys_enter_kil", KILL),
        ("syscall/sys_enter_kill", KILL),
        ("sched/sched_swich", "sched/sched_switch"),
    ],
)
def test_that_does_not_exist_is_told_with_near_ones(manager, program, asked, near):
    there = files_below(manager.layout)

    with pytest.raises(
        TracepointNotFound, match=f'tracepoint "{asked}" not found; did you mean: .*{near}'
    ) as missing:
        manager.attach(program, tracepoint(asked))

    assert str(missing.value).count(",") <= 2
    assert manager.links() == []
    assert files_below(manager.layout) == there


@pytest.mark.feature("explained")
def test_that_is_like_nothing_is_told_without(manager, program):
    with pytest.raises(TracepointNotFound, match=r'tracepoint "zzz/qqqqqq" not found$') as missing:
        manager.attach(program, tracepoint("zzz/qqqqqq"))
    assert "/sys/kernel/tracing/events" in missing.value.hint


def test_with_less_context_than_the_program_reads_is_refused_with_why(manager, program):
    """What a system call returns is one number; the program reads its arguments."""
    with pytest.raises(KernelRefused, match="attach to tracepoint syscalls/sys_exit_kill") as refused:
        manager.attach(program, tracepoint("syscalls/sys_exit_kill"))
    assert "more of its context" in refused.value.hint
    assert manager.links() == []


@pytest.mark.feature("explained")
@pytest.mark.parametrize("text", ["sys_enter_kill", "/sys_enter_kill", "syscalls/", "", "/"])
def test_is_a_group_and_a_name(text):
    with pytest.raises(InvalidRequest, match="is not of the form GROUP/NAME"):
        tracepoint(text)


@pytest.mark.feature("explained")
def test_names_that_leave_the_directory_are_none(manager, program):
    with pytest.raises(TracepointNotFound):
        manager.attach(program, tracepoint("../../etc/passwd"))


@pytest.mark.feature("explained")
def test_of_programs_of_other_kinds_is_refused(manager):
    program = load(manager, "xdp_pass", "xdp", "xdp_pass")
    with pytest.raises(TypeMismatch, match="is a xdp program: attach tracepoint takes tracepoint programs"):
        manager.attach(program, tracepoint(KILL))


WITHOUT_TRACEFS = f"""
import os, sys
from bpfman import Layout, Manager, ProgramSpec, tracepoint
manager = Manager(Layout(sys.argv[1]))
[program] = manager.load_file("{OBJECTS}/tracepoint_kill.o", [ProgramSpec("tracepoint", "tracepoint_kill")],
                              globals={{"pid": os.getpid().to_bytes(4, sys.byteorder)}})
manager.attach(program.record.program_id, tracepoint("{KILL}"))
os.kill(os.getpid(), 0)
with manager.open_map("tracepoint_stats_map") as stats:
    assert stats[0]["calls"] == 1
with open("/proc/self/mounts") as mounts:
    assert " tracefs " not in mounts.read()
"""


def test_needs_nobody_to_have_mounted_tracefs(manager, program, tmp_path):
    """In a mount namespace without it; bpfman mounts none either."""
    manager.attach(program, tracepoint(KILL))  # it can be attached where it is mounted
    unmount = "umount -a -t debugfs,tracefs 2>&-; exec"
    command = f'{unmount} "$0" -c "$1" "$2"'
    subprocess.run(
        ["unshare", "-m", "sh", "-c", command, sys.executable, WITHOUT_TRACEFS, str(tmp_path / "run")],
        check=True,
    )
