# SPDX-License-Identifier: Apache-2.0
"""Where it is measured: a runtime directory of our own, in memory as the real one is, and a veth pair."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpfman
from bpfman.syscalls import mounts
from bpfman.testing.network import namespace, veth_pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.kernel import Kernel


OBJECTS = Path(__file__).resolve().parent.parent / "tests" / "objects"
COUNTER = (
    str(OBJECTS / "xdp_counter.o"),
    bpfman.ProgramSpec("xdp", "xdp_stats"),
)  # small: a map, 22 instructions
TRACEPOINT = (str(OBJECTS / "tracepoint_kill.o"), bpfman.ProgramSpec("tracepoint", "tracepoint_kill"))
EMPTY = (str(OBJECTS / "xdp_pass.o"), bpfman.ProgramSpec("xdp", "xdp_pass"))  # only returns XDP_PASS


class Place(NamedTuple):
    """An empty node: its manager (the commands find it by the environment) and an interface in a namespace."""

    manager: bpfman.Manager
    interface: str
    netns: str

    def load(self, program: tuple[str, bpfman.ProgramSpec], map_owner_id: int | None = None) -> int:
        path, spec = program
        return self.manager.load_file(path, [spec], map_owner_id=map_owner_id)[0].record.program_id

    def attach(self, program_id: int) -> int:
        """As the last member of the interface's XDP chain; gives the link's id."""
        where = bpfman.xdp(self.interface, priority=50, netns=self.netns)
        return self.manager.attach(program_id, where).record.id

    def hook(self) -> bpfman.Hook:
        return self.manager.find_hook("xdp", self.interface, netns=self.netns)


@contextmanager
def place(kernel: Kernel | None = None) -> Iterator[Place]:
    with (
        runtime_dir() as directory,
        namespace() as ours,
        namespace() as other,
        veth_pair(ours, other) as pair,
    ):
        manager = bpfman.Manager(bpfman.Layout(directory), kernel=kernel)
        yield Place(manager, pair.a.interface, ours.path)


def in_memory() -> str:
    """Where /run is a tmpfs, which is where systemd runs, that; else another."""
    return "/run" if mounts.is_mount_point_of("/run", "tmpfs") else "/dev/shm"


@contextmanager
def runtime_dir() -> Iterator[str]:
    directory = tempfile.mkdtemp(prefix="bpfman-bench-", dir=in_memory())
    os.environ["BPFMAN_RUNTIME_DIR"] = directory
    try:
        yield directory
    finally:
        if mounts.is_mount_point_of(f"{directory}/fs", "bpf"):
            mounts.unmount(f"{directory}/fs")
        shutil.rmtree(directory)
