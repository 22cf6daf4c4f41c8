# SPDX-License-Identifier: Apache-2.0
"""Links: what was asked (spec), what we stored (record), what the kernel says (status)."""

from __future__ import annotations

from bpfman.model.hook import SIDES, Hook, Interface, hook_of
from bpfman.model.kernel import KernelLink
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.model.targets import Target

XDP_MODES = ("auto", "native", "generic", "offload")


class ChainAttach(NamedTuple):
    """Attach to an XDP or TC hook.  `proceed_on` is a mask; `direction` is empty for xdp; `mode` is XDP's."""

    interface: str
    priority: int
    proceed_on: int
    direction: str = ""
    netns: str = ""
    mode: str = "auto"

    @property
    def family(self) -> str:
        """xdp or tc."""
        return "tc" if self.direction else "xdp"


class TcxAttach(NamedTuple):
    """Attach where the kernel orders links: to TCX (`direction` is ingress or egress), or to a netkit device, which
    is TCX's way for a device that has no other (`direction` is primary or peer)."""

    interface: str
    direction: str
    priority: int
    netns: str = ""

    @property
    def family(self) -> str:
        """tcx or netkit."""
        return "netkit" if self.direction in SIDES else "tcx"


class ChainDetails(NamedTuple):
    """A member of a chain.  `chain_program_id` and `revision` are the chain's, 0 until it runs."""

    interface: Interface
    priority: int
    position: int
    proceed_on: int
    direction: str = ""
    chain_program_id: int = 0
    revision: int = 0

    @property
    def hook(self) -> Hook:
        return hook_of("tc" if self.direction else "xdp", self.direction, self.interface)


class TcxDetails(NamedTuple):
    """A link at a TCX hook, or (`direction` is primary or peer) on a netkit device."""

    interface: Interface
    direction: str
    priority: int
    position: int


if TYPE_CHECKING:
    AttachSpec = ChainAttach | TcxAttach | Target
    LinkDetails = ChainDetails | TcxDetails | Target


class LinkRecord(NamedTuple):
    """What the store keeps of a link.  `kernel_link_id` is the chain's for XDP members, None for TC members."""

    id: int
    program_id: int
    kind: str
    kernel_link_id: int | None
    pin_path: str | None
    details: LinkDetails
    created_at: int  # seconds since the epoch
    metadata: Mapping[str, str] | None


class LinkStatus(NamedTuple):
    """`kernel_seen`: the kernel still has what carries the link (the link itself; for TC the chain's program)."""

    kernel: KernelLink | None
    kernel_seen: bool
    pin_present: bool


class Link(NamedTuple):
    record: LinkRecord
    status: LinkStatus
