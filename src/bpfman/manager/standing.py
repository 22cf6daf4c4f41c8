# SPDX-License-Identifier: Apache-2.0
"""Whether a hook runs the chain that is recorded for it."""

from __future__ import annotations

from bpfman.errors import BpfmanError
from bpfman.manager.place import place_of
from bpfman.manager.work import Work
from bpfman.model.chain import ChainStatus
from bpfman.store.lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.bpf.kernel import Kernel
    from bpfman.manager.place import Place
    from bpfman.manager.plan import Step
    from bpfman.model.chain import Chain, ChainRecord
    from bpfman.store.database import Store
    from bpfman.store.layout import Layout

_CHANGING = "a change of it is under way, or was cut short"


def status_of(kernel: Kernel, layout: Layout, store: Store, chain: Chain) -> ChainStatus:
    """As seen without the writer lock: where others change it meanwhile, that is said, and no wrong conclusion."""
    try:
        place = place_of(Work(kernel, layout, store, Lock(layout.lock), _nothing, []), chain.record)
        why = trouble(place, chain.record)
    except BpfmanError as error:
        return ChainStatus(None, f"cannot be seen: {error}")
    if why and (store.chain(chain.record.hook) != chain.record or _changes(store, chain.record)):
        return ChainStatus(None, _CHANGING)
    return ChainStatus(not why or place.moved, why)


def trouble(place: Place, chain: ChainRecord) -> str:
    """How the hook is other than recorded, in words; empty when it runs the chain."""
    if place.namespace_gone:
        return "its network namespace is gone"
    if place.gone and place.replaced:
        return f"its interface is gone: number {chain.interface.ifindex} is {place.name_now} now"
    if place.gone:
        return "its interface is gone, or moved away"
    if place.running is None:
        return f"the hook does not run it: {place.in_its_place()}"
    if place.moved:
        return "its interface moved to another network namespace, and runs it there"
    if place.running != chain.program_id:
        return f"the hook runs program {place.running}, recorded is {chain.program_id}"
    return ""


def _changes(store: Store, chain: ChainRecord) -> bool:
    return any(each.hook == chain.hook for each in store.switching())


def _nothing(steps: Sequence[Step]) -> None:
    raise AssertionError("a place that is only looked at changes nothing")
