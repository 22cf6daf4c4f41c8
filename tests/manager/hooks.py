# SPDX-License-Identifier: Apache-2.0
"""What tests of hooks share: programs of the test objects, packets, and what of ours is in the kernel."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import time

from bpfman import Map, ProgramSpec, tc, xdp
from bpfman.bpf.info import program_by_id
from bpfman.bpf.program import Program
from bpfman.model.hook import CHAIN_TYPES, ORDERED_TYPES
from bpfman.model.kinds import ATTACH_TCX_EGRESS, ATTACH_TCX_INGRESS
from bpfman.model.value import NamedTuple
from bpfman.syscalls import bpf
from bpfman.syscalls.interfaces import interface
from bpfman.syscalls.namespaces import entered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman import Hook, Manager
    from bpfman.model.kernel import KernelProgram
    from bpfman.model.link import ChainAttach
    from bpfman.store.layout import Layout
    from bpfman.testing.network import End, VethPair

OBJECTS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "objects")
PROG_QUERY = 16  # enum bpf_cmd
PACKET = bytes(12) + b"\x08\x00" + bytes(50)  # an Ethernet frame, as much as the kernel wants to see


def load(manager: Manager, object_name: str, kind: str, name: str, **options: object) -> int:
    """The id of one program of `tests/objects/OBJECT_NAME.o`."""
    path = os.path.join(OBJECTS, object_name + ".o")
    [program] = manager.load_file(path, [ProgramSpec(kind, name)], **options)  # type: ignore[arg-type]
    return program.record.program_id


def u32(number: int) -> bytes:
    return struct.pack("=I", number & 0xFFFFFFFF)


class Hooked(NamedTuple):
    """A chain hook on the first end of a veth pair, as tests name it: "xdp", "tc-ingress", "tc-egress"."""

    type: str
    end: End

    @property
    def family(self) -> str:
        return self.type.partition("-")[0]

    @property
    def direction(self) -> str:
        return self.type.partition("-")[2]

    @property
    def netns(self) -> str:
        return self.end.namespace.path

    def spec(self, priority: int, *proceed_on: str) -> ChainAttach:
        if self.family == "xdp":
            return xdp(self.end.interface, priority=priority, proceed_on=proceed_on, netns=self.netns)
        return tc(
            self.end.interface, self.direction, priority=priority, proceed_on=proceed_on, netns=self.netns
        )

    def hook(self, manager: Manager) -> Hook:
        return manager.find_hook(self.family, self.end.interface, self.direction, self.netns)

    def load(self, manager: Manager, verdict: str) -> int:
        """A program that returns a verdict, and counts its runs."""
        return load(manager, f"{self.family}_verdicts", self.family, f"{self.family}_{verdict}")

    @property
    def go_on(self) -> str:
        """The verdict after which a chain goes on unless told otherwise."""
        return "pass" if self.family == "xdp" else "pipe"

    @property
    def stop(self) -> str:
        """The verdict that drops the packet."""
        return "drop" if self.family == "xdp" else "shot"

    def attach(self, manager: Manager, program_id: int, priority: int, *proceed_on: str) -> int:
        """The new link's id."""
        return manager.attach(program_id, self.spec(priority, *proceed_on)).record.id

    def members(self, manager: Manager) -> list[int]:
        """The links of its members, in the order they run."""
        return [member.link_id for member in manager.chain(self.hook(manager)).members]

    def running(self) -> int | None:
        """The id of the program on the interface, by netlink and not by us; None without one.  More than one filter
        fails the test."""
        if self.family == "xdp":
            [link] = json.loads(self.end.namespace.ip("-j", "link", "show", "dev", self.end.interface))
            return int(link["xdp"]["prog"]["id"]) if link.get("xdp", {}).get("prog") else None
        found = [each for each in filters(self.end, self.direction) if each["name"] == "bpfman_chain"]
        assert len(found) <= 1, found
        return found[0]["program"] if found else None


def on(kind: str, veth: VethPair) -> Hooked:
    assert kind in CHAIN_TYPES
    return Hooked(kind, veth.a)


def filters(end: End, direction: str) -> list[dict]:
    """The BPF filters of a direction, as `tc` shows them: name, handle, priority, program."""
    command = ["tc", "-n", end.namespace.name, "-j", "filter", "show", "dev", end.interface, direction]
    shown = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [
        {
            "name": each["options"].get("bpf_name", ""),
            "handle": int(each["options"]["handle"], 16),
            "priority": each["pref"],
            "program": each["options"].get("prog", {}).get("id"),
        }
        for each in json.loads(shown or "[]")
        if each["kind"] == "bpf" and "options" in each and "handle" in each["options"]
    ]


def qdiscs(end: End) -> list[str]:
    command = ["tc", "-n", end.namespace.name, "-j", "qdisc", "show", "dev", end.interface]
    return [
        each["kind"] for each in json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    ]


def run_tc(end: End, *arguments: str) -> None:
    """`tc ARGUMENTS` in the end's namespace."""
    subprocess.run(["tc", "-n", end.namespace.name, *arguments], check=True, capture_output=True)


