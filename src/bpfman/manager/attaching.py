# SPDX-License-Identifier: Apache-2.0
"""Plans for attaching: a member to a chain, a TCX or netkit link among others, a link of its own to any other target.

A plan is used in `with`, as it may hold descriptors; when its steps have run, `link_id` is the new link.
"""

from __future__ import annotations

from contextlib import ExitStack

from bpfman.errors import AlreadyAttached, Conflict, InvalidRequest, TypeMismatch
from bpfman.manager import detaching
from bpfman.manager.chains import Change, without_lost
from bpfman.manager.identity import link_of
from bpfman.manager.place import new_record, place_of
from bpfman.manager.plan import Step
from bpfman.manager.work import now
from bpfman.model.chain import Member
from bpfman.model.hook import DIRECTIONS, hook_of
from bpfman.model.kinds import KINDS, kinds_of_verb
from bpfman.model.link import (
    XDP_MODES,
    ChainAttach,
    ChainDetails,
    LinkRecord,
    TcxAttach,
    TcxDetails,
)
from bpfman.model.targets import StructOpsAttach, settled, verb_of_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bpfman.bpf.link.link import Link
    from bpfman.bpf.link.tcx import Anchor
    from bpfman.manager.work import Work
    from bpfman.model.chain import ChainRecord
    from bpfman.model.hook import Hook
    from bpfman.model.link import AttachSpec, LinkDetails
    from bpfman.model.program import ProgramRecord
    from bpfman.model.targets import Target
    from bpfman.store.transaction import Transaction


def verb_of(spec: AttachSpec) -> str:
    """The verb of `link attach` that a spec stands for."""
    if isinstance(spec, ChainAttach):
        return spec.family
    return spec.family if isinstance(spec, TcxAttach) else verb_of_target(spec)


def check(record: ProgramRecord, spec: AttachSpec) -> None:
    """Refuse what can never work, before anything is looked up."""
    verb = verb_of(spec)
    accepted = list(kinds_of_verb(verb))
    if record.type not in accepted:
        raise TypeMismatch(
            f"program {record.program_id} ({record.name}) is a {record.type} program: attach {verb} takes "
            f"{' or '.join(accepted)} programs",
            f"use `bpfman link attach {KINDS[record.type].verb} {record.program_id} ...`",
        )
    if not isinstance(spec, ChainAttach | TcxAttach):
        return
    if spec.priority < 0:
        raise InvalidRequest(f"{verb} priority must be non-negative, got {spec.priority}")
    if verb in ("tc", "tcx") and spec.direction not in DIRECTIONS:
        raise InvalidRequest(f'{verb} direction must be ingress or egress, got "{spec.direction}"')
    if isinstance(spec, ChainAttach) and spec.mode not in XDP_MODES:
        raise InvalidRequest(f'unknown XDP mode "{spec.mode}"', "modes: " + ", ".join(XDP_MODES))


