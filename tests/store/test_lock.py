# SPDX-License-Identifier: Apache-2.0
"""One writer at a time, whoever dies or is interrupted."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from subprocess import TimeoutExpired

import pytest

from bpfman.errors import LockTimeout, StoreError
from bpfman.store import queue
from bpfman.store.lock import WriterLock, holder_of

HOLD = """
import sys
from bpfman.store.lock import WriterLock
with WriterLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_file_is_private(layout, lock):
    assert os.stat(layout.lock).st_mode & 0o7777 == 0o600


def test_a_lock_is_held_inside_with_only(layout):
    with WriterLock(layout.lock) as lock:
        assert lock.held
        assert lock.path == layout.lock
    assert not lock.held


def test_the_timeout_names_the_lock_the_limit_and_the_holder(layout, python):
    holder = python(HOLD, layout.lock)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockTimeout) as caught, WriterLock(layout.lock, timeout=0.01):
        pass
    assert str(caught.value) == f"timed out waiting for lock {layout.lock} (--lock-timeout=10ms)"
    assert f"process {holder.pid} (" in caught.value.hint


def test_two_locks_of_one_process_exclude_each_other(layout, lock):
    with pytest.raises(LockTimeout), WriterLock(layout.lock, timeout=0.01):
        pass


def test_a_failed_try_leaves_no_descriptor(layout, lock):
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(LockTimeout), WriterLock(layout.lock, timeout=0.02):
        pass
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("forever", [0, None])
def test_without_a_limit_it_waits_until_the_holder_is_gone(layout, python, forever):
    holder = python(HOLD, layout.lock)
    assert holder.stdout.readline() == "held\n"
    waiter = python("import sys; from bpfman.store.lock import WriterLock\n"
                    "with WriterLock(sys.argv[1], eval(sys.argv[2])): print('mine', flush=True)",
                    layout.lock, forever)  # fmt: skip
    os.kill(holder.pid, signal.SIGKILL)
    assert waiter.stdout.readline() == "mine\n"


def test_an_interrupt_while_waiting_leaves_nothing(layout, lock):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = set(os.listdir("/proc/self/fd"))
    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        with pytest.raises(KeyboardInterrupt), WriterLock(layout.lock, timeout=10):
            pass
    finally:
        signal.signal(signal.SIGALRM, old)
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_signal_that_is_handled_does_not_end_the_wait(layout, python):
    holder = python(HOLD, layout.lock)
    assert holder.stdout.readline() == "held\n"
    seen = []

    def let_go(number, frame):
        seen.append(number)
        holder.kill()

    old = signal.signal(signal.SIGALRM, let_go)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        with WriterLock(layout.lock, timeout=10):
            assert seen == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, old)


def test_an_exception_inside_releases_it(layout):
    with pytest.raises(RuntimeError), WriterLock(layout.lock):
        raise RuntimeError
    with WriterLock(layout.lock, timeout=0.01) as lock:
        assert lock.held


def test_a_lock_of_a_removed_directory_is_not_taken_for_the_new_one(layout):
    """Whoever waited for a file that is gone must not run beside the holder of its successor."""
    first = WriterLock(layout.lock)
    first.__enter__()
    taken = []
    waiter = threading.Thread(target=lambda: taken.append(enter_and_leave(layout.lock)))
    os.unlink(layout.lock)
    with WriterLock(layout.lock) as current:
        waiter.start()
        first.__exit__(None, None, None)
        assert current.held
        assert taken == []
    waiter.join()
    assert taken == [os.stat(layout.lock).st_ino]


def enter_and_leave(path):
    with WriterLock(path, timeout=10):
        return os.stat(path).st_ino


def test_no_directory_no_lock(tmp_path):
    with pytest.raises(StoreError, match="cannot open the lock"), WriterLock(f"{tmp_path}/none/.lock"):
        pass


def test_a_link_in_its_place_is_not_followed(layout, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, layout.lock)
    with pytest.raises(StoreError, match="cannot open the lock"), WriterLock(layout.lock):
        pass
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("text", ["", "no number", "4194305000"])
def test_a_holder_that_cannot_be_told_is_not_invented(tmp_path, text):
    (tmp_path / "lock").write_text(text)
    assert "(" not in holder_of(f"{tmp_path}/lock")


