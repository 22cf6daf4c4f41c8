# SPDX-License-Identifier: Apache-2.0
"""Chains as rows, and their members as the links tell them.

Called by `database` (reads) and `transaction` (writes).  The order of the members is decided by `bpfman.chain` and
only kept here.
"""

from __future__ import annotations

from bpfman.errors import ChainNotFound
from bpfman.model.chain import ChainRecord, Member
from bpfman.model.hook import Hook, Interface
from bpfman.store.links import select_metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.store.connection import Connection, Row, Rows

_COLUMNS = (
    "type, nsid, ifindex, interface, netns, "
    "revision, program_id, kernel_link_id, filter_handle, accounting, mode, cookie"
)
SWITCHING, STEADY = "switching", "steady"
_AT_HOOK = "type = ? AND nsid = ? AND ifindex = ?"


def select(rows: Rows, where: str = "revision > 0") -> list[ChainRecord]:
    """The chains that a condition holds for, by hook; those that never ran are at revision 0."""
    found = rows(f"SELECT {_COLUMNS} FROM chains WHERE {where} ORDER BY type, nsid, ifindex", ())
    return [_record(row) for row in found]


def select_one(rows: Rows, hook: Hook) -> ChainRecord | None:
    found = rows(f"SELECT {_COLUMNS} FROM chains WHERE {_AT_HOOK} AND revision > 0", hook)
    return _record(found[0]) if found else None


def _record(row: Row) -> ChainRecord:
    hook = Hook(*row[:3])
    revision, program_id, kernel_link_id, filter_handle, accounting, mode, cookie = row[5:]
    interface = Interface(row[3], hook.ifindex, row[4], hook.nsid, _unsigned(cookie))
    return ChainRecord(
        hook, interface, revision, program_id, kernel_link_id, filter_handle, bool(accounting), mode
    )


def clsact_created(rows: Rows, hook: Hook) -> bool:
    found = rows(f"SELECT clsact_created FROM chains WHERE {_AT_HOOK}", hook)
    return bool(found and found[0][0])


def select_members(rows: Rows, hook: Hook) -> tuple[Member, ...]:
    """The attached members of a hook, in position order."""
    found = rows(
        "SELECT l.id, l.program_id, p.name, n.priority, n.position, n.proceed_on, n.slot, l.has_metadata "
        "FROM network_links AS n JOIN links AS l ON l.id = n.link_id JOIN programs AS p ON p.id = l.program_id "
        "WHERE n.type = ? AND n.nsid = ? AND n.ifindex = ? AND l.state = 'attached' "
        "ORDER BY n.position, n.priority, l.id",
        hook,
    )
    metadata = _metadata_at(rows, hook) if any(row[7] for row in found) else {}
    return tuple(
        Member(
            link_id=row[0],
            program_id=row[1],
            program_name=row[2],
            priority=row[3],
            position=row[4],
            proceed_on=row[5],
            slot=row[6],
            metadata=metadata.get(row[0], {}) if row[7] else None,
        )
        for row in found
    )


def _metadata_at(rows: Rows, hook: Hook) -> dict[int, dict[str, str]]:
    where = f"l.id IN (SELECT link_id FROM network_links WHERE {_AT_HOOK})"
    return select_metadata(rows, where, tuple(hook))


def put(connection: Connection, record: ChainRecord, clsact_created: bool, state: str) -> None:
    """Writes a chain, in place of the one its hook had."""
    interface = record.interface
    values = (*record.hook, interface.name, interface.netns, *record[2:], _signed(interface.cookie))
    marks = ", ".join("?" * (len(values) + 2))
    connection.run(
        f"INSERT OR REPLACE INTO chains ({_COLUMNS}, clsact_created, state) VALUES ({marks})",
        (*values, clsact_created, state),
    )


def settle(connection: Connection, hook: Hook) -> None:
    """Says that a chain runs what its row says, or forgets one that never ran."""
    connection.run(f"DELETE FROM chains WHERE {_AT_HOOK} AND revision = 0", hook)
    connection.run(f"UPDATE chains SET state = '{STEADY}' WHERE {_AT_HOOK}", hook)


def _signed(number: int) -> int:
    """64 bits as SQLite keeps them."""
    return number - (1 << 64) if number >> 63 else number


def _unsigned(number: int) -> int:
    return number & (1 << 64) - 1


def delete(connection: Connection, hook: Hook) -> None:
    if not connection.run(f"DELETE FROM chains WHERE {_AT_HOOK}", hook):
        raise ChainNotFound(f"there is no chain at {hook}")
