# SPDX-License-Identifier: Apache-2.0
"""What links of one family keep beyond the row every link has: one table and one pair of functions a family.

Called by `links`.  A new kind joins a family's `kinds`, or brings a table and a row of `FAMILIES`.
"""

from __future__ import annotations

from bpfman.model.hook import Hook, Interface, hook_of
from bpfman.model.link import ChainDetails, TcxDetails, TracepointDetails
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.model.link import LinkDetails, LinkRecord
    from bpfman.store.connection import Connection, Row, Rows


class Family(NamedTuple):
    """How the details of some kinds are read and written.

    `query` gives rows that begin with the link's id, of the links "l" that the condition it is followed by holds
    for; `details` makes details of the rest of a row."""

    kinds: tuple[str, ...]
    query: str
    details: Callable[[Row], LinkDetails]
    insert: Callable[[Connection, LinkRecord, int], None]  # the number is the slot, for members of chains

    def select(self, rows: Rows, where: str, parameters: tuple[object, ...]) -> dict[int, LinkDetails]:
        return {row[0]: self.details(row[1:]) for row in rows(f"{self.query} WHERE {where}", parameters)}


# A TCX link's position is its rank among the attached links of its hook, by priority and then age.
_NETWORK_QUERY = """
    SELECT n.link_id, n.type, n.nsid, n.ifindex, n.interface, n.netns, n.priority, n.proceed_on,
        COALESCE(n.position, (
            SELECT COUNT(*) FROM network_links AS before JOIN links ON links.id = before.link_id
            WHERE before.type = n.type AND before.nsid = n.nsid AND before.ifindex = n.ifindex
                AND (before.priority, before.link_id) < (n.priority, n.link_id) AND links.state = 'attached')),
        c.program_id, c.revision
    FROM links AS l JOIN network_links AS n ON n.link_id = l.id
        LEFT JOIN chains AS c ON c.type = n.type AND c.nsid = n.nsid AND c.ifindex = n.ifindex"""


def _network_details(row: Row) -> LinkDetails:
    hook = Hook(*row[:3])
    interface = Interface(row[3], hook.ifindex, row[4], hook.nsid)
    priority, proceed_on, position, chain_program_id, revision = row[5:]
    if hook.family == "tcx":
        return TcxDetails(interface, hook.direction, priority, position)
    return ChainDetails(
        interface, priority, position, proceed_on, hook.direction, chain_program_id or 0, revision or 0
    )


def _insert_network(connection: Connection, record: LinkRecord, slot: int) -> None:
    details = record.details
    assert isinstance(details, ChainDetails | TcxDetails)
    interface = details.interface
    hook = hook_of(record.kind, details.direction, interface)
    place: tuple[int | None, ...] = (None, None, None)
    if isinstance(details, ChainDetails):
        place = (details.position, details.proceed_on, slot)
    connection.run(
        "INSERT INTO network_links VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (record.id, *hook, interface.name, interface.netns, details.priority, *place),
    )


_TRACEPOINT_QUERY = (
    "SELECT t.link_id, t.group_name, t.name FROM links AS l JOIN tracepoint_links AS t ON t.link_id = l.id"
)


def _tracepoint_details(row: Row) -> LinkDetails:
    return TracepointDetails(*row)


def _insert_tracepoint(connection: Connection, record: LinkRecord, slot: int) -> None:
    connection.run("INSERT INTO tracepoint_links VALUES (?, ?, ?)", (record.id, *record.details))


FAMILIES = (
    Family(("xdp", "tc", "tcx"), _NETWORK_QUERY, _network_details, _insert_network),
    Family(("tracepoint",), _TRACEPOINT_QUERY, _tracepoint_details, _insert_tracepoint),
)


def family_of(kind: str) -> Family:
    return next(family for family in FAMILIES if kind in family.kinds)
