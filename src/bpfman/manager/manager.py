# SPDX-License-Identifier: Apache-2.0
"""The Manager: every operation of bpfman, for the command line, the daemon and whoever imports the library.

    manager = Manager()
    [program] = manager.load_file("meter.o", [ProgramSpec("xdp", "count_pkts")])
    link = manager.attach(program.record.program_id, ChainAttach("eth0", priority=50, proceed_on=...))

Changes take the writer lock, reads do not.  A manager keeps nothing open between calls: no descriptor, no connection,
no cache; any number of them, in any number of processes, work on one runtime directory.
"""

from __future__ import annotations

from bpfman.bpf.kernel import Kernel
from bpfman.errors import InvalidRequest
from bpfman.manager.viewing import View
from bpfman.model.chain import Chain
from bpfman.store.database import Store
from bpfman.store.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from bpfman.bpf.map import Map
    from bpfman.bpf.object import LoadedObject
    from bpfman.manager.doctor.finding import Finding
    from bpfman.manager.plan import Step
    from bpfman.manager.work import Work
    from bpfman.model.chain import ChainStatus, MemberCount
    from bpfman.model.hook import Hook
    from bpfman.model.link import AttachSpec, Link, LinkRecord
    from bpfman.model.map import ManagedMap
    from bpfman.model.program import LoadSpec, Program, ProgramEntry, ProgramRecord, ProgramSpec


def _warn(message: str) -> None:
    import warnings

    warnings.warn(message, stacklevel=2)


