# SPDX-License-Identifier: Apache-2.0
"""Chains: the programs that share an XDP or TC hook, in the order they run."""

from __future__ import annotations

from bpfman.model.hook import Hook, Interface
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILTER_PRIORITY = 50  # of our TC filter, whatever the members' priorities


class ChainRecord(NamedTuple):
    """What the store keeps of a chain.  `kernel_link_id` is XDP's, `filter_handle` TC's; `accounting` says whether
    members are counted.  `mode` is the XDP attach mode in force."""

    hook: Hook
    interface: Interface
    revision: int
    program_id: int
    kernel_link_id: int | None
    filter_handle: int | None
    accounting: bool
    mode: str


class Member(NamedTuple):
    """One program's place in a chain.  `slot` is its row in the accounting map, kept while the link lives."""

    link_id: int
    program_id: int
    program_name: str
    priority: int
    position: int
    proceed_on: int
    slot: int
    metadata: Mapping[str, str] | None


class Chain(NamedTuple):
    record: ChainRecord
    members: tuple[Member, ...]


class ChainStatus(NamedTuple):
    """`runs`: whether the hook runs the chain, None where nobody can see.  `why`: how it is other than recorded."""

    runs: bool | None
    why: str = ""


class MemberCount(NamedTuple):
    """What accounting counted for one member: verdict name -> runs that ended with it.  "other" is any verdict
    outside the known range."""

    member: Member
    verdicts: Mapping[str, int]

    @property
    def runs(self) -> int:
        return sum(self.verdicts.values())
