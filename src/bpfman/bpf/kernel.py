# SPDX-License-Identifier: Apache-2.0
"""The kernel as the manager sees it: every operation on it, in one place.

`manager/` calls nothing of `bpf/` but this, and `testing/` has a fake of the same shape.  Nothing is decided here, and
nothing is imported before it is used: a listing pays for no loader.
"""

from __future__ import annotations

from bpfman.bpf import info, pin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, Protocol

    from bpfman.bpf.link.link import Ending, Link
    from bpfman.bpf.link.tcx import Anchor
    from bpfman.bpf.map import Map
    from bpfman.bpf.object import LoadedObject
    from bpfman.bpf.object_summary import ObjectSummary
    from bpfman.bpf.program import Bytecode, Program
    from bpfman.model.hook import Interface
    from bpfman.model.kernel import KernelLink, KernelMap, KernelProgram
    from bpfman.model.kinds import Kind
    from bpfman.model.program import ProgramSpec
    from bpfman.model.targets import Target

    class _Attachable(Protocol):
        """What a file in `link/` has for kinds with links of their own."""

        def check(self, kind: Kind, target: Target) -> None: ...
        def create(self, kind: Kind, program_fd: int, target: Target) -> Link: ...


class Kernel:
    """Stateless; one may serve many managers."""

    # what is there

    def program(self, program_id: int) -> KernelProgram | None:
        return info.program_by_id(program_id)

    def has_program(self, program_id: int, tag: str, load_time: int) -> bool:
        """Whether the kernel has the very program, not another that got its id."""
        return info.is_program(program_id, tag, load_time)

    def map(self, map_id: int) -> KernelMap | None:
        return info.map_by_id(map_id)

    def link(self, link_id: int) -> KernelLink | None:
        return info.link_by_id(link_id)

    def program_ids(self) -> Iterator[int]:
        return info.program_ids()

    def pinned_program(self, path: str) -> KernelProgram | None:
        from bpfman.bpf.program import Program

        program = Program.pinned(path)
        if program is None:
            return None
        with program:
            return program.info

    def pinned_link(self, path: str) -> KernelLink | None:
        from bpfman.bpf.link.link import Link

        link = Link.pinned(path)
        if link is None:
            return None
        with link:
            return link.info

    # programs and maps

    def load_object(
        self,
        data: bytes,
        summary: ObjectSummary,
        specs: Sequence[ProgramSpec],
        *,
        name: str,
        globals: Mapping[str, bytes],
        reuse: Mapping[str, str],
    ) -> LoadedObject:
        """`reuse` maps names of maps to the pins of those that take their place; a pin that is gone is not reused."""
        from bpfman.bpf import object as bpf_object
        from bpfman.bpf.map import Map

        opened: dict[str, Map] = {}
        try:
            for map_name, path in reuse.items():
                if (found := Map.pinned(path)) is not None:
                    opened[map_name] = found
            descriptors = {map_name: found.fd for map_name, found in opened.items()}
            return bpf_object.load(data, summary, specs, name=name, globals=globals, reuse=descriptors)
        finally:
            for found in opened.values():
                found.close()

    def load_bytecode(self, bytecode: Bytecode) -> Program:
        from bpfman.bpf.program import Program

        return Program.load(bytecode)

    def open_program(self, program_id: int) -> Program:
        from bpfman.bpf.program import Program

        return Program.by_id(program_id)

    def open_map(self, map_id: int) -> Map:
        from bpfman.bpf.map import Map

        return Map.by_id(map_id)

    def open_pinned_map(self, path: str) -> Map | None:
        from bpfman.bpf.map import Map

        return Map.pinned(path)

    def create_per_cpu_array(self, name: str, value_size: int) -> Map:
        """A per-CPU array of one value."""
        from bpfman.bpf.map import create_per_cpu_array

        return create_per_cpu_array(name, value_size)

    # pins

    def has_bpffs(self, path: str) -> bool:
        from bpfman.syscalls import mounts

        return mounts.is_bpffs(path) or mounts.is_mount_point_of(path, "bpf")

    def mount_bpffs(self, path: str) -> bool:
        """Mount a bpffs at `path` unless one is there; whether it was mounted just now."""
        from bpfman.syscalls import mounts

        if self.has_bpffs(path):
            return False
        mounts.mount("bpf", path, "bpf")
        return True

    def pin(self, fd: int, path: str) -> None:
        pin.pin(fd, path)

    def replace_pin(self, fd: int, path: str) -> None:
        pin.replace(fd, path)

    def unpin(self, path: str) -> bool:
        return pin.remove(path)

    def pin_exists(self, path: str) -> bool:
        return pin.exists(path)

    def pins_in(self, directory: str) -> list[str]:
        """The names in a directory of pins; none where it does not exist."""
        return pin.names_in(directory)

    def remove_directory(self, path: str) -> None:
        pin.remove_directory(path)

    # the network

    def interface(self, name: str, netns: str) -> Interface:
        """Raises InterfaceNotFound, with near names, or NamespaceNotFound."""
        from bpfman.bpf import network

        return network.resolve(name, netns)

    def find_namespace(self, interface: Interface) -> str | None:
        """A path by which the interface's namespace can be entered now ("" for our own); None when it is gone."""
        from bpfman.bpf import network

        return network.find_namespace(interface)

    def xdp_mode(self, ifindex: int, netns: str) -> str:
        """The mode that XDP runs in on an interface: native, generic, offload; empty when nothing runs."""
        from bpfman.bpf import network

        return network.xdp_mode(ifindex, netns)

    def xdp_program(self, ifindex: int, netns: str) -> int | None:
        """The id of the XDP program that an interface runs, whoever attached it."""
        from bpfman.bpf import network

        return network.xdp_program(ifindex, netns)

    def interface_name(self, ifindex: int, netns: str) -> str:
        """What the interface is called now; empty when it is gone."""
        from bpfman.bpf import network

        return network.name_of(ifindex, netns)

    # links

    def open_link(self, link_id: int) -> Link:
        """Raises LinkNotFound when the kernel has no link of that id."""
        from bpfman.bpf.link.link import Link

        return Link.by_id(link_id)

    def attach_xdp(self, program_fd: int, ifindex: int, netns: str, mode: str) -> Link:
        from bpfman.bpf.link import xdp

        return xdp.create(program_fd, ifindex, netns, mode)

    def attach_tcx(
        self, program_fd: int, ifindex: int, direction: str, netns: str, anchor: Anchor | None
    ) -> Link:
        """To a TCX hook, or (`direction` is primary or peer) to a netkit device."""
        from bpfman.bpf.link import netkit, tcx
        from bpfman.model.hook import SIDES

        create = netkit.create if direction in SIDES else tcx.create
        return create(program_fd, ifindex, direction, netns, anchor)

    def check_target(self, kind: Kind, target: Target) -> None:
        """Refuse what can be known not to work, before anything is changed; names that are near, what is missing."""
        _module(kind).check(kind, target)

    def attach_target(self, kind: Kind, program_fd: int, target: Target) -> Link:
        """Attach to a target that has a link of its own."""
        return _module(kind).create(kind, program_fd, target)

    def missing_functions(self, names: Iterable[str]) -> set[str]:
        """Those that neither the kernel nor a module of it has now."""
        from bpfman.bpf import kallsyms

        return kallsyms.missing(names)

    def update_link(self, path: str, new_fd: int, old_fd: int) -> None:
        """Switch the link pinned at `path`."""
        from bpfman.bpf.link.link import Link

        link = Link.pinned(path)
        if link is None:
            from bpfman.errors import KernelRefused

            raise KernelRefused(f"open link {path}", 2, "`bpfman chain list` shows what is left of the chain")
        with link:
            link.update(new_fd, old_fd)

    def remove_link(self, path: str) -> None:
        """Detach and unpin; returns when the kernel has let go of the link."""
        from bpfman.bpf.link import link

        link.remove(path)

    def release_link(self, path: str) -> Ending | None:
        """Detach and unpin; gives what there is to wait for until the kernel has let go of the link."""
        from bpfman.bpf.link import link

        ending = link.release(path)
        if not ending.exclusive:
            return ending
        ending.wait()
        return None

    # TC filters

    def ensure_clsact(self, ifindex: int, netns: str) -> bool:
        from bpfman.bpf.link import tc

        return tc.ensure_clsact(ifindex, netns)

    def has_clsact(self, ifindex: int, netns: str) -> bool:
        """Raises ForeignProgram when an `ingress` qdisc is in its place."""
        from bpfman.bpf.link import tc

        return tc.has_clsact(ifindex, netns)

    def filter_handles(self, ifindex: int, direction: str, netns: str) -> frozenset[int]:
        """The handles that are taken at our priority."""
        from bpfman.bpf.link import tc

        return tc.filter_handles(ifindex, direction, netns)

    def add_filter(
        self, program_fd: int, name: str, ifindex: int, direction: str, netns: str, handle: int
    ) -> None:
        from bpfman.bpf.link import tc

        tc.add_filter(program_fd, name, ifindex, direction, netns, handle)

    def replace_filter(
        self, program_fd: int, name: str, ifindex: int, direction: str, netns: str, handle: int
    ) -> None:
        from bpfman.bpf.link import tc

        tc.replace_filter(program_fd, name, ifindex, direction, netns, handle)

    def filter_program(self, name: str, ifindex: int, direction: str, netns: str, handle: int) -> int | None:
        """The id of the program that the filter of that name and handle runs; None when there is none."""
        from bpfman.bpf.link import tc

        return tc.filter_program(name, ifindex, direction, netns, handle)

    def remove_filter(self, ifindex: int, direction: str, netns: str, handle: int) -> None:
        from bpfman.bpf.link import tc

        tc.remove_filter(ifindex, direction, netns, handle)

    def remove_filters_of(self, program_id: int, direction: str, nsid: int, ifindex: int) -> None:
        """Remove the filters of ours that run a program, where only the hook's numbers are known."""
        from bpfman.bpf import network
        from bpfman.bpf.link import tc
        from bpfman.model.hook import Interface

        netns = network.find_namespace(Interface("", ifindex, "", nsid))
        if netns is not None:
            tc.remove_filters_of(program_id, ifindex, direction, netns)

    def remove_clsact(self, ifindex: int, netns: str) -> bool:
        from bpfman.bpf.link import tc

        return tc.remove_clsact(ifindex, netns)


def _module(kind: Kind) -> _Attachable:
    module: Any = __import__(f"bpfman.bpf.link.{kind.module}", fromlist=[kind.module])
    found: _Attachable = module
    return found
