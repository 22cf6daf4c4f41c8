# SPDX-License-Identifier: Apache-2.0
"""One SQLite connection: how it is opened, which errors it may raise, how long it waits.

Called by `database` and `schema`; the queries are in `programs`, `links` and `chains`, as functions of `Rows`.
sqlite3.Error stays in here: everything leaves as a StoreError that names the file, the reason and what to do.
"""

from __future__ import annotations

import errno
import os
import time

from bpfman.errors import InvalidRequest, StoreError
from bpfman.store.durations import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3 as sqlite
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Row = tuple[Any, ...]
    Rows = Callable[[str, Sequence[object]], list[Row]]  # a query and its parameters -> every row
else:
    try:
        import _sqlite3 as sqlite  # `sqlite3` is this and datetime, two milliseconds that no command needs
    except ImportError:
        import sqlite3 as sqlite

BUSY_TIMEOUT = "BPFMAN_SQLITE_BUSY_TIMEOUT"
BUSY_BACKOFFS = "BPFMAN_SQLITE_TX_RETRY_BACKOFFS"
_DEFAULT_TIMEOUT = "5s"
_DEFAULT_BACKOFFS = "50ms,200ms,800ms"

# Primary result codes, https://sqlite.org/rescode.html
_BUSY, _LOCKED, _PROTOCOL = 5, 6, 15
_READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 8, 10, 11, 13, 14, 26
_IOERR_SHMSIZE = 4874  # no room for the -shm file; SQLite calls it a "disk I/O error"

_START_ANEW = (
    "what is attached goes on running, but bpfman can no longer tell what it is: stop what uses it, move {folder} away "
    "(to {folder}.damaged), then `bpfman doctor` tells what is left, and `bpfman doctor --repair` ends it, for you to "
    "load and attach anew"
)
_HINTS = {
    _BUSY: "something else than bpfman holds it, such as an sqlite3 shell: let it go and try again",
    _LOCKED: "something else than bpfman holds it, such as an sqlite3 shell: let it go and try again",
    _PROTOCOL: "too many processes opened it at once: try again",
    _READONLY: "make {folder} and its file system writable",
    _IOERR: "the file system of {folder} failed, or is full: see the kernel's log (dmesg); or files may not grow that "
    "far (ulimit -f)",
    _CORRUPT: _START_ANEW,
    _NOTADB: _START_ANEW,
    _FULL: "free some space on the file system of {folder} and try again; nothing was changed",
    _IOERR_SHMSIZE: "free some space on the file system of {folder}, or let files grow (ulimit -f), and try again; "
    "nothing was changed",
    _CANTOPEN: "{folder} must be a directory that root may write; a read-only file system has to be remounted",
}


