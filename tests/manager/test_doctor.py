# SPDX-License-Identifier: Apache-2.0
"""The doctor tells each disagreement between records, pins and the kernel, and a repair leaves none.

On the real kernel: each test disturbs one thing behind the manager's back, as a person at a shell would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

import bpfman
from bpfman.bpf.kernel import Kernel
from bpfman.bpf.link.link import wait_until_gone
from bpfman.errors import Interrupted
from bpfman.model.program import Program
from bpfman.syscalls import mounts
from bpfman.testing.network import VethPair
from tests.manager.hooks import OBJECTS, until_gone, until_runs_no_xdp

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
    hook = scene.manager.find_hook("xdp", scene.end.interface, "", scene.netns)
    os.unlink(scene.layout.chain_link(hook))
    until_runs_no_xdp(scene.end)


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
    wait_until_gone(scene.link.record.kernel_link_id or 0)


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
    (_stray_directory, "no record knows what is left of it"),
    (_stray_staging, "cut short left files"),
    (_stray_program, "no record knows what is left of it"),
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
    _remove_xdp_link(scene)
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


# what only it notices


def test_a_copy_that_was_cut_short_is_told_of(scene: Scene) -> None:
    os.truncate(scene.tc.record.object_path, 100)
    [finding] = scene.manager.repair()
    assert "is damaged" in finding.what
    assert finding.repair is None


@pytest.mark.parametrize(
    "text", [None, "", "{", '{"program_name": 1}'], ids=["gone", "empty", "torn", "other"]
)
def test_a_note_on_where_a_copy_came_from_is_written_anew(scene: Scene, text: str | None) -> None:
    path = scene.layout.provenance(scene.tc.record.program_id)
    with open(path) as file:
        before = file.read()
    os.unlink(path)
    if text is not None:
        with open(path, "w") as file:
            file.write(text)
    [finding] = scene.manager.examine()
    assert f"the note {path}" in finding.what
    assert scene.manager.repair() == []
    with open(path) as file:
        assert file.read() == before


def test_what_a_lost_database_knew_is_named(scene: Scene) -> None:
    """As far as notes go, so that a person can load it again."""
    _lose_database(scene)
    first, *others = scene.manager.examine()
    assert first.subject == f"database {scene.layout.database}"
    assert "knows no program at all" in first.what
    counter = scene.counter.record
    assert f"program {counter.program_id} (xdp_stats, from {OBJECTS}/xdp_counter.o)" in [
        f.subject for f in others
    ]


def test_names_that_are_not_ours_are_left_alone(scene: Scene) -> None:
    theirs = [
        f"{scene.layout.fs}/prog_of_others",
        f"{scene.layout.fs}/others",
        f"{scene.layout.programs_dir}/notes",
    ]
    for path in theirs:
        os.mkdir(path)
    assert scene.manager.repair() == []
    assert all(map(os.path.exists, theirs))


def test_a_bpffs_that_is_gone_explains_the_rest(scene: Scene) -> None:
    mounts.unmount(scene.layout.fs)
    until_gone([entry.program_id for entry in scene.manager.programs()])
    first, *others = scene.manager.examine()
    assert first.subject == f"directory {scene.layout.fs}"
    assert "the machine was restarted, or somebody unmounted it" in first.what
    assert len([each for each in others if "the kernel does not have it" in each.what]) == 4
    assert not any("somebody detached it" in each.what for each in others)
    assert mounts.mounted_type(scene.layout.fs) is None  # looking changes nothing
    assert scene.manager.repair() == []
    assert scene.manager.programs() == []
    assert scene.manager.links() == []
    assert scene.manager.chains() == []


def test_a_member_that_cannot_come_back_is_named(scene: Scene) -> None:
    """Its program is gone, and so is the chain that ran its copy."""
    [first, second] = [link for link, _ in scene.manager.links() if link.kind == "xdp"]
    _remove_xdp_link(scene)
    os.unlink(f"{scene.chain_dir('xdp')}/chain")
    os.unlink(scene.counter.record.pin_path)
    until_gone([scene.counter.record.program_id])
    [remedy] = [each.remedy for each in scene.manager.examine() if "the hook does not run it" in each.what]
    assert f"attach it again, without link {first.id}, whose program" in remedy
    assert scene.manager.repair() == []
    [member] = [link for link, _ in scene.manager.links() if link.kind == "xdp"]
    assert member.id == second.id


# as a command


def doctor(scene: Scene, *words: str) -> subprocess.CompletedProcess[str]:
    run = "import sys; from bpfman.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", run, "--runtime-dir", scene.layout.runtime_dir, "doctor", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_status_tells_whether_something_is_left(scene: Scene) -> None:
    well = doctor(scene)
    assert (well.returncode, well.stdout) == (0, "Records, pins and the kernel agree.\n")

    _remove_xdp_link(scene)
    os.unlink(scene.tc.record.object_path)
    ill = doctor(scene)
    assert ill.returncode == 1
    assert "its link is gone\n  repair: attach it again" in ill.stdout
    assert "2 disagreement(s) left" in ill.stderr
    assert "`bpfman doctor --repair` puts 1 of them right" in ill.stderr

    repaired = doctor(scene, "--repair")
    assert repaired.returncode == 1
    assert "its link is gone\n  repaired: attach it again" in repaired.stdout
    assert "left: none: it runs without" in repaired.stdout
    assert "a repair does not help here" in doctor(scene).stderr


def test_a_machine_can_read_it(scene: Scene) -> None:
    _remove_xdp_link(scene)
    told = json.loads(doctor(scene, "-o", "json").stdout)
    [finding] = told["findings"]
    assert told["left"] == told["findings"]
    assert finding["repairable"] is True
    assert finding["what"] == "the hook does not run it: its link is gone"
    assert json.loads(doctor(scene, "--repair", "-o", "json").stdout) == {"findings": [finding], "left": []}


@pytest.mark.parametrize("words", [("--dry-run",), ("--repair", "--dry-run")])
def test_a_dry_run_tells_what_a_repair_would_do(scene: Scene, words: tuple[str, ...]) -> None:
    _remove_xdp_link(scene)
    _stray_program(scene)
    found = [finding[:3] for finding in scene.manager.examine()]

    tried = doctor(scene, *words)

    assert tried.returncode == 0
    assert tried.stdout.splitlines() == [f"{subject}: {remedy}" for subject, _, remedy in found]
    assert [finding[:3] for finding in scene.manager.examine()] == found
