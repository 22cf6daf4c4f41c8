# SPDX-License-Identifier: Apache-2.0
"""Who holds the lock is killed while others wait for it: each of them goes on, on what was put right first."""

from __future__ import annotations

import os
import signal
import time

import pytest

from bpfman import Manager, tracepoint
from tests.manager.hooks import load
from tests.manager.worlds import Moments, child, world

pytestmark = [pytest.mark.kernel, pytest.mark.network]


class Child:
    """A process that tells when it has come to a certain point."""

    def __init__(self, act):
        """`act(tell)`; whatever it does, the end tells too."""
        self._told, tell = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._told)
            child(lambda: act(lambda: os.write(tell, b"!")))
        os.close(tell)

    def wait_until_told(self) -> bool:
        """False where it ended before."""
        return os.read(self._told, 1) != b""

    def end(self) -> int:
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._told)
        return status


def stopping(there, number):
    """Detaches the first member, and stops right after the so manieth system call, with the lock held."""

    def act(tell):
        seen = 0

        def happened(what):
            nonlocal seen
            seen += 1
            if seen == number:
                tell()
                signal.pause()

        with Moments(after=happened):
            Manager(there.layout).detach([there.ids["a"]])

    return act


def waiting(there, change):
    """Makes a change, and tells when it has to wait for the lock."""

    def act(tell):
        def sleep(seconds, rest=time.sleep):
            tell()
            rest(seconds)

        time.sleep = sleep
        change(there, Manager(there.layout, lock_timeout=60))

    return act


def attach(there, manager):
    there.hooked("xdp").attach(manager, there.ids["new"], 5)


def detach(there, manager):
    manager.detach([there.ids["b"]])


def load_and_attach(there, manager):
    program = load(manager, "tracepoint_kill", "tracepoint", "tracepoint_kill")
    manager.attach(program, tracepoint("syscalls/sys_enter_kill"))


def unload(there, manager):
    manager.unload([there.ids["program c"]])


CHANGES = (attach, detach, load_and_attach, unload)


def test_all_who_wait_go_on_when_the_holder_is_killed(veth):
    number, stopped = 0, True
    while stopped:
        number += 1
        with world(veth) as there:
            there.members("xdp", "a", "b", "c")
            there.ids["new"] = there.hooked("xdp").load(there.manager, "drop")
            holder = Child(stopping(there, number))
            stopped = holder.wait_until_told()
            others = [Child(waiting(there, change)) for change in CHANGES]
            for other in others:
                other.wait_until_told()
            between = there.running()
            links = [link.id for link, _ in there.manager.links()]  # who looks need not wait
            if stopped:
                os.kill(holder.pid, signal.SIGKILL)

            assert holder.end() == (-signal.SIGKILL if stopped else 0)
            assert [other.end() for other in others] == [0] * len(others), number

            assert len(links) >= 2 or not stopped
            assert between["xdp"] != []
            [chain] = there.manager.chains()
            assert chain.members[0].program_id == there.ids["new"]
            assert there.ids["b"] not in [link.id for link, _ in there.manager.links()]
            assert there.ids["program c"] not in [entry.program_id for entry in there.manager.programs()]
            kept = there.ids["a"] in [link.id for link, _ in there.manager.links()]
            assert not (kept and not stopped)
            assert there.wrong() == {}, number
            assert there.left() == {}, number
    assert number > 5
