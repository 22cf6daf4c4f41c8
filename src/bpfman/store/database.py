# SPDX-License-Identifier: Apache-2.0
"""The store: everything bpfman remembers, read without a lock and changed under it.

Called by the manager, one store a thread.  A database that does not exist reads as an empty one and is made by the
first change.  Nothing here knows what is true in the kernel.

A row is written before the kernel is touched and finished after.  Reads show finished rows only; `unfinished` shows
the others, which recovery brings to an end.
"""

from __future__ import annotations

import os

from bpfman.errors import LinkNotFound, ProgramNotFound
from bpfman.model.link import TcxDetails
from bpfman.model.value import NamedTuple
from bpfman.store import chains, links, programs
from bpfman.store.connection import Connection, nothing
from bpfman.store.failures import cannot
from bpfman.store.schema import MIGRATIONS, migrate, version_of
from bpfman.store.transaction import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from bpfman.model.chain import ChainRecord, Member
    from bpfman.model.code import ProgramCode, ProgramMap
    from bpfman.model.hook import Hook
    from bpfman.model.link import LinkRecord
    from bpfman.model.program import ProgramRecord
    from bpfman.store.connection import Rows
    from bpfman.store.layout import Layout
    from bpfman.store.lock import Lock

_DATABASE_MODE = 0o600  # globals and metadata are nobody else's business


class Unfinished(NamedTuple):
    """Rows of changes that are under way or were cut short, ascending by id.  Who holds the writer lock knows that
    it is the latter."""

    loading: tuple[ProgramRecord, ...] = ()
    unloading: tuple[ProgramRecord, ...] = ()
    attaching: tuple[LinkRecord, ...] = ()
    detaching: tuple[LinkRecord, ...] = ()