class Connection:
    """A connection to the database at `path`, which must exist; `write=False` can change nothing.

    Each statement is a transaction of its own unless one was begun (`BEGIN`, `BEGIN IMMEDIATE`).  Closed with
    `close`, by the thread that opened it."""

    def __init__(self, path: str, *, write: bool) -> None:
        self._path = path
        timeout = _duration(BUSY_TIMEOUT, os.environ.get(BUSY_TIMEOUT) or _DEFAULT_TIMEOUT)
        backoffs = os.environ.get(BUSY_BACKOFFS) or _DEFAULT_BACKOFFS
        self._backoffs = [_duration(BUSY_BACKOFFS, word) for word in backoffs.split(",")]
        mode = "rw" if write else "ro&immutable=1" if _is_immutable(path) else "ro"
        uri = f"file:{_quoted(path)}?mode={mode}"
        try:
            self._sqlite = sqlite.connect(uri, uri=True, timeout=timeout, isolation_level=None)
        except sqlite.Error as error:
            raise self._failed(error) from error
        if write:
            self._prepare()

    def _prepare(self) -> None:
        """FULL: what was promised to a caller is on the disk."""
        try:
            self.patiently("PRAGMA foreign_keys = ON")
            self.patiently("PRAGMA synchronous = FULL")
        except BaseException:
            self.close()
            raise

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Every row of a query.  A number beyond 64 bits matches none, as no row can hold it."""
        try:
            return self._sqlite.execute(sql, parameters).fetchall()
        except OverflowError:
            return []
        except sqlite.Error as error:
            raise self._failed(error) from error

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Runs a statement that changes something; how many rows it changed."""
        try:
            return self._sqlite.execute(sql, parameters).rowcount
        except (UnicodeEncodeError, OverflowError) as error:
            raise _not_storable(error) from error
        except sqlite.Error as error:
            raise self._failed(error) from error

    def run_each(self, sql: str, parameters: Iterable[Sequence[object]]) -> None:
        """Runs a statement once for each row of parameters."""
        for row in parameters:
            self.run(sql, row)

    def patiently(self, sql: str) -> list[Row]:
        """`rows`, tried again after each of the configured pauses while the database is busy.

        The connection has waited for its busy timeout each time.  Only a transaction's first statement can meet
        that: whoever reads has a snapshot by then, whoever writes the one write lock."""
        for pause in self._backoffs:
            try:
                return self._sqlite.execute(sql).fetchall()
            except sqlite.Error as error:
                if _primary_code(error) not in (_BUSY, _LOCKED, _PROTOCOL):
                    raise self._failed(error) from error
            time.sleep(pause)
        return self.rows(sql)

    def commit(self) -> None:
        """Ends the transaction; undoes it before raising where it cannot be written."""
        try:
            self.run("COMMIT")
        except BaseException:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Undoes the transaction, if SQLite did not do that on its own.  A failure is not worth hiding what led to
        it: an unfinished transaction is undone by whoever opens the database next."""
        try:
            if self._sqlite.in_transaction:
                self._sqlite.execute("ROLLBACK")
        except sqlite.Error:
            pass

    def close(self) -> None:
        try:
            self._sqlite.close()
        except sqlite.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite.Error) -> StoreError:
        folder = os.path.dirname(self._path)
        code = getattr(error, "sqlite_errorcode", 0)
        hint = _HINTS.get(code) or _HINTS.get(code & 0xFF, "")
        reason = "no space left for its -shm file" if code == _IOERR_SHMSIZE else error
        if code & 0xFF == _CANTOPEN:  # SQLite says only that it cannot open a file
            if _no_descriptor_is_left(folder):
                reason, hint = "too many open files", "raise the limit (ulimit -n)"
            elif _no_inode_is_left(folder):
                reason = "no room for one more file (inodes)"
                hint = "free some space on the file system of {folder} by removing files, and try again"
        return StoreError(f"database {self._path}: {reason}", hint.format(folder=folder))


def _no_descriptor_is_left(folder: str) -> bool:
    try:
        os.close(os.open(folder, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def _no_inode_is_left(folder: str) -> bool:
    """Not to be told where the file system does not count them."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_files > 0 and found.f_ffree == 0


def nothing(sql: str, parameters: Sequence[object] = ()) -> list[Row]:
    """`Rows` of a database that does not exist."""
    return []


def _primary_code(error: sqlite.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _not_storable(error: UnicodeEncodeError | OverflowError) -> InvalidRequest:
    if isinstance(error, UnicodeEncodeError):
        return InvalidRequest(f"{error.object!r} is not valid UTF-8", "rename it, or spell it in UTF-8")
    return InvalidRequest("a number has more than 64 bits")


def _duration(variable: str, text: str) -> float:
    """Seconds; a bare number is milliseconds."""
    text = text.strip()
    try:
        return parse_duration(f"{text}ms" if text.isdecimal() else text)
    except InvalidRequest as error:
        raise InvalidRequest(f"{variable}: {error}", error.hint) from error


def _is_immutable(path: str) -> bool:
    """Whether nobody can change the database: SQLite then reads it without the files it cannot make beside it."""
    try:
        read_only = os.statvfs(os.path.dirname(path)).f_flag & os.ST_RDONLY
    except OSError:
        return False
    return bool(read_only) and not os.path.exists(f"{path}-wal")


def _quoted(path: str) -> str:
    """A path as part of an SQLite URI (https://sqlite.org/uri.html)."""
    for character in "%?#":
        path = path.replace(character, f"%{ord(character):02x}")
    return path
