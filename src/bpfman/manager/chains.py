# SPDX-License-Identifier: Apache-2.0
"""Changing what runs at an XDP or TC hook: plan, compose, load, switch, finish.

Every change of a chain, whatever asked for it, is a `Change`: the members it should have afterwards, and the rows that
come or go with it.  The order of its steps is what makes a crash harmless:

    1  rows        the intent: new links as attaching, leaving ones as detaching, the chain as switching
    2  compose     load the new program; the kernel verifies it, nothing runs it yet
    3  switch      one atomic step: link create or update (XDP), filter add or replace (TC)
    4  pin         the new program takes the old one's pin
    5  rows        finished: positions, revision, program; from here on the change is done

Killed before 3, the hook runs its old program and recovery drops the intent; killed after 3 and before 5, it runs the
new one and recovery composes what the finished rows say.  Nothing is taken away before its successor runs.
"""

from __future__ import annotations

from bpfman.manager import composing
from bpfman.manager.plan import Step
from bpfman.manager.work import Work
from bpfman.model.chain import ChainRecord, Member

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from bpfman.bpf.map import Map
    from bpfman.bpf.program import Program
    from bpfman.chain.compose import Composition
    from bpfman.manager.place import Place
    from bpfman.store.transaction import Transaction


def _no_rows(*_: object) -> None:
    """No link comes or goes."""


class Change:
    """One change of a hook.  Used in `with`: until the change is over it holds what undoing it would need."""

    def __init__(
        self,
        work: Work,
        place: Place,
        members: Sequence[Member],
        *,
        begin: Callable[[Transaction], None] = _no_rows,
        cancel: Callable[[Transaction], None] = _no_rows,
        finish: Callable[[Transaction, ChainRecord | None], None] = _no_rows,
        accounting: bool | None = None,
    ) -> None:
        """`members` is what should run, in order; `begin`, `cancel` and `finish` write the rows of links that come or
        go, in the same transactions as the chain's own.  Without them, the same links are composed anew."""
        self._work = work
        self._place = place
        self._members = members
        self._begin, self._cancel, self._finish = begin, cancel, finish
        self._accounting = place.record.accounting if accounting is None else accounting
        self._counters_pin = work.layout.accounting(place.record.hook)
        self._old: Program | None = None
        self._new: Program | None = None
        self._composition: Composition | None = None
        self._counters: Map | None = None

    def __enter__(self) -> Change:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for held in (self._old, self._new, self._counters):
            if held is not None:
                held.close()

    def steps(self) -> tuple[Step, ...]:
        names = ", ".join(member.program_name for member in self._members)
        begin = Step(f"record the change of {self._place}", self._write_intent, self._drop_intent)
        if not self._members:
            return (
                begin,
                Step(f"detach from {self._place}", self._place.take_away),
                Step(f"remove the pins of {self._place}", self._place.clear),
                Step(f"forget the chain of {self._place}", self._forget),
            )
        counters = Step(f"drop the counters of {self._place}", self._unpin_counters, self._pin_counters)
        # There may be some though accounting is off: a change that was cut short had just made them.
        drop_counters = not self._accounting and self._work.kernel.pin_exists(self._counters_pin)
        return (
            begin,
            Step(f"compose and load a chain of {len(self._members)}: {names}", self._load, self._unload),
            Step(self._place.describe_switch(), self._switch, self._switch_back),
            Step(f"pin the chain at {self._place.program_pin}", self._pin, self._pin_back),
            *([counters] if drop_counters else []),
            Step(f"record the chain at revision {self._place.record.revision + 1}", self._commit),
        )

    def name_incoming(self, link_id: int) -> None:
        """Give the member that is being attached its link's id, once that is known."""
        self._members = [m._replace(link_id=link_id) if m.link_id == 0 else m for m in self._members]

    # 1

    def _write_intent(self) -> None:
        with self._work.store.writing(self._work.lock) as tx:
            self._begin(tx)
            tx.begin_switch(self._place.record, self._place.clsact_created)

    def _drop_intent(self) -> None:
        with self._work.store.writing(self._work.lock) as tx:
            self._cancel(tx)
            tx.end_switch(self._place.record.hook)

    # 2

    def _load(self) -> None:
        if self._place.running is not None:
            self._old = self._work.kernel.open_program(self._place.running)
        try:
            accounting = self._accounting_map() if self._accounting else None
            self._new, self._composition = composing.load(self._work, self._place, self._members, accounting)
        except BaseException:
            self._unload()
            raise

    def _accounting_map(self) -> int:
        from bpfman.manager import accounting

        hook = self._place.record.hook
        if not self._place.record.accounting:
            return accounting.new_map(self._work, hook, self._members)
        return accounting.ensure_map(self._work, hook, self._members)

    def _unload(self) -> None:
        """Nothing runs the new program yet; counters that were made for it go with it."""
        if self._accounting and not self._place.record.accounting:
            self._work.kernel.unpin(self._counters_pin)

    # 3

    def _switch(self) -> None:
        assert self._new is not None
        assert self._composition is not None
        try:
            self._place.switch(self._new, self._old)
        except Exception as error:
            composing.explain_frags(error, self._composition)
            if self._old is None:
                self._place.clear()
            raise

    def _switch_back(self) -> None:
        assert self._new is not None
        if self._old is None:
            self._place.take_away()
            self._place.clear()
        else:
            self._place.switch(self._old, self._new)

    # 4

    def _pin(self) -> None:
        assert self._new is not None
        self._work.kernel.replace_pin(self._new.fd, self._place.program_pin)

    def _pin_back(self) -> None:
        if self._old is None:
            self._work.kernel.unpin(self._place.program_pin)
        else:
            self._work.kernel.replace_pin(self._old.fd, self._place.program_pin)

    def _unpin_counters(self) -> None:
        self._counters = self._work.kernel.open_pinned_map(self._counters_pin)
        self._work.kernel.unpin(self._counters_pin)

    def _pin_counters(self) -> None:
        if self._counters is not None:
            self._work.kernel.pin(self._counters.fd, self._counters_pin)

    # 5

    def _commit(self) -> None:
        assert self._new is not None
        record = self._place.record._replace(
            revision=self._place.record.revision + 1,
            program_id=self._new.info.id,
            kernel_link_id=self._place.kernel_link_id,
            accounting=self._accounting,
            mode=self._place.mode_in_force(),
        )
        with self._work.store.writing(self._work.lock) as tx:
            self._finish(tx, record)
            tx.put_chain(record, self._place.clsact_created)
            tx.set_positions({member.link_id: member.position for member in self._members})
            tx.set_kernel_link((member.link_id for member in self._members), record.kernel_link_id)

    # the last member goes

    def _forget(self) -> None:
        with self._work.store.writing(self._work.lock) as tx:
            self._finish(tx, None)
            tx.remove_chain(self._place.record.hook)


def without_lost(work: Work, place: Place, members: Sequence[Member]) -> tuple[list[Member], list[int]]:
    """The members that can run, and the links of those that cannot: the kernel has neither their programs any more nor
    a chain that holds their maps.  While the hook runs one, copies of programs that were removed run on in it."""
    if place.running is not None:
        return list(members), []
    alive = {m.program_id for m in members if work.is_alive(work.store.program(m.program_id))}
    lost = [m.link_id for m in members if m.program_id not in alive]
    return [m for m in members if m.program_id in alive], lost