class Store:
    """The database of a runtime directory.  Used in `with`, or closed with `close`; opening costs so little that
    each command, and each request to a daemon, has its own.

    Each reading method sees one consistent state; several do inside `with store.snapshot():`.  All of them raise
    StoreError where the database cannot be read."""

    def __init__(self, layout: Layout, *, write: bool) -> None:
        self._layout = layout
        self._write = write
        self._connection: Connection | None = None
        self._rows: Rows = nothing
        self._depth = 0  # how many snapshots, or one change, are open

    @classmethod
    def open(cls, layout: Layout, *, write: bool = False) -> Store:
        """A store; the file is opened when it is first needed.  Without `write` nothing can be changed."""
        return cls(layout, write=write)

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Transactions

    def snapshot(self) -> _Snapshot:
        """`with store.snapshot():` all reads inside see the state at its beginning, whatever is written meanwhile."""
        return _Snapshot(self)

    def writing(self, lock: Lock) -> _Change:
        """`with store.writing(lock) as tx:` one change: written to the disk at the end, undone by an exception.

        Makes the database where there is none.  `lock` is the held writer lock of this runtime directory."""
        if not (self._write and lock.held and lock.path == self._layout.lock):
            raise ValueError(f"a change needs the held lock {self._layout.lock} and a store that may write")
        return _Change(self)

    def _begin_reading(self) -> None:
        if self._depth == 0:
            self._rows = self._snapshot_rows()
        self._depth += 1

    def _end_reading(self) -> None:
        self._depth -= 1
        if self._depth == 0 and self._connection is not None:
            self._connection.rollback()

    def _snapshot_rows(self) -> Rows:
        """Begins a transaction, if there is a database to read."""
        path = self._layout.database
        if self._connection is None:
            if not os.path.exists(path):
                return nothing
            self._connection = Connection(path, write=self._write)
        self._connection.run("BEGIN")
        try:
            version = version_of(self._connection, path)
            if 0 < version < len(MIGRATIONS):
                self._connection.rollback()
                self._migrate()
                self._connection.run("BEGIN")
        except BaseException:
            self._connection.rollback()
            raise
        return self._connection.rows if version else nothing

    def _migrate(self) -> None:
        """Brings an older database up to date, with a connection of its own: ours may only read."""
        connection = Connection(self._layout.database, write=True)
        try:
            migrate(connection, self._layout.database)
        finally:
            connection.close()

    def _begin_writing(self) -> Transaction:
        if self._depth:
            raise ValueError("a change cannot begin inside a snapshot or another change")
        if self._connection is None:
            _make_file(self._layout.database)
            self._connection = Connection(self._layout.database, write=True)
        connection, path = self._connection, self._layout.database
        connection.patiently("BEGIN IMMEDIATE")
        try:
            if version_of(connection, path) < len(MIGRATIONS):
                connection.rollback()
                connection.patiently(
                    "PRAGMA journal_mode = WAL"
                )  # kept in the file; readers never wait in it
                migrate(connection, path)
                connection.patiently("BEGIN IMMEDIATE")
        except BaseException:
            connection.rollback()
            raise
        self._rows = connection.rows
        self._depth = 1
        return Transaction(connection)

    def _end_writing(self, failed: bool) -> None:
        self._depth = 0
        assert self._connection is not None
        if failed:
            self._connection.rollback()
        else:
            self._connection.commit()

    # Programs

    def programs(self) -> list[ProgramRecord]:
        """All programs, by id."""
        with self.snapshot():
            return programs.select(self._rows, "state = 'loaded'")

    def program_pins(self) -> list[tuple[int, str]]:
        """The ids of all programs, ascending, and where each is pinned: what can be had of a thousand at once."""
        with self.snapshot():
            return [
                (program_id, path)
                for program_id, path in self._rows(
                    "SELECT id, pin_path FROM programs WHERE state = 'loaded' ORDER BY id", ()
                )
            ]

    def find_program(self, program_id: int) -> ProgramRecord | None:
        """The program with that id, or None."""
        with self.snapshot():
            found = programs.select(self._rows, "state = 'loaded' AND id = ?", (program_id,))
        return found[0] if found else None

    def program(self, program_id: int) -> ProgramRecord:
        """The program with that id, or ProgramNotFound."""
        record = self.find_program(program_id)
        if record is None:
            raise ProgramNotFound(program_id)
        return record

    def program_maps(self, program_id: int) -> tuple[ProgramMap, ...]:
        """The maps that a program, finished or not, was loaded with, in the order they were given in."""
        with self.snapshot():
            return programs.select_maps(self._rows, program_id)

    def programs_with_map(self, name: str) -> list[ProgramRecord]:
        """The programs that were loaded with a map of that name, ascending by id."""
        with self.snapshot():
            ids = self._ids(
                "SELECT DISTINCT id FROM programs JOIN program_maps ON program_id = id "
                "WHERE program_maps.name = ? AND state = 'loaded' ORDER BY id",
                name,
            )
            return [self.program(each) for each in ids]

    def program_code(self, program_id: int) -> ProgramCode:
        """The instructions of a program, finished or not, map references by instruction; StoreError without any."""
        with self.snapshot():
            return programs.select_code(self._rows, program_id)

    def map_users(self, map_set_id: int) -> tuple[int, ...]:
        """The ids of the programs that use a map set, its owner among them if it is still there."""
        return self._ids(
            "SELECT id FROM programs WHERE map_set_id = ? AND state = 'loaded' ORDER BY id", map_set_id
        )

    def shared_map_users(self, name: str) -> tuple[int, ...]:
        """The ids of the programs that use a LIBBPF_PIN_BY_NAME map."""
        return self._ids(
            "SELECT program_id FROM shared_maps JOIN programs ON programs.id = program_id "
            "WHERE shared_maps.name = ? AND state = 'loaded' ORDER BY program_id",
            name,
        )

    def _ids(self, query: str, parameter: object) -> tuple[int, ...]:
        with self.snapshot():
            return tuple(row[0] for row in self._rows(query, (parameter,)))

    # Links

    def links(self, program_id: int | None = None) -> list[LinkRecord]:
        """All links, or those of one program, by id."""
        with self.snapshot():
            if program_id is None:
                return links.select(self._rows, "l.state = 'attached'")
            return links.select(self._rows, "l.state = 'attached' AND l.program_id = ?", (program_id,))

    def find_link(self, link_id: int) -> LinkRecord | None:
        """The link with that id, or None."""
        with self.snapshot():
            found = links.select(self._rows, "l.state = 'attached' AND l.id = ?", (link_id,))
        return found[0] if found else None

    def link(self, link_id: int) -> LinkRecord:
        """The link with that id, or LinkNotFound."""
        record = self.find_link(link_id)
        if record is None:
            raise LinkNotFound(link_id)
        return record

    def tcx_links(self, hook: Hook) -> list[LinkRecord]:
        """The links of a TCX hook or netkit device, in the order they run."""
        with self.snapshot():
            return sorted(links.select_at(self._rows, hook), key=_tcx_position)

    # Chains

    def chains(self) -> list[ChainRecord]:
        """All chains, by hook."""
        with self.snapshot():
            return chains.select(self._rows)

    def chain(self, hook: Hook) -> ChainRecord | None:
        """The chain of a hook, or None."""
        with self.snapshot():
            return chains.select_one(self._rows, hook)

    def members(self, hook: Hook) -> tuple[Member, ...]:
        """The members of a hook's chain, in position order."""
        with self.snapshot():
            return chains.select_members(self._rows, hook)

    def clsact_created(self, hook: Hook) -> bool:
        """Whether the chain's clsact qdisc is ours to remove."""
        with self.snapshot():
            return chains.clsact_created(self._rows, hook)

    def damage(self) -> list[str]:
        """What SQLite finds wrong with the database file; nothing, as a rule."""
        with self.snapshot():
            found = self._rows("SELECT quick_check FROM pragma_quick_check", ())
        return [row[0] for row in found if row[0] != "ok"]

    # Unfinished work

    def has_unfinished(self) -> bool:
        """Whether `unfinished` has anything to say; costs the same however much is stored."""
        with self.snapshot():
            return bool(
                self._rows(
                    "SELECT 1 WHERE EXISTS (SELECT 1 FROM programs WHERE state <> 'loaded') "
                    "OR EXISTS (SELECT 1 FROM links WHERE state <> 'attached') "
                    "OR EXISTS (SELECT 1 FROM chains WHERE state <> 'steady')",
                    (),
                )
            )

    def switching(self) -> list[ChainRecord]:
        """The chains whose hooks may run something else than their rows say, those that never ran among them."""
        with self.snapshot():
            return chains.select(self._rows, f"state = '{chains.SWITCHING}'")

    def unfinished(self) -> Unfinished:
        """The rows of changes that were begun and not finished."""
        with self.snapshot():
            return Unfinished(
                tuple(programs.select(self._rows, "state = 'loading'")),
                tuple(programs.select(self._rows, "state = 'unloading'")),
                tuple(links.select(self._rows, "l.state = 'attaching'")),
                tuple(links.select(self._rows, "l.state = 'detaching'")),
            )


class _Snapshot:
    """What `Store.snapshot` gives; snapshots inside a snapshot or a change see what that sees."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> None:
        self._store._begin_reading()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store._end_reading()


class _Change:
    """What `Store.writing` gives."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> Transaction:
        return self._store._begin_writing()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store._end_writing(failed=kind is not None)


def _tcx_position(record: LinkRecord) -> int:
    assert isinstance(record.details, TcxDetails)
    return record.details.position


def _make_file(path: str) -> None:
    """Makes an empty database file where there is none, readable by its owner only; SQLite keeps that for -wal."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _DATABASE_MODE))
    except OSError as error:
        raise cannot("open the database", path, error) from error
