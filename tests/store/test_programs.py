# SPDX-License-Identifier: Apache-2.0
"""What is stored of programs comes back as it was, and only when it is finished."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpfman.errors import Conflict, InvalidRequest, ProgramNotFound, StoreError
from bpfman.model.code import MapReference, ProgramCode, ProgramMap
from tests.store.values import FULL, PLAIN, program, xdp_link

MAPS = (ProgramMap(9, ".rodata", True, False), ProgramMap(4, "counters", False, True))


def load(store, lock, *records, maps=(), code=None):
    with store.writing(lock) as tx:
        for record in records:
            tx.add_program(record, maps, code)
            tx.finish_program(record.program_id)


@pytest.mark.parametrize("record", [PLAIN, FULL], ids=["plain", "full"])
def test_a_record_comes_back_as_it_was(store, lock, record):
    load(store, lock, record)
    assert store.program(record.program_id) == record
    assert store.find_program(record.program_id) == record
    assert store.programs() == [record]


def test_where_all_are_pinned_is_told_at_once(store, lock):
    assert store.program_pins() == []
    load(store, lock, FULL, PLAIN)
    with store.writing(lock) as tx:
        tx.add_program(program(99), ())  # not finished
    assert store.program_pins() == sorted((each.program_id, each.pin_path) for each in (FULL, PLAIN))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(
    st.dictionaries(st.text(), st.text(), max_size=4),
    st.dictionaries(st.text(), st.binary(), max_size=4),
    st.integers(min_value=0, max_value=2**63 - 1),
)
def test_whatever_text_and_bytes_it_holds(store, lock, metadata, variables, load_time):
    try:
        record = PLAIN._replace(metadata=metadata, globals=variables, load_time=load_time)
        load(store, lock, record)
        assert store.program(1) == record
    finally:
        with store.writing(lock) as tx:
            tx.remove_program(1)


def test_each_program_has_its_own_metadata_and_globals(store, lock):
    records = [program(3, metadata={"a": "3"}), program(1, globals={"g": b"1"}), program(2)]
    load(store, lock, *records)
    assert store.programs() == sorted(records)


def test_a_program_is_shown_from_finish_to_unloading(store, lock):
    with store.writing(lock) as tx:
        tx.add_program(PLAIN, ())
    assert store.programs() == []
    assert store.find_program(1) is None
    assert store.unfinished().loading == (PLAIN,)
    with store.writing(lock) as tx:
        tx.finish_program(1)
    assert store.programs() == [PLAIN]
    assert not store.has_unfinished()
    with store.writing(lock) as tx:
        tx.mark_unloading(1)
    assert store.programs() == []
    assert store.unfinished().unloading == (PLAIN,)
    assert store.has_unfinished()
    with store.writing(lock) as tx:
        tx.finish_program(1)
    assert store.programs() == [PLAIN], "an unload that was given up"


@pytest.mark.parametrize("program_id", [1, 0, -1, 2**63, 10**30])
def test_an_unknown_program_is_not_found(store, lock, program_id):
    load(store, lock, program(2))
    assert store.find_program(program_id) is None
    with pytest.raises(ProgramNotFound, match=f"program {program_id} does not exist"):
        store.program(program_id)


@pytest.mark.parametrize("change", ["finish_program", "mark_unloading", "remove_program"])
def test_changing_an_unknown_program_is_an_error(store, lock, change):
    with pytest.raises(ProgramNotFound), store.writing(lock) as tx:
        getattr(tx, change)(5)


def test_maps_come_back_in_order(store, lock):
    load(store, lock, program(1), maps=MAPS)
    load(store, lock, program(2))
    assert store.program_maps(1) == MAPS
    assert store.program_maps(2) == ()


def test_programs_are_found_by_the_name_of_a_map(store, lock):
    load(store, lock, program(1), maps=MAPS)
    load(store, lock, program(2))
    load(store, lock, program(3), maps=MAPS[:1])
    assert [each.program_id for each in store.programs_with_map(MAPS[0].name)] == [1, 3]
    assert store.programs_with_map("no_such") == []
    with store.writing(lock) as tx:
        tx.mark_unloading(1)
    assert [each.program_id for each in store.programs_with_map(MAPS[0].name)] == [3]


@pytest.mark.parametrize(
    "code",
    [
        ProgramCode(bytes(range(256)) * 1000, (MapReference(2, 9), MapReference(31_999, 4)), True, False),
        ProgramCode(b"\x95" + bytes(7), (), False, True),
    ],
)
def test_code_comes_back_byte_for_byte(store, lock, code):
    load(store, lock, PLAIN, code=code)
    assert store.program_code(1) == code


def test_a_program_without_code_says_so(store, lock):
    load(store, lock, PLAIN)
    with pytest.raises(StoreError, match="instructions of program 1"):
        store.program_code(1)


def test_the_users_of_a_map_set_are_its_owner_and_those_who_share_it(store, lock):
    load(store, lock, program(5), program(9, map_owner_id=5), program(7, map_owner_id=5), program(6))
    assert store.map_users(5) == (5, 7, 9)
    assert store.map_users(6) == (6,)
    assert store.map_users(7) == ()
    with store.writing(lock) as tx:
        tx.remove_program(5)
    assert store.map_users(5) == (7, 9), "a map set outlives its owner"


def test_the_users_of_a_shared_map_are_counted(store, lock):
    load(store, lock, program(1), program(2), program(3))
    with store.writing(lock) as tx:
        for program_id in (2, 1, 2):
            tx.add_shared_map("counters", program_id)
        tx.add_shared_map("others", 3)
    assert store.shared_map_users("counters") == (1, 2)
    with store.writing(lock) as tx:
        tx.remove_program(1)
    assert store.shared_map_users("counters") == (2,)
    assert store.shared_map_users("unknown") == ()


def test_removing_a_program_removes_all_that_belongs_to_it(store, lock, layout):
    load(store, lock, FULL, maps=MAPS, code=ProgramCode(bytes(8), (MapReference(0, 1),)))
    with store.writing(lock) as tx:
        tx.add_shared_map("counters", FULL.program_id)
        tx.remove_program(FULL.program_id)
    tables = [row[0] for row in rows(layout, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert len(tables) > 5
    left = {table for table in tables if rows(layout, f"SELECT 1 FROM {table}")}
    assert left == {"sqlite_sequence"}


def rows(layout, query):
    import sqlite3

    connection = sqlite3.connect(layout.database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_program_with_links_is_not_removed(store, lock):
    load(store, lock, PLAIN)
    with store.writing(lock) as tx:
        tx.add_link(xdp_link(tx.new_link_id()))
    with pytest.raises(Conflict, match="program 1 still has links: 1"), store.writing(lock) as tx:
        tx.remove_program(1)
    assert store.programs() == [PLAIN]


def test_an_id_cannot_be_stored_twice(store, lock):
    load(store, lock, PLAIN)
    with pytest.raises(Conflict, match="program 1 already"):
        load(store, lock, program(1))
    assert store.programs() == [PLAIN]


def test_a_path_that_is_not_utf8_is_refused(store, lock):
    with pytest.raises(InvalidRequest, match="not valid UTF-8"):
        load(store, lock, PLAIN._replace(source_path="caf\udce9.o"))
    assert store.programs() == []
