# SPDX-License-Identifier: Apache-2.0
"""Looking: joins what the store says with what the kernel says.  Takes no lock, changes nothing.

The kernel is asked by id, and an id counts only with its tag and load time: another program that got the id later
is not the one we loaded.
"""

from __future__ import annotations

from bpfman.manager.identity import chain_runs, is_alive, link_of
from bpfman.manager.lookup import find
from bpfman.model.link import Link, LinkStatus
from bpfman.model.map import ManagedMap, MapStatus
from bpfman.model.program import Program, ProgramEntry, ProgramStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpfman.bpf.kernel import Kernel
    from bpfman.model.code import ProgramMap
    from bpfman.model.kernel import KernelMap, KernelProgram
    from bpfman.model.link import LinkRecord
    from bpfman.model.program import ProgramRecord
    from bpfman.store.database import Store
    from bpfman.store.layout import Layout


class View:
    """The store and the kernel, side by side."""

    def __init__(self, kernel: Kernel, layout: Layout, store: Store) -> None:
        self._kernel, self._layout, self._store = kernel, layout, store

    def program(self, program_id: int) -> Program:
        with self._store.snapshot():
            record = find(self._kernel, self._store, program_id)
            links = self._store.links(program_id)
            maps = self._store.program_maps(program_id)
            users = self._store.map_users(record.map_set_id)
        kernel = self._of(record)
        return Program(
            record,
            ProgramStatus(
                kernel=kernel,
                links=tuple(self._link(link, record) for link in links),
                maps=self._maps(record, kernel, maps),
                map_used_by=users,
                prog_pin_present=self._kernel.pin_exists(record.pin_path),
                bytecode_present=self._kernel.pin_exists(record.object_path),
            ),
        )

    def loaded(self, record: ProgramRecord) -> Program:
        """A program as a load answers it: maps without pins, no statistics."""
        program = self.program(record.program_id)
        bare = tuple(each._replace(pin_path="", present=False) for each in program.status.maps)
        return program._replace(status=program.status._replace(maps=bare, stats=False))

    def programs(self, *, kernel_too: bool = False) -> list[ProgramEntry]:
        with self._store.snapshot():
            records = self._store.programs()
            links = self._store.links()
        by_program: dict[int, list[LinkRecord]] = {}
        for link in links:
            by_program.setdefault(link.program_id, []).append(link)
        entries = {
            record.program_id: ProgramEntry(
                record.program_id, record, self._of(record), tuple(by_program.get(record.program_id, ()))
            )
            for record in records
        }
        if kernel_too:
            for program_id in self._kernel.program_ids():
                if program_id not in entries and (found := self._kernel.program(program_id)) is not None:
                    entries[program_id] = ProgramEntry(program_id, None, found, ())
        return [entries[program_id] for program_id in sorted(entries)]

    def link(self, link_id: int) -> Link:
        with self._store.snapshot():
            record = self._store.link(link_id)
            program = self._store.program(record.program_id)
        return self._link(record, program)

    def _link(self, record: LinkRecord, program: ProgramRecord) -> Link:
        """What carries a TC member is its chain's program, as TC knows no links."""
        pinned = record.pin_path is not None and self._kernel.pin_exists(record.pin_path)
        if record.kernel_link_id is None:
            seen = chain_runs(self._kernel, self._layout, record, program)
            return Link(record, LinkStatus(None, seen, pinned))
        found = link_of(self._kernel, record, program)
        return Link(record, LinkStatus(found, found is not None, pinned))

    def links(self) -> list[tuple[LinkRecord, ProgramRecord]]:
        with self._store.snapshot():
            programs = {record.program_id: record for record in self._store.programs()}
            links = self._store.links()
        return [(link, programs[link.program_id]) for link in links if link.program_id in programs]

    def maps(self, name: str = "", program_id: int | None = None) -> list[ManagedMap]:
        """The pinned maps of all map sets, each once for each set it is pinned in; those of a name, of a program."""
        found: dict[str, tuple[ProgramMap, list[ProgramRecord]]] = {}
        with self._store.snapshot():
            for record in self._users_of_maps(name, program_id):
                for each in self._store.program_maps(record.program_id):
                    if not each.internal and name in ("", each.name):
                        path = self._layout.map_pin(record.map_set_id, each.name)
                        found.setdefault(path, (each, []))[1].append(record)
        return [
            ManagedMap(
                each.name, path, tuple(user.program_id for user in users), self._map(path, each, users)
            )
            for path, (each, users) in sorted(found.items(), key=lambda item: (item[1][1][0], item[0]))
        ]

    def _users_of_maps(self, name: str, program_id: int | None) -> list[ProgramRecord]:
        if program_id is not None:
            record = self._store.find_program(program_id)
            return [record] if record else []
        return self._store.programs_with_map(name) if name else self._store.programs()

    def _map(self, path: str, each: ProgramMap, users: Iterable[ProgramRecord]) -> KernelMap | None:
        """Where nobody is left of those that it was loaded with, its id says nothing, and its pin all."""
        if any(is_alive(self._kernel, user) for user in users):
            return self._kernel.map(each.map_id)
        pinned = self._kernel.open_pinned_map(path)
        if pinned is None:
            return None
        with pinned:
            return pinned.info if pinned.info.id == each.map_id else None

    def _of(self, record: ProgramRecord) -> KernelProgram | None:
        found = self._kernel.program(record.program_id)
        return found if record.means(found) else None

    def _maps(
        self, record: ProgramRecord, kernel: KernelProgram | None, maps: Iterable[ProgramMap]
    ) -> tuple[MapStatus, ...]:
        """In the kernel's order; names as the object has them."""
        if kernel is None:
            return ()
        names = {each.map_id: each for each in maps}
        result = []
        for map_id in kernel.map_ids:
            found, ours = self._kernel.map(map_id), names.get(map_id)
            if found is not None:
                path = ""
                if ours is not None and not ours.internal:
                    path = self._layout.map_pin(record.map_set_id, ours.name)
                result.append(MapStatus(found, path, bool(path) and self._kernel.pin_exists(path)))
        return tuple(result)
