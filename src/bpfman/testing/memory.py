# SPDX-License-Identifier: Apache-2.0
"""What the fake kernel holds: programs, maps and links in memory, descriptors that are numbers, pins that are files.

As in the kernel, an object lives as long as something holds it: a descriptor, a pin, a link or filter that runs it, a
program that uses it.  Made by `bpfman.testing.kernel`; the descriptors it gives out are what `manager/` sees.
"""

from __future__ import annotations

import errno
import os
import sys

from bpfman.bpf.link.link import Link
from bpfman.bpf.map import Map, possible_cpus
from bpfman.bpf.object import LoadedObject
from bpfman.bpf.program import Program, TestRun, Types
from bpfman.errors import KernelRefused, LinkNotFound, MapNotFound, ProgramNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bpfman.bpf.object import LoadedMap, LoadedProgram
    from bpfman.model.kernel import KernelLink, KernelMap, KernelProgram

_FIRST_DESCRIPTOR = 1 << 20  # no real one is as large, so none can be closed by accident
PROGRAM, MAP, LINK = "program", "map", "link"
_HASHES = (1, 5, 9, 10)  # enum bpf_map_type; of the others, arrays have all their elements from the start


class Memory:
    """All objects.  `running` gives the ids of the programs that filters run."""

    def __init__(self, running: Callable[[], Iterator[int]]) -> None:
        self.programs: dict[int, KernelProgram] = {}
        self.maps: dict[int, KernelMap] = {}
        self.links: dict[int, KernelLink] = {}
        self.values: dict[int, dict[bytes, bytes]] = {}
        self._running = running
        self._descriptors: dict[int, tuple[str, int]] = {}
        self._pins: dict[str, tuple[str, int]] = {}
        self._last = {PROGRAM: 0, MAP: 0, LINK: 0}
        self._next_descriptor = _FIRST_DESCRIPTOR

    def new_id(self, kind: str) -> int:
        self._last[kind] += 1
        return self._last[kind]

    # descriptors

    def open(self, kind: str, object_id: int) -> int:
        self._next_descriptor += 1
        self._descriptors[self._next_descriptor] = (kind, object_id)
        return self._next_descriptor

    def close(self, descriptor: int) -> None:
        self._descriptors.pop(descriptor, None)
        self.collect()

    def behind(self, descriptor: int, kind: str) -> int:
        """The id of the object behind a descriptor."""
        found_kind, object_id = self._descriptors.get(descriptor, ("", 0))
        if found_kind != kind:
            raise KernelRefused(f"use descriptor {descriptor} as a {kind}", errno.EBADF)
        return object_id

    # pins

    def pin(self, descriptor: int, path: str) -> None:
        kind, object_id = self._descriptors[descriptor]
        try:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            with open(path, "x", encoding="ascii") as file:
                file.write(f"{kind} {object_id}\n")
        except OSError as error:
            raise KernelRefused(f"pin {path}", error.errno or 0) from error
        self._pins[path] = (kind, object_id)

    def replace_pin(self, descriptor: int, path: str) -> None:
        beside = path + "_next"
        self.unpin(beside)
        self.pin(descriptor, beside)
        os.rename(beside, path)
        self._pins[path] = self._pins.pop(beside)
        self.collect()

    def unpin(self, path: str) -> bool:
        there = self._pins.pop(path, None) is not None
        try:
            os.unlink(path)
        except FileNotFoundError:
            there = False
        self.collect()
        return there

    def pinned(self, path: str, kind: str) -> int | None:
        """The id of the object pinned at a path; None when nothing is.  Files removed by hand are pins no more."""
        self.collect()
        found_kind, object_id = self._pins.get(path, ("", 0))
        return object_id if found_kind == kind else None

    # life and death

    def collect(self) -> None:
        """Forget what nothing holds."""
        self._pins = {path: found for path, found in self._pins.items() if os.path.lexists(path)}
        held = {*self._descriptors.values(), *self._pins.values()}
        self.links = {number: link for number, link in self.links.items() if (LINK, number) in held}
        used = {link.program_id for link in self.links.values()} | set(self._running())
        self.programs = {
            number: each
            for number, each in self.programs.items()
            if number in used or (PROGRAM, number) in held
        }
        mapped = {map_id for program in self.programs.values() for map_id in program.map_ids}
        self.maps = {
            number: each for number, each in self.maps.items() if number in mapped or (MAP, number) in held
        }


