# SPDX-License-Identifier: Apache-2.0
"""A database is brought up to date, or refused: newer ones, others' ones."""

from __future__ import annotations

import os
import sqlite3

import pytest

from bpfman.errors import StoreError
from bpfman.store import database, schema
from bpfman.store.database import Store
from tests.store.values import PLAIN

NEXT = ("ALTER TABLE chains ADD COLUMN note TEXT NOT NULL DEFAULT ''",)


def change(layout, *statements):
    connection = sqlite3.connect(layout.database)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def value(layout, query):
    connection = sqlite3.connect(layout.database)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


@pytest.fixture
def stored(store, lock):
    with store.writing(lock) as tx:
        tx.add_program(PLAIN, ())
        tx.finish_program(1)
    store.close()


def test_a_new_database_is_ours_current_private_and_in_wal_mode(layout, stored):
    assert value(layout, "PRAGMA user_version") == len(schema.MIGRATIONS)
    assert value(layout, "PRAGMA application_id") == schema.APPLICATION_ID
    assert value(layout, "PRAGMA journal_mode") == "wal"
    assert os.stat(layout.database).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("write", [False, True])
def test_a_newer_database_is_refused(layout, lock, stored, write):
    newer = len(schema.MIGRATIONS) + 1
    change(layout, f"PRAGMA user_version = {newer}")
    with Store.open(layout, write=write) as store:
        with pytest.raises(StoreError, match=f"has version {newer}, .* up to {newer - 1}") as caught:
            store.programs()
        if write:
            with pytest.raises(StoreError, match=f"has version {newer}"), store.writing(lock):
                pass
    assert "newer bpfman" in caught.value.hint


@pytest.mark.parametrize("version", [0, 1])
def test_a_database_of_another_program_is_refused_and_left_alone(layout, lock, version):
    change(layout, "CREATE TABLE managed_programs (id INTEGER)", f"PRAGMA user_version = {version}")
    with Store.open(layout, write=True) as store:
        with pytest.raises(StoreError, match="was not made by this bpfman"):
            store.programs()
        with pytest.raises(StoreError, match="was not made by this bpfman"), store.writing(lock):
            pass
    assert value(layout, "SELECT COUNT(*) FROM sqlite_master") == 1
    assert value(layout, "PRAGMA journal_mode") == "delete"


@pytest.mark.parametrize("write", [False, True])
def test_an_older_database_is_brought_up_to_date_by_whoever_comes_first(layout, stored, monkeypatch, write):
    newest = (*schema.MIGRATIONS, NEXT)
    monkeypatch.setattr(schema, "MIGRATIONS", newest)
    monkeypatch.setattr(database, "MIGRATIONS", newest)
    with Store.open(layout, write=write) as store:
        assert store.programs() == [PLAIN]
    assert value(layout, "PRAGMA user_version") == len(newest)
    assert value(layout, "SELECT COUNT(*) FROM pragma_table_info('chains') WHERE name = 'note'") == 1


def test_a_migration_that_fails_changes_nothing(layout, stored, monkeypatch):
    newest = (*schema.MIGRATIONS, (*NEXT, "no SQL at all"))
    monkeypatch.setattr(schema, "MIGRATIONS", newest)
    monkeypatch.setattr(database, "MIGRATIONS", newest)
    with Store.open(layout, write=True) as store, pytest.raises(StoreError, match="syntax error"):
        store.programs()
    assert value(layout, "PRAGMA user_version") == len(newest) - 1
    assert value(layout, "SELECT COUNT(*) FROM pragma_table_info('chains') WHERE name = 'note'") == 0


def test_an_open_store_sees_that_a_newer_bpfman_came(layout, stored):
    with Store.open(layout) as store:
        assert store.programs() == [PLAIN]
        change(layout, f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
        with pytest.raises(StoreError, match="has version"):
            store.programs()
