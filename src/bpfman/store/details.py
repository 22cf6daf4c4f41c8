# SPDX-License-Identifier: Apache-2.0
"""What links keep beyond the row every link has: one table and one pair of functions a family of kinds.

Called by `links`.  Network hooks have a table with columns, as hooks are looked up and ordered in it.  The targets
of all other kinds are kept by the names of their fields, so a new kind needs nothing here.
"""

from __future__ import annotations

from bpfman.model.hook import Hook, Interface, hook_of
from bpfman.model.kinds import KINDS
from bpfman.model.link import ChainDetails, TcxDetails
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.model.link import LinkDetails, LinkRecord
    from bpfman.store.connection import Connection, Row, Rows


class Family(NamedTuple):
    """How the details of some kinds are read and written.

    `select` gives the details, by link, of the links "l" of these kinds that a condition holds for."""

    kinds: frozenset[str]
    select: Callable[[Rows, str, tuple[object, ...]], dict[int, LinkDetails]]
    insert: Callable[[Connection, LinkRecord, int], None]  # the number is the slot, for members of chains


# The position of a TCX or netkit link is its rank among the attached links of its hook, by priority and then age.
_NETWORK_QUERY = """
    SELECT n.link_id, n.type, n.nsid, n.ifindex, n.interface, n.netns, n.priority, n.proceed_on,
        COALESCE(n.position, (
            SELECT COUNT(*) FROM network_links AS before JOIN links ON links.id = before.link_id
            WHERE before.type = n.type AND before.nsid = n.nsid AND before.ifindex = n.ifindex
                AND (before.priority, before.link_id) < (n.priority, n.link_id) AND links.state = 'attached')),
        c.program_id, c.revision
    FROM links AS l JOIN network_links AS n ON n.link_id = l.id
        LEFT JOIN chains AS c ON c.type = n.type AND c.nsid = n.nsid AND c.ifindex = n.ifindex"""


def _select_network(rows: Rows, where: str, parameters: tuple[object, ...]) -> dict[int, LinkDetails]:
    return {row[0]: _network_details(row[1:]) for row in rows(f"{_NETWORK_QUERY} WHERE {where}", parameters)}


def _network_details(row: Row) -> LinkDetails:
    hook = Hook(*row[:3])
    interface = Interface(row[3], hook.ifindex, row[4], hook.nsid)
    priority, proceed_on, position, chain_program_id, revision = row[5:]
    if hook.family in ("tcx", "netkit"):
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


def _select_targets(rows: Rows, where: str, parameters: tuple[object, ...]) -> dict[int, LinkDetails]:
    from bpfman.model.targets import target_of

    values: dict[int, dict[str, str | int]] = {}
    verbs: dict[int, str] = {}
    for link_id, kind, name, value in rows(
        "SELECT l.id, l.kind, d.name, d.value FROM links AS l JOIN link_details AS d ON d.link_id = l.id "
        f"WHERE {where}",
        parameters,
    ):
        verbs[link_id] = KINDS[kind].verb
        values.setdefault(link_id, {})[name] = value
    return {link_id: target_of(verbs[link_id], values[link_id]) for link_id in values}


def _insert_target(connection: Connection, record: LinkRecord, slot: int) -> None:
    connection.run_each(
        "INSERT INTO link_details VALUES (?, ?, ?)",
        ((record.id, name, value) for name, value in record.details._asdict().items()),
    )


_NETWORK_KINDS = frozenset(kind.name for kind in KINDS.values() if not kind.module)
FAMILIES = (
    Family(_NETWORK_KINDS, _select_network, _insert_network),
    Family(frozenset(KINDS) - _NETWORK_KINDS, _select_targets, _insert_target),
)


def family_of(kind: str) -> Family:
    return next(family for family in FAMILIES if kind in family.kinds)
