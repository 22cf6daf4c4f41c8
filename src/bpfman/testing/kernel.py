# SPDX-License-Identifier: Apache-2.0
"""A kernel in memory, for tests of what uses a Manager: no root, no BPF, failures wherever they are wanted.

    kernel = FakeKernel()
    kernel.add_interface("eth0")
    manager = Manager(Layout(str(tmp_path / "run")), kernel=kernel)
    [program] = manager.load_file(object_file, [ProgramSpec("xdp", "count_xdp")])
    kernel.fail("attach_xdp", KernelRefused("attach", errno.EBUSY))

It has every method of `bpfman.bpf.kernel.Kernel` (a test says so) and knows what the manager relies on: ids that are
never given twice, objects that live as long as something holds them, links that are switched only from the program they
run, filters by handle, the order of TCX and netkit, interfaces and namespaces that go.  Pins are plain files, so
removing one by hand works as it does in a bpffs.  It runs no program: verdicts and counts are for a real kernel to
tell, as is whatever a verifier has to say.  Links of TCX ask for no order of others than the order they were attached
in.  Every interface is whatever is attached to: it may as well be a netkit device.

One FakeKernel stands for one machine: give it to each Manager in turn, as a command line would find the same kernel.
The same test class proves the two alike (tests/testing/test_kernel.py).
"""

from __future__ import annotations

import errno
import hashlib
import time

from bpfman.bpf.kernel import Kernel
from bpfman.bpf.object import LoadedMap, LoadedProgram
from bpfman.bpf.object_maps import PIN_BY_NAME
from bpfman.errors import ForeignProgram, KernelRefused
from bpfman.model.code import MapReference, ProgramCode
from bpfman.model.kernel import KernelLink, KernelMap, KernelProgram
from bpfman.model.kinds import KINDS
from bpfman.model.targets import StructOpsAttach
from bpfman.testing.faults import Faults
from bpfman.testing.links import LINKS, ORDERED, PERF_LINK, XDP_LINK
from bpfman.testing.memory import LINK, MAP, PROGRAM, FakeLink, FakeLoadedObject, FakeMap, FakeProgram, Memory
from bpfman.testing.wires import Filter, Wires

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bpfman.bpf.link.link import Ending, Link
    from bpfman.bpf.link.tcx import Anchor
    from bpfman.bpf.map import Map
    from bpfman.bpf.object import LoadedObject
    from bpfman.bpf.object_summary import ObjectSummary
    from bpfman.bpf.program import Bytecode, Program
    from bpfman.model.hook import Interface
    from bpfman.model.kinds import Kind
    from bpfman.model.program import ProgramSpec
    from bpfman.model.targets import Target

_ARRAY, _PERCPU_ARRAY, _STRUCT_OPS_MAP = 2, 6, 26  # enum bpf_map_type
_LOAD_MAP = b"\x18\x11" + bytes(14)  # r1 = a map, by descriptor
_RETURN = b"\xb7\x00\x00\x00%c\x00\x00\x00\x95" + bytes(7)  # r0 = a verdict; exit


