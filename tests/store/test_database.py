# SPDX-License-Identifier: Apache-2.0
"""Snapshots and changes: who sees what, what is undone, and how much a read costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bpfman.errors import InvalidRequest, StoreError
from bpfman.store.connection import Connection
from bpfman.store.database import Store, Unfinished
from bpfman.store.layout import Layout
from bpfman.store.lock import Lock
from tests.store.values import PLAIN, XDP_HOOK, program, tracepoint_link


def load(store, lock, *records):
    with store.writing(lock) as tx:
        for record in records:
            tx.add_program(record, ())
            tx.finish_program(record.program_id)


@pytest.mark.parametrize("write", [False, True])
def test_without_a_database_everything_is_empty_and_nothing_is_made(tmp_path, write):
    with Store.open(Layout(str(tmp_path / "none")), write=write) as store, store.snapshot():
        assert store.programs() == []
        assert store.find_program(1) is None
        assert store.program_maps(1) == ()
        assert store.map_users(1) == ()
        assert store.links() == []
        assert store.find_link(1) is None
        assert store.tcx_links(XDP_HOOK) == []
        assert store.chains() == []
        assert store.members(XDP_HOOK) == ()
        assert store.shared_map_users("x") == ()
        assert store.unfinished() == Unfinished()
        assert not store.has_unfinished()
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_still_empty_reads_as_empty(layout):
    """What a crash leaves that came between making the file and filling it."""
    with open(layout.database, "w"):
        pass
    with Store.open(layout) as store:
        assert store.programs() == []


def test_a_store_opened_before_the_database_sees_what_comes(layout, lock, store):
    with Store.open(layout) as reader:
        assert reader.programs() == []
        load(store, lock, PLAIN)
        assert reader.programs() == [PLAIN]


def test_a_path_may_have_any_characters(tmp_path, lock):
    from bpfman.store.layout import create

    layout = Layout(f"{tmp_path}/50%?#&=ä rt")
    create(layout)
    with Store.open(layout, write=True) as store:
        load(store, Lock(layout.lock), PLAIN)
        assert store.programs() == [PLAIN]
    assert os.path.exists(layout.database)


def test_a_snapshot_does_not_see_what_is_written_meanwhile(layout, lock, store):
    load(store, lock, PLAIN)
    with Store.open(layout) as reader:
        with reader.snapshot():
            assert reader.programs() == [PLAIN]
            load(store, lock, program(2))
            assert reader.programs() == [PLAIN]
            assert reader.find_program(2) is None
        assert len(reader.programs()) == 2


def test_a_reader_sees_the_old_state_during_a_change_and_does_not_wait(layout, lock, store, monkeypatch):
    load(store, lock, PLAIN)
    monkeypatch.setenv("BPFMAN_SQLITE_BUSY_TIMEOUT", "0")  # whatever is busy now is an error at once
    with Store.open(layout) as reader, store.writing(lock) as tx:
        for number in range(2, 300):
            tx.add_program(program(number, metadata={"fill": "x" * 5000}), ())
            tx.finish_program(number)
        assert reader.programs() == [PLAIN]


def test_a_change_sees_itself(lock, store):
    with store.writing(lock) as tx:
        tx.add_program(PLAIN, ())
        assert store.unfinished().loading == (PLAIN,)
        tx.finish_program(1)
        with store.snapshot():
            assert store.programs() == [PLAIN]
        assert store.programs() == [PLAIN]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_undoes_the_whole_change(lock, store, error):
    load(store, lock, PLAIN)

    def change_half():
        with store.writing(lock) as tx:
            tx.mark_unloading(1)
            tx.add_program(program(2), ())
            raise error

    with pytest.raises(error):
        change_half()
    assert store.programs() == [PLAIN]
    assert not store.has_unfinished()


def test_a_change_needs_the_lock_of_this_directory_held_and_a_store_that_may_write(layout, lock, store):
    released = Lock(layout.lock)
    released.held = False
    for wrong in (released, Lock("/elsewhere/.lock")):
        with pytest.raises(ValueError, match="needs the held lock"):
            store.writing(wrong)
    with Store.open(layout) as reader, pytest.raises(ValueError, match="may write"):
        reader.writing(lock)


def test_changes_do_not_nest(lock, store):
    with store.writing(lock), pytest.raises(ValueError, match="inside"), store.writing(lock):
        pass
    with store.snapshot(), pytest.raises(ValueError, match="inside"), store.writing(lock):
        pass
    load(store, lock, PLAIN)
    assert store.programs() == [PLAIN]


def test_a_closed_store_can_be_used_again(lock, store):
    load(store, lock, PLAIN)
    store.close()
    store.close()
    assert store.programs() == [PLAIN]


@pytest.mark.parametrize("variable", ["BPFMAN_SQLITE_BUSY_TIMEOUT", "BPFMAN_SQLITE_TX_RETRY_BACKOFFS"])
def test_a_setting_that_is_no_duration_is_named(lock, store, monkeypatch, variable):
    monkeypatch.setenv(variable, "soon")
    with pytest.raises(InvalidRequest, match=f'{variable}: invalid duration "soon"'):
        load(store, lock, PLAIN)


def steps(read, store):
    """How many instructions SQLite runs for a read: the same work for the same number, on any machine."""
    count = 0

    def tick():
        nonlocal count
        count += 1

    store.programs()  # opens the database
    store._connection._sqlite.set_progress_handler(tick, 1)
    read(store)
    store._connection._sqlite.set_progress_handler(None, 1)
    return count


READS = {
    "program": lambda store: store.program(1),
    "maps": lambda store: store.program_maps(1),
    "map users": lambda store: store.map_users(1),
    "shared map users": lambda store: store.shared_map_users("map_1"),
    "link": lambda store: store.link(1),
    "links of a program": lambda store: store.links(1),
    "chain": lambda store: store.chain(XDP_HOOK),
    "members": lambda store: store.members(XDP_HOOK),
    "unfinished": lambda store: store.has_unfinished(),
}


def test_a_read_of_one_costs_the_same_among_a_thousand(lock, store):
    def fill(numbers):
        with store.writing(lock) as tx:
            for number in numbers:
                tx.add_program(program(number, metadata={"k": "v"}, globals={"g": b"1"}), ())
                tx.finish_program(number)
                tx.add_shared_map(f"map_{number}", number)
                tx.add_link(tracepoint_link(tx.new_link_id(), program_id=number, metadata={"k": "v"}))
                tx.finish_link(number, None)

    fill([1])
    alone = {name: steps(read, store) for name, read in READS.items()}
    fill(range(2, 1001))
    among = {name: steps(read, store) for name, read in READS.items()}
    # An automatic choice of the planner may cost a step or two; a scan of the table costs thousands.
    assert {name: count for name, count in among.items() if count > alone[name] + 20} == {}
    assert all(alone.values())


def test_reading_imports_nothing_slow():
    slow = {
        "sqlite3.dbapi2",
        "datetime",
        "json",
        "typing",
        "dataclasses",
        "re",
        "pathlib",
        "tempfile",
        "shutil",
        "contextlib",
    }
    code = (
        "import sys; before = set(sys.modules)\n"
        "import bpfman.store.database, bpfman.store.layout, bpfman.store.lock, bpfman.store.bytecode\n"
        "print(*set(sys.modules) - before)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert slow & set(result.stdout.split()) == set()


def test_a_statement_that_fails_is_a_store_error(layout, lock, store):
    load(store, lock, PLAIN)
    connection = Connection(layout.database, write=False)
    with pytest.raises(StoreError, match="no such table: none"):
        connection.rows("SELECT * FROM none")
    with pytest.raises(StoreError, match="readonly database"):
        connection.run("DELETE FROM programs")
    connection.close()