class Manager:
    """Works on one runtime directory.

    `lock_timeout` is how long a change waits for the writer lock, in seconds (None: for ever).  With `dry_run`, every
    change raises Planned in place of being made.  `warn` is told what could not be put right after a crash; `done` of
    each step that was carried out."""

    def __init__(
        self,
        layout: Layout = Layout(),  # noqa: B008 - a frozen value
        *,
        lock_timeout: float | None = 30.0,
        dry_run: bool = False,
        kernel: Kernel | None = None,
        warn: Callable[[str], None] = _warn,
        done: Callable[[Step], None] | None = None,
    ) -> None:
        self.layout = layout
        self._lock_timeout = lock_timeout
        self.dry_run = dry_run
        self._kernel = kernel if kernel is not None else Kernel()
        self._warn = warn
        self._done = done

    # programs

    def load_file(
        self,
        path: str,
        programs: Sequence[ProgramSpec],
        *,
        globals: Mapping[str, bytes] = {},
        metadata: Mapping[str, str] = {},
        map_owner_id: int | None = None,
        owner: str = "",
    ) -> tuple[Program, ...]:
        """Load programs of an object file, all or none; in request order.

        Raises ObjectError, InvalidRequest, TypeMismatch, MapOwnerNotFound, VerifierRefused, KernelRefused."""
        from bpfman.manager.loading import read_object
        from bpfman.model.program import LoadSpec

        spec = LoadSpec(tuple(programs), path, None, globals, metadata, map_owner_id, owner)
        return self.load(spec, read_object(path))

    def load(self, spec: LoadSpec, data: bytes) -> tuple[Program, ...]:
        """Load programs of an object's bytes; what `load_file` does once it has them."""
        from bpfman.manager import loading
        from bpfman.manager.reaping import reap

        request = loading.check(spec, data)
        if request.shares_maps:
            with self._writing() as work:
                reap(work)  # first, so that no map is taken from a program that is gone
                with loading.load_into_kernel(work, request) as loaded:
                    work.run(loading.steps(work, request, loaded))
                    return self._loaded(work, loaded)
        # The verifier may take its time: nobody waits for it.
        with self._kernel.load_object(
            data, request.summary, request.spec.programs, name=request.name, globals=spec.globals, reuse={}
        ) as loaded, self._writing() as work:  # fmt: skip
            reap(work)
            work.run(loading.steps(work, request, loaded))
            return self._loaded(work, loaded)

    def _loaded(self, work: Work, loaded: LoadedObject) -> tuple[Program, ...]:
        if self.dry_run:  # which ends with Planned
            return ()
        view = self._view(work)
        return tuple(view.loaded(work.store.program(program.kernel.id)) for program in loaded.programs)

    def unload(self, program_ids: Sequence[int], *, ignore_missing: bool = False) -> None:
        """Unload programs, with their links.  Every id is tried; PartialFailure tells which failed and why."""
        from bpfman.manager import lookup, unloading
        from bpfman.manager.several import Several

        with self._writing() as work:
            asked = Several(program_ids)
            found = asked.find(
                work.store.find_program
                if ignore_missing
                else lambda each: lookup.find(work.kernel, work.store, each)
            )
            unloading.unload(work, found, asked)
            asked.tell("program", "unload")

    def delete_programs(self, program_ids: Sequence[int] | None, *, recursive: bool = False) -> None:
        """Unload programs, None meaning all; with `recursive`, those that use their maps too."""
        from bpfman.manager import lookup, unloading
        from bpfman.manager.several import Several

        with self._writing() as work:
            there = work.store.programs()
            targets = [record.program_id for record in there] if program_ids is None else list(program_ids)
            if recursive:
                targets += [each.program_id for each in there if each.map_owner_id in targets]
            asked = Several(list(dict.fromkeys(targets)))
            unloading.unload(work, asked.find(lambda each: lookup.find(work.kernel, work.store, each)), asked)
            asked.tell("program", "delete")

    def program(self, program_id: int) -> Program:
        """One program; ProgramNotFound says whether the kernel knows it."""
        with self._reading() as (_, view):
            return view.program(program_id)

    def programs(self, *, kernel_too: bool = False) -> list[ProgramEntry]:
        """All programs, ascending by id; `kernel_too` adds those that bpfman does not manage."""
        with self._reading() as (_, view):
            return view.programs(kernel_too=kernel_too)

    # links

    def attach(self, program_id: int, spec: AttachSpec, *, metadata: Mapping[str, str] | None = None) -> Link:
        """Attach a program.  Raises TypeMismatch for the wrong kind of attachment, and each kind's own errors; nothing
        is left behind then."""
        from bpfman.manager import attaching, lookup

        with self._writing() as work:
            record = lookup.find(work.kernel, work.store, program_id)
            attaching.check(record, spec)
            if not work.is_alive(record):
                raise _not_in_kernel(record)
            with attaching.Attach(work, record, spec, metadata) as attach:
                work.run(attach.steps())
            if not self.dry_run:
                return self._view(work).link(attach.link_id)
        raise AssertionError("a dry run ends with Planned")

    def detach(self, link_ids: Sequence[int], *, ignore_missing: bool = False) -> None:
        """Detach links.  Every id is tried; PartialFailure tells which failed and why."""
        from bpfman.manager import detaching
        from bpfman.manager.several import Several

        with self._writing() as work:
            asked = Several(link_ids)
            detaching.detach(
                work, asked.find(work.store.find_link if ignore_missing else work.store.link), asked
            )
            asked.tell("link", "detach")

    def delete_links(self, link_ids: Sequence[int], *, recursive: bool = False) -> None:
        """Detach links and unload programs that are left with none; with `recursive`, those that use their maps too."""
        from bpfman.manager import detaching, unloading
        from bpfman.manager.several import Several

        with self._writing() as work:
            asked = Several(link_ids)
            links = asked.find(work.store.link)
            detaching.detach(work, links, asked)
            gone = {link.id: link for link in links if link.id not in asked.failed}
            for link in {link.program_id: link for link in gone.values()}.values():
                if all(other.id in gone for other in work.store.links(link.program_id)):
                    users = [each for each in work.store.programs() if each.map_owner_id == link.program_id]
                    left = [work.store.program(link.program_id), *(users if recursive else ())]
                    asked.attempt([link.id], unloading.unload_all, work, left)
            asked.tell("link", "delete")

    def link(self, link_id: int) -> Link:
        """One link; LinkNotFound."""
        with self._reading() as (_, view):
            return view.link(link_id)

    def links(self) -> list[tuple[LinkRecord, ProgramRecord]]:
        """All links with the programs they attach, ascending by id."""
        with self._reading() as (_, view):
            return view.links()

    # chains

    def chains(self) -> list[Chain]:
        with self._reading() as (store, _), store.snapshot():
            return [Chain(record, store.members(record.hook)) for record in store.chains()]

    def chain(self, hook: Hook) -> Chain:
        """One chain; ChainNotFound."""
        from bpfman.manager.accounting import chain_not_found

        with self._reading() as (store, _), store.snapshot():
            record = store.chain(hook)
            if record is None:
                raise chain_not_found(hook)
            return Chain(record, store.members(hook))

    def chain_statuses(self, chains: Sequence[Chain]) -> list[ChainStatus]:
        """Of each, whether its hook runs it; needs the right to enter the interfaces' network namespaces."""
        from bpfman.manager.standing import status_of

        with self._reading() as (store, _):
            return [status_of(self._kernel, self.layout, store, chain) for chain in chains]

    def forget_chain(self, hook: Hook) -> None:
        """Drop the rows of a chain and its members.  Nothing in the kernel changes: for cleaning up by hand."""
        from bpfman.manager.accounting import chain_not_found
        from bpfman.manager.plan import Step

        with self._writing() as work:
            if work.store.chain(hook) is None:
                raise chain_not_found(hook)
            members = work.store.members(hook)

            def forget() -> None:
                with work.store.writing(work.lock) as tx:
                    for member in members:
                        tx.remove_link(member.link_id)
                    tx.remove_chain(hook)

            work.run([Step(f"forget the chain at {hook} and its {len(members)} member(s)", forget)])

    def find_hook(self, family: str, interface: str, direction: str = "", netns: str = "") -> Hook:
        """The hook that a person means by `xdp eth0` or `tc eth0 ingress`.  InterfaceNotFound, NamespaceNotFound."""
        from bpfman.model.hook import hook_of

        return hook_of(family, direction, self._kernel.interface(interface, netns))

    def set_accounting(self, hook: Hook, on: bool) -> None:
        """Switch the counting of a chain's verdicts on or off while traffic flows.  ChainNotFound."""
        from bpfman.manager import accounting

        with self._writing() as work:
            accounting.set_accounting(work, hook, on)

    def counts(self, hook: Hook) -> list[MemberCount]:
        """What accounting counted for each member, in the order they run.  Conflict when it is off."""
        from bpfman.manager import accounting

        return accounting.counts(self._kernel, self.layout, self.chain(hook))

    # maps

    def maps(self) -> list[ManagedMap]:
        """The maps that bpfman pinned."""
        with self._reading() as (_, view):
            return view.maps()

    def open_map(self, which: str, program_id: int | None = None) -> Map:
        """A map by pin path, by id, or by its name in the object (of one program, where several have that name)."""
        from bpfman.manager.maps import open_map

        with self._reading() as (_, view):
            return open_map(self._kernel, view.maps, which, program_id)

    # health

    def examine(self) -> list[Finding]:
        """Where rows, pins and the kernel disagree; takes the writer lock, changes nothing."""
        from bpfman.manager.doctor.doctor import examine
        from bpfman.manager.writing import writing

        with writing(
            self._kernel, self.layout, self._lock_timeout, self._warn, self._done, settle=False
        ) as work:
            return examine(work)

    def repair(self) -> list[Finding]:
        """Put right what `examine` finds; gives what is left.  A dry run tells what would be tried."""
        from bpfman.manager.doctor.doctor import repair
        from bpfman.manager.plan import Planned

        if self.dry_run:
            found = self.examine()
            raise Planned([f"{each.subject}: {each.remedy}" for each in found if each.repair is not None])
        with self._writing() as work:
            return repair(work)

    # how

    def _reading(self) -> _Reading:
        return _Reading(self._kernel, self.layout)

    def _view(self, work: Work) -> View:
        """By the change's own store: to open another takes as long as the change's transactions."""
        return View(work.kernel, work.layout, work.store)

    def _writing(self) -> AbstractContextManager[Work]:
        from bpfman.manager.writing import planning, writing

        if self.dry_run:
            return planning(self._kernel, self.layout)
        return writing(self._kernel, self.layout, self._lock_timeout, self._warn, self._done)


class _Reading:
    """`with ... as (store, view)`: both for one call.  (`contextlib` costs a listing a millisecond.)"""

    def __init__(self, kernel: Kernel, layout: Layout) -> None:
        self._store = Store.open(layout)
        self._view = View(kernel, layout, self._store)

    def __enter__(self) -> tuple[Store, View]:
        return self._store, self._view

    def __exit__(self, *_: object) -> None:
        self._store.close()


def _not_in_kernel(record: ProgramRecord) -> InvalidRequest:
    return InvalidRequest(
        f"program {record.program_id} exists in store but not in kernel (requires reconciliation)",
        "somebody removed its pin, or the machine was restarted: unload it and load it again",
    )