class FakeProgram(Program):
    def __init__(self, memory: Memory, program_id: int) -> None:
        if program_id not in memory.programs:
            raise ProgramNotFound(program_id)
        super().__init__(memory.open(PROGRAM, program_id))
        self._memory, self._id = memory, program_id

    def close(self) -> None:
        self._memory.close(self.fd)

    @property
    def info(self) -> KernelProgram:
        return self._memory.programs[self._id]

    def types(self) -> Types | None:
        return None

    def test_run(self, packet: bytes, *, repeat: int = 1, room: int = 0) -> TestRun:
        raise KernelRefused("run the program on a packet", errno.EOPNOTSUPP, "the fake kernel runs nothing")


class FakeMap(Map):
    def __init__(self, memory: Memory, map_id: int) -> None:
        if map_id not in memory.maps:
            raise MapNotFound(f"map {map_id} does not exist")
        self.fd = memory.open(MAP, map_id)
        self.info = memory.maps[map_id]
        self._decoders = None
        self._memory = memory
        self._values = memory.values.setdefault(map_id, {})

    def close(self) -> None:
        self._memory.close(self.fd)

    def lookup(self, key: bytes) -> bytes:
        if key not in self._values and self.info.type in _HASHES:
            raise MapNotFound(f"map {self.info.name} (id {self.info.id}) has no key {key.hex(' ')}")
        size = self._stride * possible_cpus() if self.per_cpu else self.info.value_size
        return self._values.get(key, bytes(size))

    def update(self, key: bytes, value: bytes) -> None:
        self._values[key] = value

    def delete(self, key: bytes) -> None:
        self._values.pop(key, None)

    def raw_keys(self) -> Iterator[bytes]:
        if self.info.type in _HASHES:
            yield from list(self._values)
        else:
            yield from (number.to_bytes(4, sys.byteorder) for number in range(self.info.max_entries))


class FakeLink(Link):
    def __init__(self, memory: Memory, link_id: int) -> None:
        if link_id not in memory.links:
            raise LinkNotFound(link_id)
        super().__init__(memory.open(LINK, link_id))
        self._memory, self._id = memory, link_id

    def close(self) -> None:
        self._memory.close(self.fd)

    @property
    def info(self) -> KernelLink:
        return self._memory.links[self._id]

    def pin(self, path: str) -> None:
        self._memory.unpin(path)
        self._memory.pin(self.fd, path)

    def update(self, new_fd: int, old_fd: int) -> None:
        old, new = (self._memory.behind(fd, PROGRAM) for fd in (old_fd, new_fd))
        if not self.info.ifindex or self.info.program_id != old:
            number = errno.EPERM if self.info.ifindex else errno.ENOLINK
            raise KernelRefused("switch the link to its new program", number)
        self._memory.links[self._id] = self.info._replace(program_id=new)

    def detach(self) -> None:
        self._memory.links[self._id] = self.info._replace(ifindex=0)


class FakeLoadedObject(LoadedObject):
    """What was loaded, held by descriptors until it is closed."""

    def __init__(
        self,
        memory: Memory,
        descriptors: Sequence[int],
        programs: tuple[LoadedProgram, ...],
        maps: tuple[LoadedMap, ...],
    ) -> None:
        super().__init__(0, programs, maps)
        self._memory, self._descriptors = memory, descriptors

    def close(self) -> None:
        for descriptor in self._descriptors:
            self._memory.close(descriptor)
