# SPDX-License-Identifier: Apache-2.0
"""One change of the database: everything in it is written, or nothing.

Made by `Store.writing`, used by the manager's steps while the writer lock is held.  Reading inside it goes through
the store and sees what was written so far.  It decides nothing: order, ids and paths come from above.
"""

from __future__ import annotations

from bpfman.store import chains, links, programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bpfman.model.chain import ChainRecord
    from bpfman.model.code import ProgramCode, ProgramMap
    from bpfman.model.hook import Hook
    from bpfman.model.link import LinkRecord
    from bpfman.model.program import ProgramRecord
    from bpfman.store.connection import Connection


class Transaction:
    """The changes there are.  An id that has no row is ProgramNotFound, LinkNotFound or ChainNotFound."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_program(
        self, record: ProgramRecord, maps: Iterable[ProgramMap], code: ProgramCode | None = None
    ) -> None:
        """Writes a program that is about to be pinned.  No read but `unfinished` shows it until `finish_program`.

        `code` is kept for programs that chains are composed of.  Conflict where the store has the id already."""
        programs.insert(self._connection, record, maps, code)

    def finish_program(self, program_id: int) -> None:
        """Says that a program is loaded: after `add_program`, or after an unload that was given up."""
        programs.set_state(self._connection, program_id, programs.LOADED)

    def mark_unloading(self, program_id: int) -> None:
        """Hides a program that is about to be taken out of the kernel.  Its links stay as they are."""
        programs.set_state(self._connection, program_id, programs.UNLOADING)

    def remove_program(self, program_id: int) -> None:
        """Forgets a program, its maps, code and claims on shared maps.  Conflict while it has links."""
        programs.delete(self._connection, program_id)

    def add_shared_map(self, name: str, program_id: int) -> None:
        """Counts a program among the users of a LIBBPF_PIN_BY_NAME map; removing the program takes it out."""
        self._connection.run("INSERT OR IGNORE INTO shared_maps VALUES (?, ?)", (name, program_id))

    def new_link_id(self) -> int:
        """Takes the next link id, before the link is written, so that its pin path can be chosen."""
        return links.reserve_id(self._connection)

    def add_link(self, record: LinkRecord, slot: int = 0) -> None:
        """Writes a link that is about to be attached, with an id from `new_link_id`.

        `slot` is the row of a chain's member in its accounting map."""
        links.insert(self._connection, record, slot)

    def finish_link(self, link_id: int, kernel_link_id: int | None, pin_path: str | None = None) -> None:
        """Says that a link is attached: after `add_link`, or after a detach that was given up.

        Without `pin_path` the one in the row stays."""
        links.finish(self._connection, link_id, kernel_link_id, pin_path)

    def mark_detaching(self, link_id: int) -> None:
        """Hides a link that is about to be taken out of the kernel."""
        links.set_state(self._connection, link_id, links.DETACHING)

    def remove_link(self, link_id: int) -> None:
        """Forgets a link.  Its id is not given away again."""
        links.delete(self._connection, link_id)

    def set_positions(self, positions: Mapping[int, int]) -> None:
        """Sets the positions of members, by link id."""
        links.set_positions(self._connection, positions)

    def set_kernel_link(self, link_ids: Iterable[int], kernel_link_id: int | None) -> None:
        """Sets the kernel's link of all members of a chain."""
        links.set_kernel_link(self._connection, link_ids, kernel_link_id)

    def begin_switch(self, record: ChainRecord, clsact_created: bool = False) -> None:
        """Says that a hook's chain is about to change; a new one has a record at revision 0, which no read shows."""
        chains.put(self._connection, record, clsact_created, chains.SWITCHING)

    def end_switch(self, hook: Hook) -> None:
        """Says that the change that `begin_switch` announced is given up, and the chain as it was."""
        chains.settle(self._connection, hook)

    def put_chain(self, record: ChainRecord, clsact_created: bool = False) -> None:
        """Writes the chain of a hook, new or not, as it runs now.  `clsact_created`: the qdisc is ours to remove."""
        chains.put(self._connection, record, clsact_created, chains.STEADY)

    def rename_interface(self, hook: Hook, name: str) -> None:
        """Writes what the interface of a hook is called now, for its chain and its links."""
        self._connection.run(
            "UPDATE chains SET interface = ? WHERE type = ? AND nsid = ? AND ifindex = ?", (name, *hook)
        )
        self._connection.run(
            "UPDATE network_links SET interface = ? WHERE nsid = ? AND ifindex = ?", (name, *hook[1:])
        )

    def remove_chain(self, hook: Hook) -> None:
        """Forgets a chain; its members are links and removed one by one."""
        chains.delete(self._connection, hook)
