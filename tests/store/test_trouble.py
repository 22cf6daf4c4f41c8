# SPDX-License-Identifier: Apache-2.0
"""Many processes at once, processes that die, disks that are full or read-only, files that are broken."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time

import pytest

from bpfman.errors import StoreError
from bpfman.store.database import Store
from bpfman.store.layout import Layout, create
from bpfman.store.lock import Lock, WriterLock
from tests.store.values import PLAIN, program

WRITE = """
import sys
from bpfman.store.database import Store
from bpfman.store.layout import Layout
from bpfman.store.lock import WriterLock
from tests.store.values import program, tracepoint_link
layout, number = Layout(sys.argv[1]), int(sys.argv[2])
sys.stdin.readline()
for half in (0, 1):
    with WriterLock(layout.lock) as lock, Store.open(layout, write=True) as store:
        with store.writing(lock) as tx:
            own = number * 2 + half
            tx.add_program(program(own), ())
            tx.finish_program(own)
            tx.add_link(tracepoint_link(tx.new_link_id(), own))
    with Store.open(layout) as store:
        assert store.program(own).program_id == own
"""

HANG_IN_A_CHANGE = """
import sys
from bpfman.store.database import Store
from bpfman.store.layout import Layout
from bpfman.store.lock import WriterLock
from tests.store.values import program
layout = Layout(sys.argv[1])
with WriterLock(layout.lock) as lock, Store.open(layout, write=True) as store, store.writing(lock) as tx:
    tx.mark_unloading(1)
    for number in range(2, 400):
        tx.add_program(program(number, metadata={"fill": "x" * 9000}), ())
    print("in the middle", flush=True)
    sys.stdin.read()
"""

WRITE_ON_AND_ON = """
import sys
from bpfman.store.database import Store
from bpfman.store.layout import Layout
from bpfman.store.lock import WriterLock
from tests.store.values import program
layout = Layout(sys.argv[1])
with WriterLock(layout.lock) as lock, Store.open(layout, write=True) as store:
    for number in range(1, 100_000):
        with store.writing(lock) as tx:
            tx.add_program(program(number), ())
            tx.finish_program(number)
        print(number, flush=True)
