# SPDX-License-Identifier: Apache-2.0
"""Where a chain hangs: the two ways to put a program at a hook, switch it, and take it away.

XDP and TC are the two rows of one code path: `chains.py` knows only `Place`.  A place reads what is there when it is
made, so that plans can be made of it; it changes nothing before it is told to.
"""

from __future__ import annotations

from bpfman.errors import BpfmanError
from bpfman.model.chain import FILTER_PRIORITY, ChainRecord
from bpfman.model.hook import Hook, Interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.program import Program
    from bpfman.manager.work import Work

FILTER_NAME = "bpfman_chain"


class Place:
    """One hook as it is now.

    `record` is the chain's row, or one at revision 0 for a new chain; `running` is the id of our program that the
    hook runs, None when it runs none (nothing attached yet, or somebody took it away); `gone` says that the interface
    or its namespace no longer exists."""

    running: int | None = None
    kernel_link_id: int | None = None
    clsact_created = False

    def __init__(self, work: Work, record: ChainRecord) -> None:
        self._work = work
        self.record = record
        layout = work.layout
        self.program_pin = layout.chain_program(record.hook)
        self.link_pin = layout.chain_link(record.hook)
        interface = record.interface
        self._netns = work.kernel.find_namespace(interface)
        self.gone = self._netns is None or not work.kernel.interface_exists(interface.ifindex, self._netns)

    def __str__(self) -> str:
        hook = self.record.hook
        return " ".join(word for word in (hook.family, str(self.record.interface), hook.direction) if word)

    @property
    def netns(self) -> str:
        """How to enter the namespace now."""
        assert self._netns is not None
        return self._netns

    @property
    def namespace_gone(self) -> bool:
        return self._netns is None

    def describe_switch(self) -> str:
        raise NotImplementedError

    def switch(self, new: Program, old: Program | None) -> None:
        """Have the hook run `new` in place of `old`, in one atomic step."""
        raise NotImplementedError

    def take_away(self) -> None:
        """Have the hook run nothing of ours; fine where that is so already."""
        raise NotImplementedError

    def mode_in_force(self) -> str:
        return ""

    def remove_directory(self) -> None:
        self._work.kernel.unpin(self.program_pin)
        self._work.kernel.remove_directory(self._work.layout.chain_dir(self.record.hook))


class XdpPlace(Place):
    """A BPF link, pinned; it survives our process and is switched by an update."""

    def __init__(self, work: Work, record: ChainRecord) -> None:
        super().__init__(work, record)
        link = work.kernel.pinned_link(self.link_pin)
        if link is not None:
            self.kernel_link_id = link.id
            # A link whose interface went away stays, without one.
            self.gone = self.gone or link.ifindex == 0
            self.running = link.program_id if link.ifindex else None

    def describe_switch(self) -> str:
        if self.running is None:
            return f"attach the chain to {self} in {self.record.mode} mode, its link pinned at {self.link_pin}"
        return f"switch the link of {self} to the new chain"

    def switch(self, new: Program, old: Program | None) -> None:
        if old is not None:
            self._work.kernel.update_link(self.link_pin, new.fd, old.fd)
            return
        self._work.kernel.unpin(self.link_pin)
        link = self._work.kernel.attach_xdp(new.fd, self.record.interface.ifindex, self.netns, self.record.mode)
        with link:  # unpinned, it detaches when it is closed
            self._work.kernel.pin(link.fd, self.link_pin)
            self.kernel_link_id = link.info.id

    def take_away(self) -> None:
        self._work.kernel.remove_link(self.link_pin)

    def mode_in_force(self) -> str:
        mode = self._work.kernel.xdp_mode(self.record.interface.ifindex, self.netns)
        return mode or self.record.mode


class TcPlace(Place):
    """A filter on clsact, known by its handle, which is chosen and recorded before it is made."""

    def __init__(self, work: Work, record: ChainRecord) -> None:
        super().__init__(work, record)
        if self.gone:
            return
        interface, kernel = record.interface, work.kernel
        if record.filter_handle is None:
            self.record = record._replace(filter_handle=self._free_handle())
        else:
            self.running = kernel.filter_program(interface.ifindex, self._direction, self.netns, record.filter_handle)
        self.clsact_created = self._ours_to_remove()

    @property
    def _direction(self) -> str:
        return self.record.hook.direction

    @property
    def _handle(self) -> int:
        assert self.record.filter_handle is not None
        return self.record.filter_handle

    def _free_handle(self) -> int:
        taken = self._work.kernel.filter_handles(self.record.interface.ifindex, self._direction, self.netns)
        return next(handle for handle in range(1, 1 << 16) if handle not in taken)

    def _ours_to_remove(self) -> bool:
        """Whether clsact goes with our last filter: we made it, for this direction or the other, or are about to."""
        hook = self.record.hook
        other = Hook("tc-egress" if hook.type == "tc-ingress" else "tc-ingress", hook.nsid, hook.ifindex)
        store = self._work.store
        if store.clsact_created(hook) or store.clsact_created(other):
            return True
        return not self._work.kernel.has_clsact(self.record.interface.ifindex, self.netns)

    def describe_switch(self) -> str:
        if self.running is None:
            return f"add a filter for the chain to {self}, priority {FILTER_PRIORITY}, handle {self._handle:#x}"
        return f"replace the program of filter {self._handle:#x} of {self}"

    def switch(self, new: Program, old: Program | None) -> None:
        ifindex, kernel = self.record.interface.ifindex, self._work.kernel
        if old is not None:
            kernel.replace_filter(new.fd, FILTER_NAME, ifindex, self._direction, self.netns, self._handle)
            return
        kernel.ensure_clsact(ifindex, self.netns)
        try:
            kernel.add_filter(new.fd, FILTER_NAME, ifindex, self._direction, self.netns, self._handle)
        except BpfmanError:
            self._remove_clsact()
            raise

    def take_away(self) -> None:
        if not self.gone:
            ifindex = self.record.interface.ifindex
            self._work.kernel.remove_filter(ifindex, self._direction, self.netns, self._handle)
            self._remove_clsact()

    def _remove_clsact(self) -> None:
        if self.clsact_created:
            self._work.kernel.remove_clsact(self.record.interface.ifindex, self.netns)


def place_of(work: Work, record: ChainRecord) -> Place:
    return XdpPlace(work, record) if record.hook.family == "xdp" else TcPlace(work, record)


def new_record(hook: Hook, interface: Interface, mode: str) -> ChainRecord:
    """The row of a chain that does not run yet."""
    return ChainRecord(hook, interface, 0, 0, None, None, False, mode)