def in_kernel(program_id: int | None) -> KernelProgram:
    """What the kernel says of a program that is there."""
    found = program_by_id(program_id or 0)
    assert found is not None
    return found


def wait_until(condition, within: float = 5.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def until_gone(programs: list[int]) -> None:
    """The kernel frees what nobody holds a moment later."""
    wait_until(lambda: not any(program_by_id(program) for program in programs))


def until_runs_no_xdp(end: End) -> None:
    """A link whose last pin went lets go of its interface a moment after its id is free."""

    def runs_none() -> bool:
        with entered(end.namespace.path):
            found = interface(end.ifindex)
            return found is None or found.xdp is None

    wait_until(runs_none)


def verdict_of(program_id: int) -> int:
    """What a program answers to a packet, as a signed number."""
    with Program.by_id(program_id) as program:
        verdict = program.test_run(PACKET, room=256).verdict
    return verdict - (1 << 32) if verdict >> 31 else verdict


class ProgQueryAttr(ctypes.Structure):
    """`union bpf_attr` for BPF_PROG_QUERY (include/uapi/linux/bpf.h)."""

    _fields_ = (
        ("target_ifindex", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("query_flags", ctypes.c_uint32),
        ("attach_flags", ctypes.c_uint32),
        ("prog_ids", ctypes.c_uint64),
        ("count", ctypes.c_uint32),
        ("unused", ctypes.c_uint32),
        ("pointers", ctypes.c_uint64 * 3),
        ("revision", ctypes.c_uint64),
    )


def tcx_programs(end: End, direction: str) -> list[int]:
    """The ids of the programs of a TCX hook, in the order the kernel runs them."""
    room = (ctypes.c_uint32 * 64)()
    attach_type = {"ingress": ATTACH_TCX_INGRESS, "egress": ATTACH_TCX_EGRESS}[direction]
    attr = ProgQueryAttr(end.ifindex, attach_type, prog_ids=ctypes.addressof(room), count=len(room))
    with entered(end.namespace.path):
        bpf.call(PROG_QUERY, attr)
    return list(room[: attr.count])


class Trails:
    """Programs that leave their number in a trail which all of them share."""

    def __init__(self, manager: Manager, hooked: Hooked) -> None:
        self._manager, self._hooked = manager, hooked
        self._owner: int | None = None
        self._name = f"{hooked.family}_trail"

    def program(self, number: int, verdict: int | None = None) -> int:
        """A program that leaves `number`, and returns what lets the chain go on unless told otherwise."""
        if verdict is None:
            verdict = 2 if self._hooked.family == "xdp" else 3
        values = {"member": u32(number), "verdict": u32(verdict)}
        program = load(
            self._manager, "trail", self._hooked.family, self._name, globals=values, map_owner_id=self._owner
        )
        if self._owner is None:
            self._owner = program
        return program

    def run(self) -> list[int]:
        """The numbers of the members that run for a packet, in order."""
        return self.run_of(self._manager.chain(self._hooked.hook(self._manager)).record.program_id)

    def run_of(self, program_id: int) -> list[int]:
        """The same for a chain elsewhere."""
        return self.seen(lambda: verdict_of(program_id))

    def seen(self, act) -> list[int]:
        """The numbers that are left while `act` runs."""
        with self._map() as trail:
            trail[0] = {**trail[0], "length": 0}
            act()
            found = trail[0]
        return list(found["members"][: found["length"]])

    def _map(self) -> Map:
        return self._manager.open_map("trail", self._owner)


def counted(manager: Manager, map_name: str, program_id: int, key: int) -> int:
    """The sum over all CPUs of one element of a program's counters."""
    with manager.open_map(map_name, program_id) as counters:
        values = counters[key]
    return sum(value["rx_packets"] if isinstance(value, dict) else value for value in values)


def no_arp(veth: VethPair) -> None:
    """Tell each end where the other is, so that only what a test sends is on the wire."""
    for end, other in ((veth.a, veth.b), (veth.b, veth.a)):
        [link] = json.loads(other.namespace.ip("-j", "link", "show", "dev", other.interface))
        end.namespace.ip("neigh", "replace", other.address, "lladdr", link["address"], "dev", end.interface)


def udp_socket(end: End, port: int = 0) -> socket.socket:
    """A UDP socket in the end's namespace, bound to its address."""
    with entered(end.namespace.path):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((end.address, port))
    return made


def files_below(layout: Layout) -> set[str]:
    """Everything in a runtime directory that an application left there: pins, copies, all but the fixed frame."""
    found = set()
    for folder, folders, files in os.walk(layout.runtime_dir):
        for name in (*folders, *files):
            path = os.path.relpath(os.path.join(folder, name), layout.runtime_dir)
            found.add(path)
    frame = {
        ".lock",
        "db",
        "db/store.db",
        "db/store.db-wal",
        "db/store.db-shm",
        "fs",
        "programs",
        "programs/.staging",
    }
    # Empty folders that stay once a kind was used, and what every bpffs has.
    kinds = {
        "fs/maps",
        "fs/links",
        "fs/shared",
        *(f"fs/{t}" for t in (*CHAIN_TYPES, *ORDERED_TYPES)),
    }
    return found - frame - kinds - {"fs/maps.debug", "fs/progs.debug"}
