# SPDX-License-Identifier: Apache-2.0
"""Where a chain hangs: the two ways to put a program at a hook, switch it, and take it away.

XDP and TC are the two rows of one code path: `chains.py` knows only `Place`.  A place reads what is there when it is
made, so that plans can be made of it; it changes nothing before it is told to.
"""

from __future__ import annotations

from bpfman.errors import BpfmanError, ForeignProgram
from bpfman.model.chain import FILTER_PRIORITY, ChainRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.program import Program
    from bpfman.manager.work import Work
    from bpfman.model.hook import Hook, Interface

FILTER_NAME = "bpfman_chain"


class Place:
    """One hook as it is now.

    `record` is the chain's row, or one at revision 0 for a new chain; `running` is the id of our program that the
    hook runs, None when it runs none (nothing attached yet, or somebody took it away); `gone` says that nothing can be
    attached there any more, as the interface or its namespace no longer exists."""

    running: int | None = None
    kernel_link_id: int | None = None
    clsact_created = False

    def __init__(self, work: Work, record: ChainRecord) -> None:
        self._work = work
        self.record = record
        layout = work.layout
        self.program_pin = layout.chain_program(record.hook)
        self.replacement_pin = self.program_pin + "_next"  # left by a replacement that was cut short
        self.link_pin = layout.chain_link(record.hook)
        interface = record.interface
        self._netns = work.kernel.find_namespace(interface)
        self.name_now = (
            work.kernel.interface_name(interface.ifindex, self._netns) if self._netns is not None else ""
        )

    def __str__(self) -> str:
        hook = self.record.hook
        return " ".join(word for word in (hook.family, str(self.record.interface), hook.direction) if word)

    @property
    def gone(self) -> bool:
        return not self._there or self.replaced

    @property
    def _there(self) -> bool:
        return bool(self.name_now)

    @property
    def replaced(self) -> bool:
        """Whether another interface got the number of the one that is recorded.  What is renamed runs on."""
        return self._there and self.running is None and self.name_now != self.record.interface.name

    @property
    def moved(self) -> bool:
        """Whether our program runs on, but where the interface was it is no more."""
        return False

    @property
    def netns(self) -> str:
        """How to enter the namespace now."""
        assert self._netns is not None
        return self._netns

    @property
    def namespace_gone(self) -> bool:
        return self._netns is None

    def require_free(self) -> None:
        """Raise ForeignProgram where somebody else is seen to be in the way."""

    def describe_switch(self) -> str:
        raise NotImplementedError

    def switch(self, new: Program, old: Program | None) -> None:
        """Have the hook run `new` in place of `old`, in one atomic step."""
        raise NotImplementedError

    def take_away(self) -> None:
        """Have the hook run nothing of ours, in one step; fine where that is so already."""
        raise NotImplementedError

    def in_its_place(self) -> str:
        """What the hook has instead of our program, in words."""
        return "its filter is gone"

    def mode_in_force(self) -> str:
        return ""

    def clear(self) -> None:
        """Remove what is left once the hook runs nothing of ours."""
        kernel, layout = self._work.kernel, self._work.layout
        kernel.unpin(layout.accounting(self.record.hook))
        kernel.unpin(self.program_pin)
        kernel.unpin(self.replacement_pin)
        kernel.remove_directory(layout.chain_dir(self.record.hook))


class XdpPlace(Place):
    """A BPF link, pinned; it survives our process and is switched by an update."""

    def __init__(self, work: Work, record: ChainRecord) -> None:
        super().__init__(work, record)
        link = work.kernel.pinned_link(self.link_pin)
        if link is not None:
            self.kernel_link_id = link.id
            # A link whose interface went away, or that was detached by force, stays, without an interface.
            self.running = link.program_id if link.ifindex else None

    @property
    def gone(self) -> bool:
        """Not while the link runs: it goes along when its interface moves to another namespace, and can be switched
        from here.  A namespace that is gone takes its links with it, a moment later."""
        return self.namespace_gone or (self.running is None and super().gone)

    @property
    def moved(self) -> bool:
        return self.running is not None and not self._there

    def describe_switch(self) -> str:
        if self.running is None:
            return (
                f"attach the chain to {self} in {self.record.mode} mode, its link pinned at {self.link_pin}"
            )
        return f"switch the link of {self} to the new chain"

    def switch(self, new: Program, old: Program | None) -> None:
        if old is not None:
            self._work.kernel.update_link(self.link_pin, new.fd, old.fd)
            return
        self._work.kernel.unpin(self.link_pin)
        link = self._work.kernel.attach_xdp(
            new.fd, self.record.interface.ifindex, self.netns, self.record.mode
        )
        with link:  # unpinned, it detaches when it is closed
            self._work.kernel.pin(link.fd, self.link_pin)
            self.kernel_link_id = link.info.id

    def take_away(self) -> None:
        self._work.kernel.remove_link(self.link_pin)

    def in_its_place(self) -> str:
        other = self._work.kernel.xdp_program(self.record.interface.ifindex, self.netns)
        return f"program {other}, which bpfman did not attach, is there" if other else "its link is gone"

    def mode_in_force(self) -> str:
        mode = self._work.kernel.xdp_mode(self.record.interface.ifindex, self.netns) if self._there else ""
        return mode or self.record.mode


