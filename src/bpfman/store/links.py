# SPDX-License-Identifier: Apache-2.0
"""Links as rows: what all kinds have in common.  What they have on their own is in `details`.

Called by `database` (reads) and `transaction` (writes); decides nothing.
"""

from __future__ import annotations

from bpfman.errors import LinkNotFound
from bpfman.model.link import LinkRecord
from bpfman.store.details import FAMILIES, family_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bpfman.model.hook import Hook
    from bpfman.model.link import LinkDetails
    from bpfman.store.connection import Connection, Rows

ATTACHING, ATTACHED, DETACHING = "attaching", "attached", "detaching"


def select(rows: Rows, where: str, parameters: tuple[object, ...] = ()) -> list[LinkRecord]:
    """The records that a condition on the table `links`, by the name of "l", holds for, by id."""
    found = rows(
        "SELECT l.id, l.program_id, l.kind, l.kernel_link_id, l.pin_path, l.created_at, l.has_metadata "
        f"FROM links AS l WHERE {where} ORDER BY l.id",
        parameters,
    )
    details: dict[int, LinkDetails] = {}
    for family in FAMILIES:
        if any(row[2] in family.kinds for row in found):
            details |= family.select(rows, where, parameters)
    metadata = select_metadata(rows, where, parameters) if any(row[6] for row in found) else {}
    return [
        LinkRecord(
            id=link_id,
            program_id=program_id,
            kind=kind,
            kernel_link_id=kernel_link_id,
            pin_path=pin_path,
            details=details[link_id],
            created_at=created_at,
            metadata=metadata.get(link_id, {}) if has_metadata else None,
        )
        for link_id, program_id, kind, kernel_link_id, pin_path, created_at, has_metadata in found
    ]


def select_metadata(rows: Rows, where: str, parameters: tuple[object, ...]) -> dict[int, dict[str, str]]:
    """The metadata of the links that have any, by id."""
    metadata: dict[int, dict[str, str]] = {}
    for link_id, key, value in rows(
        f"SELECT l.id, m.key, m.value FROM links AS l JOIN link_metadata AS m ON m.link_id = l.id WHERE {where}",
        parameters,
    ):
        metadata.setdefault(link_id, {})[key] = value
    return metadata


def select_at(rows: Rows, hook: Hook) -> list[LinkRecord]:
    """The attached links of a hook, by id."""
    return select(
        rows,
        "l.state = 'attached' AND l.id IN "
        "(SELECT link_id FROM network_links WHERE type = ? AND nsid = ? AND ifindex = ?)",
        tuple(hook),
    )


def reserve_id(connection: Connection) -> int:
    """An id that no link had and, once the transaction is committed, none but its owner will have."""
    connection.run("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'links'")
    return int(connection.rows("SELECT seq FROM sqlite_sequence WHERE name = 'links'")[0][0])


def insert(connection: Connection, record: LinkRecord, slot: int) -> None:
    """Writes a link with its details and metadata, in state "attaching"."""
    connection.run(
        "INSERT INTO links (id, program_id, state, kind, kernel_link_id, pin_path, created_at, has_metadata) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.id,
            record.program_id,
            ATTACHING,
            record.kind,
            record.kernel_link_id,
            record.pin_path,
            record.created_at,
            record.metadata is not None,
        ),
    )
    family_of(record.kind).insert(connection, record, slot)
    connection.run_each(
        "INSERT INTO link_metadata VALUES (?, ?, ?)",
        ((record.id, key, value) for key, value in (record.metadata or {}).items()),
    )


def finish(connection: Connection, link_id: int, kernel_link_id: int | None, pin_path: str | None) -> None:
    changed = connection.run(
        "UPDATE links SET state = ?, kernel_link_id = ?, pin_path = COALESCE(?, pin_path) WHERE id = ?",
        (ATTACHED, kernel_link_id, pin_path, link_id),
    )
    if not changed:
        raise LinkNotFound(link_id)


def set_state(connection: Connection, link_id: int, state: str) -> None:
    if not connection.run("UPDATE links SET state = ? WHERE id = ?", (state, link_id)):
        raise LinkNotFound(link_id)


def set_positions(connection: Connection, positions: Mapping[int, int]) -> None:
    connection.run_each(
        "UPDATE network_links SET position = ? WHERE link_id = ?",
        ((position, link_id) for link_id, position in positions.items()),
    )


def set_kernel_link(connection: Connection, link_ids: Iterable[int], kernel_link_id: int | None) -> None:
    connection.run_each(
        "UPDATE links SET kernel_link_id = ? WHERE id = ?",
        ((kernel_link_id, link_id) for link_id in link_ids),
    )


def delete(connection: Connection, link_id: int) -> None:
    if not connection.run("DELETE FROM links WHERE id = ?", (link_id,)):
        raise LinkNotFound(link_id)
