# SPDX-License-Identifier: Apache-2.0
"""Where a load happens: a runtime directory, network namespaces and cgroups of its own; and what must be left at the
end, which is nothing."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.cases import CASES, Here, empty_cgroups, marked_program, netkit_device, why_not
from benchmarks.place import runtime_dir
from bpfman import Layout, Manager
from bpfman.testing.network import namespace
from soak.figure import Figure, none_of
from soak.traces import NotingKernel, Traces
from tests.manager.hooks import files_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.cases import Case
    from bpfman.testing.network import Namespace


class Ground(NamedTuple):
    layout: Layout
    traces: Traces

    def manager(self) -> Manager:
        """Waits for the lock as long as a command does."""
        return Manager(self.layout, kernel=NotingKernel(self.traces))

    def nothing_left(self) -> list[Figure]:
        manager = self.manager()
        rows = [f"program {each.program_id}" for each in manager.programs()]
        rows += [f"link {link.id}" for link, _ in manager.links()]
        rows += [f"chain {chain.record.hook}" for chain in manager.chains()]
        made = self.traces.count()
        return [
            none_of("rows left", rows),
            none_of("pins and files left", sorted(files_below(self.layout))),
            none_of("what the doctor finds", [str(finding) for finding in manager.examine()]),
            none_of(f"left in the kernel of {made:,} programs, maps, links and BTFs", self.traces.left()),
        ]


@contextmanager
def ground(say: Callable[[str], None]) -> Iterator[Ground]:
    """Says where, so that a person can look too: `bpfman --runtime-dir DIRECTORY ...`."""
    with runtime_dir() as directory, tempfile.TemporaryDirectory(prefix="bpfman-soak-") as notes:
        say(f"in {directory}")
        yield Ground(Layout(directory), Traces(os.path.join(notes, "traces")))


@contextmanager
def interfaces(count: int) -> Iterator[tuple[Namespace, list[str]]]:
    """So many interfaces that are up, in a namespace: each other's ends."""
    with namespace() as made:
        pairs = [(f"a{number}", f"b{number}") for number in range((count + 1) // 2)]
        lines = (f"link add {a} up type veth peer name {b}\nlink set {b} up\n" for a, b in pairs)
        command = ["ip", "-n", made.name, "-batch", "-"]
        subprocess.run(command, input="".join(lines), text=True, check=True, capture_output=True)
        yield made, [name for pair in pairs for name in pair][:count]


@contextmanager
def places(count: int) -> Iterator[list[Here]]:
    """So many places to attach to, none of which shares anything with another but the namespace."""
    with (
        interfaces(3 * count) as (inside, names),
        empty_cgroups(count) as groups,
        marked_program() as marked,
    ):
        threes = zip(names[::3], names[1::3], names[2::3], strict=True)
        yield [
            Here(inside.path, *three, group, netkit_device(inside.path, number), marked, number)
            for number, (three, group) in enumerate(zip(threes, groups, strict=True))
        ]


def what_the_kernel_can(manager: Manager, here: Here) -> tuple[list[Case], list[str]]:
    """The kinds that can be attached here, and why the others cannot."""
    reasons = [(case, why_not(manager, case, here)) for case in CASES]
    missing = [f"{case.kind} ({reason})" for case, reason in reasons if reason]
    return [case for case, reason in reasons if not reason], missing


def kinds_figure(cases: Sequence[Case], missing: Sequence[str]) -> Figure:
    without = (
        f"; not on this kernel: {', '.join(each.partition(' ')[0] for each in missing)}" if missing else ""
    )
    return Figure("kinds", f"{len(cases)}: {', '.join(case.kind for case in cases)}{without}")