@pytest.mark.kernel
def test_a_full_disk_does_not_keep_anybody_from_the_lock(tmpfs):
    with tmpfs("size=4k") as path:
        with open(f"{path}/filler", "wb") as file:
            file.write(bytes(4096))
        with WriterLock(f"{path}/.lock", timeout=1) as lock:
            assert lock.held


WAIT = """
import sys
from bpfman.store.lock import WriterLock
with WriterLock(sys.argv[1]):
    print("mine", flush=True)
    sys.stdin.readline()
"""


def waits_as(number, layout):
    """Wait until so many are in the queue."""
    descriptor = os.open(layout.lock, os.O_RDWR)
    try:
        while len(queue.before(descriptor, most=number)) < number:
            os.sched_yield()
    finally:
        os.close(descriptor)


def test_who_came_first_gets_it_first(layout, python):
    """Whoever comes meanwhile, and however often: here us, who could take it each time it is let go."""
    with WriterLock(layout.lock):
        waiters = []
        for number in range(5):
            waiters.append(python(WAIT, layout.lock))
            waits_as(number + 1, layout)
    for waiter in waiters:
        with pytest.raises(LockTimeout), WriterLock(layout.lock, timeout=0.02):
            pass
        assert waiter.stdout.readline() == "mine\n"
        waiter.stdin.write("\n")
        waiter.stdin.flush()
    with WriterLock(layout.lock, timeout=10) as lock:
        assert lock.held


def test_where_places_cannot_be_had_it_is_taken_without(layout, python):
    """As on NFS, where whoever holds the lock holds every byte."""
    with WriterLock(layout.lock):
        descriptor = os.open(layout.lock, os.O_RDWR)
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, queue._FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        waiter = python(WAIT, layout.lock)
        with pytest.raises(LockTimeout), WriterLock(layout.lock, timeout=0.02):
            pass
    assert waiter.stdout.readline() == "mine\n"
    os.close(descriptor)


def test_who_dies_leaves_the_queue(layout, python):
    with WriterLock(layout.lock):
        first, second = python(WAIT, layout.lock), None
        waits_as(1, layout)
        second = python(WAIT, layout.lock)
        waits_as(2, layout)
        first.kill()
    assert second.stdout.readline() == "mine\n"


def test_who_holds_it_for_long_mixes_up_nobodys_turn(layout, python, monkeypatch):
    monkeypatch.setattr("bpfman.store.lock._ASLEEP", 0.2)
    waiters: list[threading.Thread] = []
    turns: list[int] = []
    with WriterLock(layout.lock):
        for number in range(3):
            waiters.append(threading.Thread(target=take_a_turn, args=(layout.lock, number, turns)))
            waiters[-1].start()
            waits_as(number + 1, layout)
        time.sleep(0.5)  # longer than what makes the others look
    for waiter in waiters:
        waiter.join()
    assert turns == [0, 1, 2]


def take_a_turn(path, number, turns):
    with WriterLock(path, timeout=60):
        turns.append(number)
        time.sleep(0.5)


def test_who_was_stopped_keeps_nobody_waiting(layout, python):
    with WriterLock(layout.lock):
        asleep = python(WAIT, layout.lock)
        waits_as(1, layout)
        asleep.send_signal(signal.SIGSTOP)
    with WriterLock(layout.lock, timeout=10) as lock:
        assert lock.held
        asleep.send_signal(signal.SIGCONT)
        with pytest.raises(TimeoutExpired):
            asleep.wait(0.05)
    assert asleep.stdout.readline() == "mine\n"


def test_who_waits_at_a_lock_that_is_gone_goes_to_the_new_one(layout, python):
    with WriterLock(layout.lock):
        waiter = python(WAIT, layout.lock)
        waits_as(1, layout)
        os.unlink(layout.lock)
        assert waiter.stdout.readline() == "mine\n"
        with pytest.raises(LockTimeout), WriterLock(layout.lock, timeout=0.02):
            pass
