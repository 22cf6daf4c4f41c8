# SPDX-License-Identifier: Apache-2.0
"""Plans: all steps or none; and dry runs, which only tell them."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bpfman
from bpfman import Layout, Manager, Planned, ProgramSpec
from bpfman.errors import BpfmanError, MapOwnerNotFound, VerifierRefused
from bpfman.manager.plan import Step, run
from tests.bpf.crafted import OBJECTS
from tests.manager.hooks import files_below


class Trouble(BpfmanError):
    pass


def step(log, name, *, undo=True, fails=False, undo_fails=False):
    def act(verb, wrong):
        if wrong:
            raise Trouble(f"cannot {verb} {name}")
        log.append(f"{verb} {name}")

    return Step(name, lambda: act("do", fails), (lambda: act("undo", undo_fails)) if undo else None)


def test_steps_are_done_in_order_and_told_of():
    log: list[str] = []
    run([step(log, name) for name in "abc"], lambda step: log.append(f"told {step.what}"))
    assert log == ["do a", "told a", "do b", "told b", "do c", "told c"]


@given(st.integers(1, 6), st.data())
def test_what_was_done_is_undone_from_the_end(count, data):
    log: list[str] = []
    failing = data.draw(st.integers(0, count - 1))
    with pytest.raises(Trouble, match=f"cannot do {failing}"):
        run([step(log, number, fails=number == failing) for number in range(count)])
    done = [*range(failing)]
    assert log == [f"do {number}" for number in done] + [f"undo {number}" for number in reversed(done)]


def test_behind_a_step_without_undo_nothing_is_taken_back():
    log: list[str] = []
    steps = [step(log, "row"), step(log, "detach", undo=False), step(log, "unpin", fails=True)]
    with pytest.raises(Trouble, match="cannot do unpin"):
        run(steps)
    assert log == ["do row", "do detach"]


def test_a_failure_to_undo_is_told_with_the_error():
    """And what came before stays, for the next change to put right."""
    log: list[str] = []
    steps = [step(log, "row"), step(log, "pin", undo_fails=True), step(log, "finish", fails=True)]
    with pytest.raises(Trouble, match="cannot do finish") as raised:
        run(steps)
    assert log == ["do row", "do pin"]
    [note] = raised.value.__notes__
    assert "cannot undo pin" in note


def test_a_signal_waits_for_the_end_of_its_step():
    """So that what was done and how to undo it are never apart."""
    log: list[str] = []

    def interrupted():
        os.kill(os.getpid(), signal.SIGINT)
        log.append("did it")

    with pytest.raises(KeyboardInterrupt):
        run([Step("interrupted", interrupted, lambda: log.append("undid it")), step(log, "never")])
    assert log == ["did it", "undid it"]


# dry runs


@pytest.fixture
def dry(runtime):
    return Manager(runtime, dry_run=True)


def planned(act, *arguments, **options):
    with pytest.raises(Planned) as raised:
        act(*arguments, **options)
    assert str(raised.value) == "; ".join(raised.value.steps)
    return list(raised.value.steps)


def counter():
    return str(OBJECTS / "xdp_counter.o"), [ProgramSpec("xdp", "xdp_stats")]


@pytest.mark.kernel
def test_a_load_tells_what_it_would_do_and_makes_nothing(dry):
    steps = planned(dry.load_file, *counter())
    root = dry.layout.runtime_dir
    assert [each.split()[0] for each in steps] == ["record", "pin", "pin", "keep", "record"]
    assert f"at {root}/fs/prog_" in steps[1]
    assert f"pin 1 map(s) under {root}/fs/maps/" in steps[2]
    assert os.listdir(root) == []


@pytest.mark.kernel
def test_the_directory_need_not_exist(tmp_path):
    assert planned(Manager(Layout(str(tmp_path / "nowhere")), dry_run=True).load_file, *counter())
    assert os.listdir(tmp_path) == []


@pytest.mark.kernel
def test_what_would_be_refused_is_refused(dry):
    with pytest.raises(VerifierRefused):
        dry.load_file(str(OBJECTS / "xdp_bad.o"), [ProgramSpec("xdp", "bad")])
    with pytest.raises(MapOwnerNotFound):
        dry.load_file(*counter(), map_owner_id=4_000_000_000)


@pytest.mark.kernel
@pytest.mark.network
def test_every_change_can_be_tried(manager, dry, load, veth):
    [owner] = load("xdp_counter", "xdp:xdp_stats")
    program_id = owner.record.program_id
    place = bpfman.xdp(veth.a.interface, priority=50, netns=veth.a.namespace.path)
    link_id = manager.attach(program_id, place).record.id
    hook = manager.find_hook("xdp", veth.a.interface, netns=veth.a.namespace.path)

    def state():
        return manager.programs(), manager.links(), manager.chains(), files_below(manager.layout)

    before = state()
    plans = [
        planned(dry.load_file, *counter(), map_owner_id=program_id),
        planned(dry.attach, program_id, place),
        planned(dry.set_accounting, hook, True),
        planned(dry.detach, [link_id]),
        planned(dry.delete_links, [link_id], recursive=True),
        planned(dry.unload, [program_id]),
        planned(dry.delete_programs, None),
        planned(dry.forget_chain, hook),
    ]
    assert all(plans)
    assert state() == before
    # Unloading begins with what is attached.
    assert any("detach" in each for each in plans[5])
    assert plans[5] == plans[6]
    manager.delete_programs(None)
