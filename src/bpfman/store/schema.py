# SPDX-License-Identifier: Apache-2.0
"""The tables, as numbered migrations: `PRAGMA user_version` says how many of them a database has seen.

Called by `database` when it opens one.  A migration, once released, never changes; a new one is added at the end.
Nothing newer than SQLite 3.24 is used, and no JSON: importing it would cost each command a few milliseconds.

`state` says how far a change has come: the row is written before the kernel is touched, and finished after.  What
belongs to a row goes with it (ON DELETE CASCADE), but a program cannot go while it has links.
"""

from __future__ import annotations

from bpfman.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.store.connection import Connection

APPLICATION_ID = 0x6270666D  # "bpfm": tells our databases from others' of the same name

_BASELINE = (
    """CREATE TABLE programs (
        id INTEGER PRIMARY KEY,
        state TEXT NOT NULL CHECK (state IN ('loading', 'loaded', 'unloading')),
        type TEXT NOT NULL,
        name TEXT NOT NULL,
        attach_func TEXT,
        object_path TEXT NOT NULL,
        source_path TEXT,
        image_url TEXT,
        image_digest TEXT,
        image_pull_policy TEXT,
        license TEXT NOT NULL,
        gpl_compatible INTEGER NOT NULL,
        map_owner_id INTEGER,
        map_set_id INTEGER NOT NULL,
        pin_path TEXT NOT NULL,
        map_pin_path TEXT NOT NULL,
        owner TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        tag TEXT NOT NULL,
        load_time INTEGER NOT NULL,
        frags INTEGER NOT NULL)""",
    # A map set outlives the program it is named after: map_set_id refers to no row.
    "CREATE INDEX programs_of_map_set ON programs (map_set_id)",
    "CREATE INDEX programs_unfinished ON programs (state) WHERE state <> 'loaded'",
    """CREATE TABLE program_metadata (
        program_id INTEGER NOT NULL REFERENCES programs ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (program_id, key)) WITHOUT ROWID""",
    """CREATE TABLE program_globals (
        program_id INTEGER NOT NULL REFERENCES programs ON DELETE CASCADE,
        name TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (program_id, name)) WITHOUT ROWID""",
    """CREATE TABLE program_maps (
        program_id INTEGER NOT NULL REFERENCES programs ON DELETE CASCADE,
        ordinal INTEGER NOT NULL,
        map_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        internal INTEGER NOT NULL,
        shared INTEGER NOT NULL,
        PRIMARY KEY (program_id, ordinal)) WITHOUT ROWID""",
    """CREATE TABLE program_code (
        program_id INTEGER PRIMARY KEY REFERENCES programs ON DELETE CASCADE,
        instructions BLOB NOT NULL,
        local_types INTEGER NOT NULL,
        modules INTEGER NOT NULL)""",
    """CREATE TABLE program_code_maps (
        program_id INTEGER NOT NULL REFERENCES program_code ON DELETE CASCADE,
        instruction INTEGER NOT NULL,
        map_id INTEGER NOT NULL,
        PRIMARY KEY (program_id, instruction)) WITHOUT ROWID""",
    """CREATE TABLE shared_maps (
        name TEXT NOT NULL,
        program_id INTEGER NOT NULL REFERENCES programs ON DELETE CASCADE,
        PRIMARY KEY (name, program_id)) WITHOUT ROWID""",
    "CREATE INDEX shared_maps_of_program ON shared_maps (program_id)",
    """CREATE TABLE links (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        program_id INTEGER NOT NULL REFERENCES programs,
        state TEXT NOT NULL CHECK (state IN ('attaching', 'attached', 'detaching')),
        kind TEXT NOT NULL,
        kernel_link_id INTEGER,
        pin_path TEXT,
        created_at INTEGER NOT NULL,
        has_metadata INTEGER NOT NULL)""",
    # Ids are taken from here before the row is written, so that the path of the pin is known first.
    "INSERT INTO sqlite_sequence (name, seq) VALUES ('links', 0)",
    "CREATE INDEX links_of_program ON links (program_id)",
    "CREATE INDEX links_unfinished ON links (state) WHERE state <> 'attached'",
    """CREATE TABLE link_metadata (
        link_id INTEGER NOT NULL REFERENCES links ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (link_id, key)) WITHOUT ROWID""",
    # TCX has no position of its own (its rank is counted), no proceed-on and no slot.
    """CREATE TABLE network_links (
        link_id INTEGER PRIMARY KEY REFERENCES links ON DELETE CASCADE,
        type TEXT NOT NULL,
        nsid INTEGER NOT NULL,
        ifindex INTEGER NOT NULL,
        interface TEXT NOT NULL,
        netns TEXT NOT NULL,
        priority INTEGER NOT NULL,
        position INTEGER,
        proceed_on INTEGER,
        slot INTEGER)""",
    "CREATE INDEX network_links_of_hook ON network_links (type, nsid, ifindex, priority, link_id)",
    # Where links of all other kinds go, by the names of their targets' fields: text or integers.
    """CREATE TABLE link_details (
        link_id INTEGER NOT NULL REFERENCES links ON DELETE CASCADE,
        name TEXT NOT NULL,
        value NOT NULL,
        PRIMARY KEY (link_id, name)) WITHOUT ROWID""",
    """CREATE TABLE chains (
        type TEXT NOT NULL,
        nsid INTEGER NOT NULL,
        ifindex INTEGER NOT NULL,
        interface TEXT NOT NULL,
        netns TEXT NOT NULL,
        revision INTEGER NOT NULL,
        program_id INTEGER NOT NULL,
        kernel_link_id INTEGER,
        filter_handle INTEGER,
        accounting INTEGER NOT NULL,
        mode TEXT NOT NULL,
        cookie INTEGER NOT NULL,
        clsact_created INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('switching', 'steady')),
        PRIMARY KEY (type, nsid, ifindex)) WITHOUT ROWID""",
    "CREATE INDEX chains_unfinished ON chains (state) WHERE state <> 'steady'",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_BASELINE,)


def version_of(connection: Connection, path: str) -> int:
    """How many migrations the database has seen; 0 for one that is still empty.

    Also a transaction's first look at the database, so it waits while that is busy.  StoreError for a database that
    is not ours or that a newer bpfman made."""
    version, application = connection.patiently(
        "SELECT user_version, application_id FROM pragma_user_version, pragma_application_id"
    )[0]
    if application != APPLICATION_ID and (version or connection.rows("SELECT 1 FROM sqlite_master LIMIT 1")):
        raise StoreError(
            f"database {path} was not made by this bpfman",
            "unload its programs with the tool that made it and move the file away, or choose another directory "
            "with --runtime-dir",
        )
    if version > len(MIGRATIONS):
        raise StoreError(
            f"database {path} has version {version}, this bpfman knows versions up to {len(MIGRATIONS)}",
            "a newer bpfman made it: use that one",
        )
    return int(version)


def migrate(connection: Connection, path: str) -> None:
    """Brings the database to the newest version, in one transaction.

    SQLite's own write lock is enough, since nothing but the database is touched: readers may come here too."""
    connection.patiently("BEGIN IMMEDIATE")
    try:
        for number in range(version_of(connection, path), len(MIGRATIONS)):
            for statement in MIGRATIONS[number]:
                connection.run(statement)
            connection.run(f"PRAGMA user_version = {number + 1}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