class FakeKernel(Faults, Kernel):
    """The machine.  `fail`, `fail_all`, `mend` and `calls` are those of `Faults`."""

    def __init__(self) -> None:
        super().__init__()
        self._wires = Wires()
        self._memory = Memory(self._wires.in_filters)
        self._order: dict[tuple[int, int, str], list[int]] = {}  # links of a TCX hook or a netkit device
        self._loads = 0

    # the machine, as a test sets it up

    def add_interface(self, name: str, netns: str = "") -> int:
        """A new interface; its index.  A namespace is made with the first one in it."""
        return self._wires.add_interface(name, netns)

    def remove_interface(self, name: str, netns: str = "") -> None:
        """With all that is attached to it."""
        place = (self._wires.nsid(netns), self._wires.remove_interface(name, netns))
        for number, link in self._memory.links.items():
            if (link.netns_ino, link.ifindex) == place:
                self._memory.links[number] = link._replace(ifindex=0)
        self._memory.collect()

    def remove_namespace(self, netns: str) -> None:
        for name in self._wires.names(netns):
            self.remove_interface(name, netns)
        self._wires.remove_namespace(netns)

    def xdp_on(self, name: str, netns: str = "") -> int | None:
        """The id of the XDP program that an interface runs."""
        return self._xdp(self._wires.interface(name, netns).ifindex, netns)

    def tcx_on(self, name: str, direction: str, netns: str = "") -> list[int]:
        """The ids of the programs at a TCX hook or (primary, peer) a netkit device, in the order they run."""
        found = self._wires.interface(name, netns)
        links = self._order.get((found.nsid, found.ifindex, direction), [])
        return [self._memory.links[link].program_id for link in links if self._is_attached(link)]

    # what is there

    def program(self, program_id: int) -> KernelProgram | None:
        self._memory.collect()
        return self._memory.programs.get(program_id)

    def has_program(self, program_id: int, tag: str, load_time: int) -> bool:
        found = self.program(program_id)
        return found is not None and (found.tag, found.load_time) == (tag, load_time)

    def map(self, map_id: int) -> KernelMap | None:
        self._memory.collect()
        return self._memory.maps.get(map_id)

    def link(self, link_id: int) -> KernelLink | None:
        self._memory.collect()
        return self._memory.links.get(link_id)

    def program_ids(self) -> Iterator[int]:
        self._memory.collect()
        return iter(sorted(self._memory.programs))

    def pinned_program(self, path: str) -> KernelProgram | None:
        found = self._memory.pinned(path, PROGRAM)
        return self._memory.programs[found] if found is not None else None

    def pinned_link(self, path: str) -> KernelLink | None:
        found = self._memory.pinned(path, LINK)
        return self._memory.links[found] if found is not None else None

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
        maps = self._object_maps(summary, name, reuse)
        # What tells two loads of one program apart for the kernel: its instructions, and the data they came with.
        salt = data + repr(sorted(globals.items())).encode()
        programs = []
        for spec in specs:
            ids = tuple(found.info.id for _, found in maps)
            code = ProgramCode(
                _LOAD_MAP * len(ids) + _RETURN % (2 if spec.type == "xdp" else 3),
                tuple(MapReference(2 * number, map_id) for number, map_id in enumerate(ids)),
            )
            loaded = self._new_program(spec.name, KINDS[spec.type].kernel_type, salt + code.instructions, ids)
            [entry] = summary.select([spec.name])
            programs.append(LoadedProgram(spec, loaded.fd, loaded.info, code, "frags" in entry.section))
        pinned_by_name = {each.name for each in summary.maps if each.pinning == PIN_BY_NAME}
        loaded_maps = tuple(
            LoadedMap(
                full, found.fd, found.info, "." in full, full in pinned_by_name, self._is_reused(full, reuse)
            )
            for full, found in maps
        )
        descriptors = [*(each.fd for each in programs), *(each.fd for each in loaded_maps)]
        return FakeLoadedObject(self._memory, descriptors, tuple(programs), loaded_maps)

    def _is_reused(self, name: str, reuse: Mapping[str, str]) -> bool:
        return name in reuse and self._memory.pinned(reuse[name], MAP) is not None

    def _object_maps(
        self, summary: ObjectSummary, name: str, reuse: Mapping[str, str]
    ) -> list[tuple[str, FakeMap]]:
        found: list[tuple[str, FakeMap]] = []
        for each in summary.maps:
            there = self._memory.pinned(reuse[each.name], MAP) if each.name in reuse else None
            shape = (each.type, each.key_size, each.value_size, each.max_entries)
            found.append(
                (
                    each.name,
                    FakeMap(self._memory, there) if there is not None else self._new_map(each.name, *shape),
                )
            )
        for operations in summary.operations:
            found.append((operations.name, self._new_map(operations.name, _STRUCT_OPS_MAP, 4, 256, 1)))
        for section in sorted({variable.section for variable in summary.globals}):
            found.append((f"{name[:8]}{section}", self._new_map(f"{name[:8]}{section}", _ARRAY, 4, 8, 1)))
        return found

    def _new_map(self, name: str, kind: int, key_size: int, value_size: int, max_entries: int) -> FakeMap:
        number = self._memory.new_id(MAP)
        self._memory.maps[number] = KernelMap(
            number, name[:15], kind, key_size, value_size, max_entries, 0, 0, 0, 0, 0, 4096, False
        )
        return FakeMap(self._memory, number)

    def _new_program(self, name: str, kind: int, contents: bytes, map_ids: Iterable[int]) -> FakeProgram:
        number = self._memory.new_id(PROGRAM)
        self._loads += 1
        self._memory.programs[number] = KernelProgram(
            id=number, name=name[:15], type=kind, tag=hashlib.sha256(contents).hexdigest()[:16],
            load_time=self._loads, loaded_at=int(time.time()), uid=0, btf_id=0, map_ids=tuple(map_ids),
            jited_size=len(contents), xlated_size=len(contents), verified_insns=len(contents) // 8, memlock=4096,
            restricted=False, gpl_compatible=True, run_time=0, run_count=0, recursion_misses=0,
        )  # fmt: skip
        return FakeProgram(self._memory, number)

    def load_bytecode(self, bytecode: Bytecode) -> Program:
        self._memory.collect()
        map_ids = dict.fromkeys(reference.map_id for reference in bytecode.maps)
        for map_id in map_ids:
            if map_id not in self._memory.maps:
                raise KernelRefused(f"open map {map_id}", errno.ENOENT)
        return self._new_program(bytecode.name, bytecode.program_type, bytecode.instructions, map_ids)

    def open_program(self, program_id: int) -> Program:
        self._memory.collect()
        return FakeProgram(self._memory, program_id)

    def open_map(self, map_id: int) -> Map:
        self._memory.collect()
        return FakeMap(self._memory, map_id)

    def open_pinned_map(self, path: str) -> Map | None:
        found = self._memory.pinned(path, MAP)
        return FakeMap(self._memory, found) if found is not None else None

    def create_per_cpu_array(self, name: str, value_size: int) -> Map:
        return self._new_map(name, _PERCPU_ARRAY, 4, value_size, 1)

    # pins

    def has_bpffs(self, path: str) -> bool:
        """Pins are files: any directory does."""
        return True

    def mount_bpffs(self, path: str) -> bool:
        return False

    def pin(self, fd: int, path: str) -> None:
        self._memory.pin(fd, path)

    def replace_pin(self, fd: int, path: str) -> None:
        self._memory.replace_pin(fd, path)

    def unpin(self, path: str) -> bool:
        return self._memory.unpin(path)

    def pin_exists(self, path: str) -> bool:
        return super().pin_exists(path)

    def pins_in(self, directory: str) -> list[str]:
        return super().pins_in(directory)

    def remove_directory(self, path: str) -> None:
        super().remove_directory(path)

    # the network

    def interface(self, name: str, netns: str) -> Interface:
        return self._wires.interface(name, netns)

    def find_namespace(self, interface: Interface) -> str | None:
        return self._wires.path_of(interface.nsid)

    def interface_name(self, ifindex: int, netns: str) -> str:
        return self._wires.name_of(ifindex, netns)

    def xdp_mode(self, ifindex: int, netns: str) -> str:
        return "native" if self._xdp(ifindex, netns) is not None else ""

    def xdp_program(self, ifindex: int, netns: str) -> int | None:
        return self._xdp(ifindex, netns)

    def _xdp(self, ifindex: int, netns: str) -> int | None:
        self._memory.collect()
        place = (self._wires.nsid(netns), ifindex)
        there = (link for link in self._memory.links.values() if link.type == XDP_LINK)
        return next((link.program_id for link in there if (link.netns_ino, link.ifindex) == place), None)

    # links

    def _new_link(
        self, program_fd: int, kind: int, nsid: int = 0, ifindex: int = 0, attach: int = 0
    ) -> FakeLink:
        number = self._memory.new_id(LINK)
        program_id = self._memory.behind(program_fd, PROGRAM)
        self._memory.links[number] = KernelLink(
            number, program_id, kind, attach_type=attach, ifindex=ifindex, netns_ino=nsid
        )
        return FakeLink(self._memory, number)

    def _is_attached(self, link_id: int) -> bool:
        self._memory.collect()
        return link_id in self._memory.links and self._memory.links[link_id].ifindex != 0

    def open_link(self, link_id: int) -> Link:
        self._memory.collect()
        return FakeLink(self._memory, link_id)

    def attach_xdp(self, program_fd: int, ifindex: int, netns: str, mode: str) -> Link:
        other = self._xdp(ifindex, netns)
        if other is not None:
            raise ForeignProgram(f"interface already has an XDP program attached: program {other}")
        return self._new_link(program_fd, XDP_LINK, self._wires.nsid(netns), ifindex)

    def attach_tcx(
        self, program_fd: int, ifindex: int, direction: str, netns: str, anchor: Anchor | None
    ) -> Link:
        nsid = self._wires.nsid(netns)
        hook = (nsid, ifindex, direction)
        order = self._order[hook] = [link for link in self._order.get(hook, []) if self._is_attached(link)]
        if anchor is not None and anchor.kernel_link_id not in order:
            raise KernelRefused(f"attach to tcx {direction} of interface {ifindex}", errno.ENOENT)
        kind, attach = ORDERED[direction]
        link = self._new_link(program_fd, kind, nsid, ifindex, attach)
        place = len(order) if anchor is None else order.index(anchor.kernel_link_id) + (not anchor.before)
        order.insert(place, link.info.id)
        return link

    def check_target(self, kind: Kind, target: Target) -> None:
        """There is every target."""

    def attach_target(self, kind: Kind, program_fd: int, target: Target) -> Link:
        link = self._new_link(program_fd, LINKS.get(kind.module, PERF_LINK))
        if isinstance(target, StructOpsAttach):  # a link of a map: the kernel tells no program
            self._memory.links[link.info.id] = link.info._replace(program_id=0, target_obj_id=target.map_id)
        return link

    def missing_functions(self, names: Iterable[str]) -> set[str]:
        """There is every function."""
        return set()

    def update_link(self, path: str, new_fd: int, old_fd: int) -> None:
        found = self._memory.pinned(path, LINK)
        if found is None:
            raise KernelRefused(f"open link {path}", errno.ENOENT)
        with FakeLink(self._memory, found) as link:
            link.update(new_fd, old_fd)

    def remove_link(self, path: str) -> None:
        found = self._memory.pinned(path, LINK)
        if found is not None:
            with FakeLink(self._memory, found) as link:
                link.detach()
                self._memory.unpin(path)

    def release_link(self, path: str) -> Ending | None:
        self.remove_link(path)
        return None

    # TC filters

    def ensure_clsact(self, ifindex: int, netns: str) -> bool:
        return self._wires.add_clsact(ifindex, netns)

    def has_clsact(self, ifindex: int, netns: str) -> bool:
        return self._wires.has_clsact(ifindex, netns)

    def filter_handles(self, ifindex: int, direction: str, netns: str) -> frozenset[int]:
        return frozenset(self._wires.at(ifindex, direction, netns))

    def add_filter(
        self, program_fd: int, name: str, ifindex: int, direction: str, netns: str, handle: int
    ) -> None:
        added = Filter(name, self._memory.behind(program_fd, PROGRAM))
        self._wires.add_filter(added, ifindex, direction, netns, handle)

    def replace_filter(
        self, program_fd: int, name: str, ifindex: int, direction: str, netns: str, handle: int
    ) -> None:
        there = self._wires.at(ifindex, direction, netns)
        there[handle] = Filter(name, self._memory.behind(program_fd, PROGRAM))
        self._memory.collect()

    def filter_program(self, name: str, ifindex: int, direction: str, netns: str, handle: int) -> int | None:
        found = self._wires.at(ifindex, direction, netns).get(handle)
        return found.program_id if found is not None and found.name == name else None

    def remove_filter(self, ifindex: int, direction: str, netns: str, handle: int) -> None:
        self._wires.at(ifindex, direction, netns).pop(handle, None)
        self._memory.collect()

    def remove_filters_of(self, program_id: int, direction: str, nsid: int, ifindex: int) -> None:
        self._wires.remove_filters_of(program_id, direction, nsid, ifindex)
        self._memory.collect()

    def remove_clsact(self, ifindex: int, netns: str) -> bool:
        return self._wires.remove_clsact(ifindex, netns)
