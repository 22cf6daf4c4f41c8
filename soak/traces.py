# SPDX-License-Identifier: Apache-2.0
"""What our own doing leaves in the kernel, told by ids: others load programs on the same machine meanwhile.

`NotingKernel` is the real kernel, which writes the id of everything that it makes into a file that any number of
processes share.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from bpfman.bpf.kernel import Kernel
from bpfman.syscalls import bpf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpfman.bpf.link.link import Link
    from bpfman.bpf.map import Map
    from bpfman.bpf.object import LoadedObject
    from bpfman.bpf.program import Program

_BTF_NEXT_ID = 23  # enum bpf_cmd
_NEXT = {
    "program": bpf.PROG_NEXT_ID,
    "map": bpf.MAP_NEXT_ID,
    "link": bpf.LINK_NEXT_ID,
    "BTF": _BTF_NEXT_ID,
}
PATIENCE = 10.0  # seconds: the kernel frees programs a moment after their last user


class Traces:
    """The file.  A line is a kind and an id."""

    def __init__(self, path: str) -> None:
        self._path = path

    def note(self, kind: str, ids: Iterable[int]) -> None:
        text = "".join(f"{kind} {number}\n" for number in ids if number)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def noted(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {kind: set() for kind in _NEXT}
        if os.path.exists(self._path):
            with open(self._path, encoding="ascii") as file:
                for line in file:
                    kind, _, number = line.partition(" ")
                    found[kind].add(int(number))
        return found

    def count(self) -> int:
        return sum(len(ids) for ids in self.noted().values())

    def left(self) -> list[str]:
        """What of it is still in the kernel after a moment; the kernel gives no id again before it has given all.

        Nothing is opened: that alone keeps a program array which is about to go for ever."""
        noted, deadline = self.noted(), time.monotonic() + PATIENCE
        while (left := _there(noted)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left


def _there(noted: dict[str, set[int]]) -> list[str]:
    return [
        f"{kind} {number}" for kind, ids in noted.items() for number in bpf.ids(_NEXT[kind]) if number in ids
    ]


class NotingKernel(Kernel):
    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    def load_object(self, *arguments: Any, **options: Any) -> LoadedObject:
        loaded = super().load_object(*arguments, **options)
        self._traces.note("program", (each.kernel.id for each in loaded.programs))
        self._traces.note("BTF", {each.kernel.btf_id for each in loaded.programs})
        self._traces.note("map", (each.kernel.id for each in loaded.maps if not each.reused))
        return loaded

    def load_bytecode(self, *arguments: Any) -> Program:
        program = super().load_bytecode(*arguments)
        self._traces.note("program", [program.info.id])
        self._traces.note("BTF", [program.info.btf_id])
        return program

    def create_per_cpu_array(self, *arguments: Any) -> Map:
        made = super().create_per_cpu_array(*arguments)
        self._traces.note("map", [made.info.id])
        return made

    def attach_xdp(self, *arguments: Any) -> Link:
        return self._noted(super().attach_xdp(*arguments))

    def attach_tcx(self, *arguments: Any) -> Link:
        return self._noted(super().attach_tcx(*arguments))

    def attach_target(self, *arguments: Any) -> Link:
        return self._noted(super().attach_target(*arguments))

    def _noted(self, link: Link) -> Link:
        self._traces.note("link", [link.info.id])
        return link