class TcPlace(Place):
    """A filter on clsact, known by its handle, which is chosen and recorded before it is made."""

    def __init__(self, work: Work, record: ChainRecord) -> None:
        super().__init__(work, record)
        if not self._there:
            return
        if record.filter_handle is not None:
            self.running = self._program_of(record.filter_handle)
        if self.running is None:
            self.record = record._replace(filter_handle=self._choose_handle())
            self.running = self._program_of(self._handle)
        self.clsact_created = self._ours_to_remove()

    @property
    def _direction(self) -> str:
        return self.record.hook.direction

    @property
    def _handle(self) -> int:
        assert self.record.filter_handle is not None
        return self.record.filter_handle

    def _choose_handle(self) -> int:
        """That of our filter, where one is left whose row is gone; else a free one."""
        interface, kernel = self.record.interface, self._work.kernel
        taken = kernel.filter_handles(interface.ifindex, self._direction, self.netns)
        pinned = kernel.pinned_program(self.program_pin) if taken else None
        if pinned is not None:
            for handle in taken:
                if self._program_of(handle) == pinned.id:
                    return handle
        return next(handle for handle in range(1, 1 << 16) if handle not in taken)

    def _program_of(self, handle: int) -> int | None:
        """What our filter runs; a filter of that handle by another name is somebody else's."""
        interface = self.record.interface
        return self._work.kernel.filter_program(
            FILTER_NAME, interface.ifindex, self._direction, self.netns, handle
        )

    def _ours_to_remove(self) -> bool:
        """Whether clsact goes with our last filter: we made it, for this direction or the other, or are about to."""
        hook, store = self.record.hook, self._work.store
        if store.clsact_created(hook):
            return True
        other = store.chain(hook._replace(type="tc-egress" if hook.type == "tc-ingress" else "tc-ingress"))
        same_namespace = other is not None and other.interface.cookie == self.record.interface.cookie
        if other is not None and same_namespace and store.clsact_created(other.hook):
            return True
        if self.running is not None:
            return False
        try:
            return not self._work.kernel.has_clsact(self.record.interface.ifindex, self.netns)
        except ForeignProgram:  # an `ingress` qdisc took its place: not ours to remove, nor ours to attach to
            return False

    def require_free(self) -> None:
        self._work.kernel.has_clsact(self.record.interface.ifindex, self.netns)

    def describe_switch(self) -> str:
        if self.running is None:
            return (
                f"add a filter for the chain to {self}, priority {FILTER_PRIORITY}, handle {self._handle:#x}"
            )
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
        if not self.gone and self._program_of(self._handle) is not None:
            ifindex = self.record.interface.ifindex
            self._work.kernel.remove_filter(ifindex, self._direction, self.netns, self._handle)

    def clear(self) -> None:
        if not self.gone:
            self._remove_clsact()
        super().clear()

    def _remove_clsact(self) -> None:
        if self.clsact_created:
            self._work.kernel.remove_clsact(self.record.interface.ifindex, self.netns)


def place_of(work: Work, record: ChainRecord) -> Place:
    return XdpPlace(work, record) if record.hook.family == "xdp" else TcPlace(work, record)


def new_record(hook: Hook, interface: Interface, mode: str) -> ChainRecord:
    """The row of a chain that does not run yet."""
    return ChainRecord(hook, interface, 0, 0, None, None, False, mode)
