# SPDX-License-Identifier: Apache-2.0
"""The doctor tells each disagreement between records, pins and the kernel, and a repair leaves none.

On the real kernel: each test disturbs one thing behind the manager's back, as a person at a shell would."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

import bpfman
from bpfman.bpf.kernel import Kernel
from bpfman.errors import Interrupted
from bpfman.model.program import Program
from bpfman.testing.network import VethPair
from tests.manager.hooks import OBJECTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.store.layout import Layout

pytestmark = pytest.mark.kernel


class Scene:
    """A counter and a pass program in an XDP chain, a TC program in a chain of one, a tracepoint link."""

    def __init__(self, manager: bpfman.Manager, veth: VethPair) -> None:
        self.manager, self.layout = manager, manager.layout
        self.end = veth.a
        self.netns = veth.a.namespace.path
        self.counter = self._load("xdp_counter", "xdp", "xdp_stats")
        self.passing = self._load("xdp_pass", "xdp", "xdp_pass")
        self.tc = self._load("tc_counter", "tc", "stats")
        self.trace = self._load("tracepoint_kill", "tracepoint", "tracepoint_kill")
        name = veth.a.interface
        for program, spec in (
            (self.counter, bpfman.xdp(name, priority=10, netns=self.netns)),
            (self.passing, bpfman.xdp(name, priority=20, netns=self.netns)),
            (self.tc, bpfman.tc(name, "ingress", priority=10, netns=self.netns)),
        ):
            manager.attach(program.record.program_id, spec)
        self.link = manager.attach(self.trace.record.program_id, bpfman.tracepoint("syscalls/sys_enter_kill"))

    def _load(self, name: str, kind: str, function: str) -> Program:
        [program] = self.manager.load_file(f"{OBJECTS}/{name}.o", [bpfman.ProgramSpec(kind, function)])
        return program

    def run(self, *command: str) -> None:
        subprocess.run(["ip", "netns", "exec", self.end.namespace.name, *command], check=True)

    def chain_dir(self, family: str, direction: str = "") -> str:
        hook = self.manager.find_hook(family, self.end.interface, direction, self.netns)
        return self.layout.chain_dir(hook)


@pytest.fixture
def scene(manager: bpfman.Manager, veth: VethPair) -> Scene:
    return Scene(manager, veth)


def test_has_nothing_to_say_of_what_is_well(scene: Scene) -> None:
    assert scene.manager.examine() == []


def test_has_nothing_to_say_of_an_empty_directory(manager: bpfman.Manager) -> None:
    assert manager.examine() == []


def _remove_program_pin(scene: Scene) -> None:
    os.unlink(scene.counter.record.pin_path)


def _exchange_map_pin(scene: Scene) -> None:
    os.unlink(f"{scene.counter.record.map_pin_path}/xdp_stats_map")
    [other] = (entry for entry in scene.manager.maps() if scene.tc.record.program_id in entry.programs)
    subprocess.run(
        [
            "bpftool",
            "map",
            "pin",
            "pinned",
            other.pin_path,
            f"{scene.counter.record.map_pin_path}/xdp_stats_map",
        ],
        check=True,
    )


def _remove_xdp_link(scene: Scene) -> None:
    os.unlink(f"{scene.chain_dir('xdp')}/link")


def _remove_chain_pin(scene: Scene) -> None:
    os.unlink(f"{scene.chain_dir('tc', 'ingress')}/chain")


def _delete_filter(scene: Scene) -> None:
    scene.run("tc", "filter", "del", "dev", scene.end.interface, "ingress")


def _delete_clsact(scene: Scene) -> None:
    scene.run("tc", "qdisc", "del", "dev", scene.end.interface, "clsact")


def _rename_interface(scene: Scene) -> None:
    scene.run("ip", "link", "set", scene.end.interface, "down")
    scene.run("ip", "link", "set", scene.end.interface, "name", "renamed0")


def _delete_interface(scene: Scene) -> None:
    scene.run("ip", "link", "del", scene.end.interface)


def _remove_link_pin(scene: Scene) -> None:
    os.unlink(str(scene.link.record.pin_path))


def _stray_directory(scene: Scene) -> None:
    os.mkdir(scene.layout.program_dir(4_000_000))


def _stray_staging(scene: Scene) -> None:
    os.mkdir(f"{scene.layout.staging}/pub-left")


def _stray_program(scene: Scene) -> None:
    subprocess.run(
        [
            "bpftool",
            "prog",
            "pin",
            "id",
            str(scene.counter.record.program_id),
            f"{scene.layout.fs}/prog_4000000",
        ],
        check=True,
    )


def _lose_database(scene: Scene) -> None:
    shutil.rmtree(scene.layout.database_dir)


DISTURBANCES: list[tuple[Callable[[Scene], None], str]] = [
    (_remove_program_pin, "kernel does not have it"),
    (_exchange_map_pin, "xdp_stats_map holds map"),
    (_remove_xdp_link, "its link is gone"),
    (_remove_chain_pin, "of its program is missing"),
    (_delete_filter, "its filter is gone"),
    (_delete_clsact, "its filter is gone"),
    (_rename_interface, "is called renamed0 now"),
    (_delete_interface, "its interface is gone"),
    (_remove_link_pin, "is gone: somebody detached it"),
    (_stray_directory, "no record knows this copy"),
    (_stray_staging, "cut short left files"),
    (_stray_program, "no record knows this program"),
    (_lose_database, "no record knows this chain"),
]


@pytest.mark.parametrize(("disturb", "told"), DISTURBANCES)
def test_tells_and_repairs(scene: Scene, disturb: Callable[[Scene], None], told: str) -> None:
    disturb(scene)
    findings = scene.manager.examine()
    assert any(told in finding.what for finding in findings), findings
    assert all(finding.remedy for finding in findings)
    assert scene.manager.repair() == []
    assert scene.manager.examine() == []


def test_examining_changes_nothing(scene: Scene, runtime: Layout) -> None:
    _remove_program_pin(scene)
    _stray_staging(scene)
    first, second = ([finding[:3] for finding in scene.manager.examine()] for _ in range(2))
    assert first == second
    assert len(first) == 2
    assert os.path.exists(f"{runtime.staging}/pub-left")


def test_a_lost_database_leaves_nothing_running_after_a_repair(scene: Scene) -> None:
    _lose_database(scene)
    scene.manager.repair()
    shown = scene.end.namespace.run("tc", "filter", "show", "dev", scene.end.interface, "ingress")
    assert "bpfman" not in shown
    assert "xdp" not in scene.end.namespace.run("ip", "link", "show", scene.end.interface)


def test_says_what_it_cannot_repair(scene: Scene) -> None:
    os.unlink(scene.tc.record.object_path)
    [finding] = scene.manager.repair()
    assert "copy of its object" in finding.what
    assert "load it again" in finding.remedy


def test_names_the_program_that_took_the_hook(scene: Scene) -> None:
    os.unlink(f"{scene.chain_dir('xdp')}/link")
    subprocess.run(
        ["bpftool", "prog", "load", f"{OBJECTS}/xdp_drop.o", f"{scene.layout.fs}/foreign"], check=True
    )
    try:
        scene.run(
            "bpftool",
            "net",
            "attach",
            "xdp",
            "pinned",
            f"{scene.layout.fs}/foreign",
            "dev",
            scene.end.interface,
        )
        [finding] = scene.manager.examine()
        assert "which bpfman did not attach, is there" in finding.what
        [left] = scene.manager.repair()
        assert "already has an XDP program attached" in left.remedy
    finally:
        os.unlink(f"{scene.layout.fs}/foreign")


class Interrupting(Kernel):
    """Somebody asks to stop whenever a pin is put in place."""

    def replace_pin(self, fd: int, path: str) -> None:
        raise Interrupted("interrupted")


def test_who_asks_to_stop_a_repair_is_heard(scene: Scene) -> None:
    _exchange_map_pin(scene)
    with pytest.raises(Interrupted):
        bpfman.Manager(scene.layout, kernel=Interrupting()).repair()
    assert scene.manager.repair() == []