class Attach:
    """The plan for one link."""

    link_id = 0

    def __init__(
        self, work: Work, program: ProgramRecord, spec: AttachSpec, metadata: Mapping[str, str] | None
    ) -> None:
        self._work = work
        self._program = program
        self._spec = spec
        self._metadata = metadata
        self._held = ExitStack()

    def __enter__(self) -> Attach:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def steps(self) -> tuple[Step, ...]:
        if isinstance(self._spec, ChainAttach):
            return self._join_chain(self._spec)
        if isinstance(self._spec, TcxAttach):
            return self._attach_tcx(self._spec)
        return self._attach_to(self._spec)

    def _record(
        self, details: LinkDetails, pin_path: str | None, kernel_link_id: int | None = None
    ) -> LinkRecord:
        return LinkRecord(
            self.link_id, self._program.program_id, self._program.type, kernel_link_id, pin_path, details, now(),
            self._metadata,
        )  # fmt: skip

    # chains

    def _join_chain(self, spec: ChainAttach) -> tuple[Step, ...]:
        work, program = self._work, self._program
        interface = work.kernel.interface(spec.interface, spec.netns)
        hook = hook_of(spec.family, spec.direction, interface)
        there = work.store.chain(hook)
        if there is not None and (there.interface.cookie != interface.cookie or place_of(work, there).gone):
            # The interface that the chain was on is no more; this is another one, that got its numbers.
            detaching.drop_chain(work, there)
            there = None
        # The names are those of today: interfaces are renamed, and a namespace has many paths.
        record = there._replace(interface=interface) if there is not None else None
        place = place_of(work, record or new_record(hook, interface, spec.mode))
        if there is None:
            place.require_free()
        elif spec.mode not in ("auto", there.mode):
            raise Conflict(
                f"{interface} runs its chain in {there.mode} mode, not in {spec.mode} mode",
                "all members of a chain run in one mode: leave --mode out, or detach the others first",
            )
        members, lost = without_lost(work, place, work.store.members(hook) if there is not None else ())
        incoming = Member(0, program.program_id, program.name, spec.priority, 0, spec.proceed_on,
                          self._free_slot(hook, members), self._metadata)  # fmt: skip
        from bpfman.chain.order import in_order

        ordered = in_order(members, incoming)
        position = next(member.position for member in ordered if member.link_id == 0)
        details = ChainDetails(interface, spec.priority, position, spec.proceed_on, spec.direction)
        pin = place.program_pin if spec.direction else place.link_pin

        def begin(tx: Transaction) -> None:
            self.link_id = tx.new_link_id()
            tx.add_link(self._record(details, pin), slot=incoming.slot)
            # The change puts the positions of the members it was given: now the new one's id is known.
            change.name_incoming(self.link_id)

        def cancel(tx: Transaction) -> None:
            tx.remove_link(self.link_id)

        def finish(tx: Transaction, record: ChainRecord | None) -> None:
            assert record is not None
            tx.finish_link(self.link_id, record.kernel_link_id)
            for link_id in lost:
                tx.remove_link(link_id)

        change = Change(work, place, ordered, begin=begin, cancel=cancel, finish=finish)
        return self._held.enter_context(change).steps()

    def _free_slot(self, hook: Hook, members: Sequence[Member]) -> int:
        from bpfman.manager.accounting import free_slot

        return free_slot(self._work, hook, members)

    # links of their own

    def _attach_tcx(self, spec: TcxAttach) -> tuple[Step, ...]:
        work, program = self._work, self._program
        interface = work.kernel.interface(spec.interface, spec.netns)
        hook = hook_of(spec.family, spec.direction, interface)
        at_hook = work.store.tcx_links(hook)
        neighbours = [link for link in at_hook if _is_alive(work, link)]
        for each in neighbours:
            if each.program_id == program.program_id:
                raise AlreadyAttached(
                    f"program {program.program_id} is already attached to {interface} {spec.direction} as link "
                    f"{each.id}; detach it first",
                    f"`bpfman link detach {each.id}`",
                )
        anchor = _anchor(neighbours, spec.priority)
        details = TcxDetails(interface, spec.direction, spec.priority, 0)
        where = "behind all others" if anchor is None else "before" if anchor.before else "after"
        if anchor is not None:
            where += f" link {anchor.kernel_link_id} of the kernel"

        def attach(fd: int) -> Link:
            return work.kernel.attach_tcx(fd, interface.ifindex, spec.direction, spec.netns, anchor)

        pin = work.layout.tcx_pin(hook, program.program_id)
        # The new link takes the pin of one that somebody detached, or that hung in a namespace that is gone.
        replaced = [link.id for link in at_hook if link.program_id == program.program_id]
        where = f"{spec.family} {interface} {spec.direction}, {where}"
        return self._own_link(details, lambda: pin, attach, where, replaced)

    def _attach_to(self, spec: Target) -> tuple[Step, ...]:
        work, kind = self._work, KINDS[self._program.type]
        target = self._with_map(settled(spec, kind.name, self._program.attach_func))
        work.kernel.check_target(kind, target)

        def attach(fd: int) -> Link:
            return work.kernel.attach_target(kind, fd, target)

        what = f"{kind.verb} {target}"
        return self._own_link(target, lambda: work.layout.link_pin(self.link_id), attach, what)

    def _with_map(self, target: Target) -> Target:
        """Struct_ops are attached by the map that bears their name."""
        if not isinstance(target, StructOpsAttach):
            return target
        maps = self._work.store.program_maps(self._program.program_id)
        return target._replace(map_id=next(each.map_id for each in maps if each.name == self._program.name))

    def _own_link(
        self,
        details: LinkDetails,
        pin: Callable[[], str],
        attach: Callable[[int], Link],
        where: str,
        replaced: Sequence[int] = (),
    ) -> tuple[Step, ...]:
        work, program = self._work, self._program
        kernel_link_id = 0

        def begin() -> None:
            with work.store.writing(work.lock) as tx:
                self.link_id = tx.new_link_id()
                tx.add_link(self._record(details, pin()))

        def cancel() -> None:
            with work.store.writing(work.lock) as tx:
                tx.remove_link(self.link_id)

        def connect() -> None:
            nonlocal kernel_link_id
            with work.kernel.open_program(program.program_id) as opened, attach(opened.fd) as link:
                # unpinned, it detaches when it is closed
                link.pin(pin())
                kernel_link_id = link.info.id

        def finish() -> None:
            with work.store.writing(work.lock) as tx:
                tx.finish_link(self.link_id, kernel_link_id)
                for link_id in replaced:
                    tx.remove_link(link_id)

        name = f"program {program.program_id} ({program.name})"
        return (
            Step(f"record a link of {name}", begin, cancel),
            Step(
                f"attach {name} to {where}, and pin the link", connect, lambda: work.kernel.remove_link(pin())
            ),
            Step("record the link as attached", finish),
        )


def _anchor(neighbours: list[LinkRecord], priority: int) -> Anchor | None:
    """Directly before the first of ours that must run later, else directly after the last of ours.  With none of ours
    there: behind all others."""
    from bpfman.bpf.link.tcx import Anchor

    for link in neighbours:
        assert isinstance(link.details, TcxDetails)
        if link.details.priority > priority:
            return Anchor(True, link.kernel_link_id or 0)
    return Anchor(False, neighbours[-1].kernel_link_id or 0) if neighbours else None


def _is_alive(work: Work, link: LinkRecord) -> bool:
    """Whether the kernel still has the link, on an interface: one whose interface went away stays, without."""
    found = link_of(work.kernel, link, work.store.program(link.program_id))
    return found is not None and not found.detached
