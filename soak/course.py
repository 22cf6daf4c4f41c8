# SPDX-License-Identifier: Apache-2.0
"""One hook that packets pass, its members (`numbered.bpf.c`), and what they say of the packets.

The first and the last member and some in between stay as they are; the others come, go and move.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpfman import LoadSpec, Map, ProgramSpec
from soak.figure import Figure, exactly, none_of
from tests.manager.hooks import Hooked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman import Manager
    from soak.sender import Sender

OBJECT = str(Path(__file__).with_name("numbered.o"))
MEMBER = struct.pack("=I", 0x4D454D42)  # where a member's number goes
PORT = 47110  # both as in numbered.bpf.c
FIRST, LAST = 0, (1 << 31) - 1  # priorities
WRONGS = (
    "packets that never got to the last member",
    "packets that began behind the first member",
    "packets that met a member out of order, or twice",
    "packets whose note was another's",
)  # in the order of enum wrong
NUMBERS = 4096  # as in numbered.bpf.c
SPARE = 4  # members that are loaded and not attached


class Course:
    def __init__(self, manager: Manager, hooked: Hooked, members: int) -> None:
        self._manager, self._hooked = manager, hooked
        self._random = random.Random(hooked.type)
        self._data = Path(OBJECT).read_bytes()
        self._owner = self._load("first", 0)
        self.stays: list[int] = []  # numbers of members that never move
        self._links: dict[int, int] = {}  # of those that may: number of the member -> link
        self._lengths: set[int] = set()
        self.taken: dict[int, int] = {}  # priority -> number of the member
        self._programs = {number: self._load("member", number) for number in range(1, members - 1 + SPARE)}
        self._fill(members - 2)

    def _load(self, role: str, number: int) -> int:
        family = self._hooked.family
        owner = self._owner if role != "first" else None
        spec = LoadSpec((ProgramSpec(family, f"{family}_{role}"),), OBJECT, map_owner_id=owner)
        [program] = self._manager.load(spec, self._data.replace(MEMBER, struct.pack("=I", number)))
        return program.record.program_id

    def _fill(self, members: int) -> None:
        self._attach(self._owner, FIRST)
        self._attach(self._load("last", 0), LAST)
        for number in range(1, members + 1):
            self._join(number)
        stays = self._random.sample(sorted(self._links), max(1, members // 10))
        for number in stays:
            del self._links[number]
        self.stays = sorted(stays)

    def _attach(self, program_id: int, priority: int) -> int:
        return self._hooked.attach(self._manager, program_id, priority)

    def _join(self, number: int) -> None:
        """At a place of its own, which its note of the packet is compared with."""
        priority = self._random.randrange(FIRST + 1, LAST)
        while priority in self.taken:
            priority += 1
        self.taken[priority] = number
        with self.map("priorities") as priorities:
            priorities[number] = priority
        self._links[number] = self._attach(self._programs[number], priority)

    def _leave(self, number: int) -> None:
        self._manager.detach([self._links.pop(number)])
        self.taken = {priority: other for priority, other in self.taken.items() if other != number}

    @property
    def name(self) -> str:
        return self._hooked.type

    @property
    def _length(self) -> int:
        return len(self.taken)

    def watch(self) -> None:
        """From here on packets pass."""
        self._lengths = {self._length}

    def change(self, sender: Sender) -> None:
        """A member goes and another one, or the same at another place, comes; now and then counting is switched."""
        number = self._random.choice(sorted(self._links))
        self._leave(number)
        self._lengths.add(self._length)
        sender.wait_for_those_under_way()  # some may still meet it, at the priority it had
        free = sorted(set(self._programs) - set(self._links) - set(self.stays))
        self._join(self._random.choice(free))
        self._lengths.add(self._length)
        if self._random.random() < 0.1:
            self._manager.set_accounting(self._hooked.hook(self._manager), self._random.random() < 0.5)

    def figures(self, sent: int) -> Iterator[Figure]:
        name = self.name
        order = [member.priority for member in self.members()]
        unordered = [] if order == sorted(order) else [str(order)]
        yield none_of(f"{name}: members listed out of order", unordered)
        yield none_of(f"{name}: counts of packets that differ from those sent", self._differing(sent))
        lengths = {length: sum(self._read("lengths", length)) for length in range(512)}
        other = [
            f"{count} met {length}"
            for length, count in lengths.items()
            if count and length not in self._lengths
        ]
        yield none_of(f"{name}: packets that met as many members as no chain had", other)
        yield exactly(f"{name}: packets that left the chain", sum(lengths.values()), sent)
        for key, what in enumerate(WRONGS):
            yield exactly(f"{name}: {what}", sum(self._read("wrongs", key)), 0)

    def _differing(self, sent: int) -> list[str]:
        """Where the first, the last or one that stays did not meet each packet exactly once."""
        with self.map("passes") as passes:
            found = [
                f"packets {number} modulo {NUMBERS}: {seen}"
                for number, seen in passes.items()
                if set(seen.values()) != {len(range(number, sent, NUMBERS))}
            ]
        met = {number: sum(self._read("met", number)) for number in self.stays}
        return found + [f"member {number} met {count}" for number, count in met.items() if count != sent]

    def members(self) -> tuple[Any, ...]:
        return tuple(self._manager.chain(self._hooked.hook(self._manager)).members)

    def _read(self, name: str, key: int) -> list[int]:
        with self.map(name) as found:
            values: list[int] = found[key]
            return values

    def map(self, name: str) -> Map:
        """By its pin: to find one by its name takes as long as a change, among so many."""
        found = Map.pinned(self._manager.layout.map_pin(self._owner, name))
        assert found is not None
        return found

    def clear(self) -> None:
        """Unload all, the maps' owner last."""
        mine = [
            each.program_id for each in self._manager.programs() if each.record and self._is_mine(each.record)
        ]
        self._manager.unload(sorted(mine, reverse=True))

    def _is_mine(self, record: Any) -> bool:
        return bool(record.map_set_id == self._owner)