"""


def load(store, lock, *records):
    with store.writing(lock) as tx:
        for record in records:
            tx.add_program(record, ())
            tx.finish_program(record.program_id)


def test_of_32_writers_at_once_none_is_lost(layout, python):
    writers = [python(WRITE, layout.runtime_dir, number) for number in range(1, 33)]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 32
    with Store.open(layout) as store:
        assert [record.program_id for record in store.programs()] == list(range(2, 66))
        attaching = store.unfinished().attaching
    assert [link.id for link in attaching] == list(range(1, 65))
    assert sorted(link.program_id for link in attaching) == list(range(2, 66))


def test_a_writer_killed_in_the_middle_leaves_the_old_state_and_no_lock(layout, store, python):
    with WriterLock(layout.lock, timeout=10) as lock:
        load(store, lock, PLAIN)
    store.close()
    writer = python(HANG_IN_A_CHANGE, layout.runtime_dir)
    assert writer.stdout.readline() == "in the middle\n"
    writer.send_signal(signal.SIGKILL)
    assert writer.wait() == -signal.SIGKILL
    with WriterLock(layout.lock, timeout=10) as lock:
        assert store.programs() == [PLAIN]
        assert not store.has_unfinished()
        load(store, lock, program(2))
    assert integrity(layout) == "ok"


@pytest.mark.parametrize("lines", [1, 7, 20])
def test_what_a_killed_writer_was_told_is_written_is_there(layout, store, python, lines):
    writer = python(WRITE_ON_AND_ON, layout.runtime_dir)
    told = [int(writer.stdout.readline()) for _ in range(lines)]
    writer.send_signal(signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().splitlines()]
    found = [record.program_id for record in store.programs()]
    assert found[: len(told)] == told
    assert len(found) <= len(told) + 1, "at most the one whose promise was cut off"
    assert integrity(layout) == "ok"


def integrity(layout):
    database = sqlite3.connect(layout.database)
    try:
        return database.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        database.close()


@pytest.fixture
def holder(layout, store, lock):
    """Somebody else's connection that holds the database's write lock."""
    load(store, lock, PLAIN)
    somebody = sqlite3.connect(layout.database, isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    yield somebody
    somebody.close()


def test_a_database_that_somebody_holds_is_an_error_after_all_retries(lock, store, holder, monkeypatch):
    monkeypatch.setenv("BPFMAN_SQLITE_BUSY_TIMEOUT", "1")
    monkeypatch.setenv("BPFMAN_SQLITE_TX_RETRY_BACKOFFS", "1,2ms")
    store.close()
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with pytest.raises(StoreError, match="database is locked") as caught, store.writing(lock):
        pass
    assert pauses == [0.001, 0.002]
    assert "sqlite3 shell" in caught.value.hint
    assert store.programs() == [PLAIN], "reading is not kept from it"


def test_a_database_that_somebody_lets_go_is_written(lock, store, holder, monkeypatch):
    monkeypatch.setenv("BPFMAN_SQLITE_BUSY_TIMEOUT", "1ms")
    store.close()
    pauses = []

    def let_go(pause):
        pauses.append(pause)
        if len(pauses) == 2:
            holder.rollback()

    monkeypatch.setattr(time, "sleep", let_go)
    load(store, lock, program(2))
    assert pauses == [0.05, 0.2]
    assert len(store.programs()) == 2


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"no database at all, " * 500, "file is not a database"),
        (lambda data: data[:4096] + b"\xff" * (len(data) - 4096), "database disk image is malformed"),
        (lambda data: data[:5000], "database disk image is malformed"),
    ],
    ids=["other", "garbage", "truncated"],
)
def test_a_broken_file_is_named_with_the_way_out(layout, lock, store, damage, reason):
    load(store, lock, PLAIN)
    store.close()
    with open(layout.database, "rb") as file:
        data = file.read()
    with open(layout.database, "wb") as file:
        file.write(damage(data))
    for attempt in (store.programs, lambda: load(store, lock, program(2))):
        with pytest.raises(StoreError, match=f"database {layout.database}: {reason}") as caught:
            attempt()
        assert f"move {layout.database_dir} away" in caught.value.hint
        store.close()


def test_a_directory_in_its_place_is_an_error(layout, lock, store):
    os.mkdir(layout.database)
    with pytest.raises(StoreError, match="unable to open database file"):
        store.programs()
    with pytest.raises(StoreError, match="Is a directory"), store.writing(lock):
        pass


@pytest.fixture
def small(tmpfs):
    """A runtime directory on a file system of 1 MiB, with one program in its store."""
    with tmpfs("size=1m") as path:
        layout = Layout(f"{path}/bpfman")
        create(layout)
        write(layout, PLAIN)
        yield layout


def write(layout, *records):
    with WriterLock(layout.lock, timeout=1) as lock, Store.open(layout, write=True) as store:
        load(store, lock, *records)


def read(layout):
    with Store.open(layout) as store:
        return store.programs()


@pytest.mark.kernel
def test_a_change_that_does_not_fit_changes_nothing(small):
    with pytest.raises(StoreError, match="database or disk is full") as caught:
        write(small, program(2, metadata={"large": "x" * 2_000_000}))
    assert "free some space" in caught.value.hint
    assert read(small) == [PLAIN]
    write(small, program(3))
    assert len(read(small)) == 2


def fill_up(path):
    """Leaves not a page free on the file system of a new file."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


@pytest.mark.kernel
def test_a_full_disk_is_an_error_that_says_so_until_there_is_room(small):
    filler = f"{small.runtime_dir}/filler"
    fill_up(filler)
    for attempt in (lambda: write(small, program(2)), lambda: read(small)):
        with pytest.raises(StoreError, match=r"no space left|disk is full") as caught:
            attempt()
        assert "free some space" in caught.value.hint
    os.unlink(filler)
    write(small, program(2))
    assert len(read(small)) == 2


@pytest.mark.kernel
@pytest.mark.parametrize("readers_before", [0, 1], ids=["no -wal", "-wal left by a reader"])
def test_a_read_only_file_system_is_read_and_not_written(small, readers_before):
    for _ in range(readers_before):
        read(small)
    mount = os.path.dirname(small.runtime_dir)
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
    assert read(small) == [PLAIN]
    with pytest.raises(StoreError, match="Read-only file system") as caught:
        write(small, program(2))
    assert "remount" in caught.value.hint
    with Store.open(small, write=True) as store, pytest.raises(StoreError, match="Read-only file system"):
        load(store, Lock(small.lock), program(2))
    subprocess.run(["mount", "-o", "remount,rw", mount], check=True)
    write(small, program(2))
    assert len(read(small)) == 2
