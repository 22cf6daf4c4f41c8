# SPDX-License-Identifier: Apache-2.0
"""Chains at a hook, composed by the manager: what it makes of a refusal, and what stays when a chain is made anew."""

from __future__ import annotations

import os
import struct

import pytest

import bpfman
from bpfman import ProgramSpec
from bpfman.bpf.program import Program
from bpfman.errors import ChainLimit, KernelRefused, VerifierRefused
from bpfman.model.kinds import PROG_XDP
from bpfman.syscalls import bpf
from tests.bpf.crafted import OBJECTS

pytestmark = [pytest.mark.kernel, pytest.mark.network, pytest.mark.feature("xdp")]


@pytest.fixture
def load(manager):
    """`load(NAME)`: the id of the program NAME of `tests/objects/NAME.o`."""

    def load(name, program="", **options):
        if "frags" in name and tuple(int(part) for part in os.uname().release.split(".")[:2]) < (5, 18):
            pytest.skip("kernel 5.18 or newer")
        [loaded] = manager.load_file(
            str(OBJECTS / f"{name}.o"), [ProgramSpec("xdp", program or name)], **options
        )
        return loaded.record.program_id

    return load


@pytest.fixture
def attach(manager, veth):
    """`attach(program_id, priority)` to one interface's XDP hook; gives the link's id.  All links go at the end."""
    links = []

    def attach(program_id, priority=50, **options):
        place = bpfman.xdp(veth.a.interface, priority=priority, netns=veth.a.namespace.path, **options)
        link = manager.attach(program_id, place)
        links.append(link.record.id)
        return link.record.id

    yield attach
    manager.detach(links, ignore_missing=True)


@pytest.fixture
def hook(manager, veth):
    return manager.find_hook("xdp", veth.a.interface, netns=veth.a.namespace.path)


@pytest.fixture
def run(manager, hook):
    """`run(times)`: the program that the hook runs, on a packet; gives its verdict."""

    def run(times=1):
        program = Program.pinned(manager.layout.chain_program(hook))
        assert program is not None
        with program:
            return program.test_run(bytes(64), repeat=times).verdict

    return run


def counts(manager, hook):
    return {
        each.member.program_name: {name: count for name, count in each.verdicts.items() if count}
        for each in manager.counts(hook)
    }


def refused(manager, hook, error, attach, *arguments):
    """Attaching raises the error, and leaves the hook as it was."""
    before = manager.chain(hook)
    with pytest.raises(error) as caught:
        attach(*arguments)
    assert manager.chain(hook) == before
    return caught.value


def test_a_refusal_names_the_member_and_the_licence(manager, hook, load, attach):
    attach(load("nongpl"))
    error = refused(manager, hook, VerifierRefused, attach, load("gpl_helper"))
    assert 'program "gpl_helper" uses a GPL-only helper in the chain of xdp' in str(error)
    assert '"Proprietary"' in error.hint
    assert "processed" in error.log


def test_a_refusal_names_the_member_that_was_there_before(manager, hook, load, attach):
    """It is not always the new one that stands in the way."""
    attach(load("gpl_helper"))
    error = refused(manager, hook, VerifierRefused, attach, load("nongpl"))
    assert 'program "gpl_helper"' in str(error)
    assert '"Proprietary"' in error.hint


def allows(frames: int) -> bool:
    """Whether the kernel takes a program of so many functions, each of which calls the next."""
    calls_the_next, leaves = b"\x85\x10" + struct.pack("=hi", 0, 1), b"\x95" + bytes(7)
    code = (calls_the_next + leaves) * (frames - 1) + b"\xb7" + bytes(7) + leaves
    try:
        os.close(bpf.prog_load(PROG_XDP, code, "GPL"))
    except OSError:
        return False
    return True


def test_a_member_that_calls_too_deep_is_named_with_the_limit(manager, hook, load, attach, run):
    """Eight frames are the kernel's limit (sixteen on some newer ones), and the chain's main program is one."""
    deep = load("deep_calls")
    first = attach(deep)
    assert run() == 2
    if allows(9):
        attach(load("xdp_pass"))
        assert run() == 2
        return
    error = refused(manager, hook, ChainLimit, attach, load("xdp_pass"))
    assert 'program "deep_calls"' in str(error)
    assert "8 frames" in str(error)
    manager.detach([first])
    attach(load("xdp_pass"))
    assert 'program "deep_calls"' in str(refused(manager, hook, ChainLimit, attach, deep))


def test_a_member_that_cannot_be_global_is_verified_in_place(manager, hook, load, attach, run):
    attach(load("xdp_pass"), 10)
    attach(load("returns_pointer"), 20)
    assert run() not in range(5)
    attach(load("xdp_drop"), 15)
    assert run() == 1
    assert [member.program_name for member in manager.chain(hook).members] == [
        "xdp_pass",
        "xdp_drop",
        "returns_pointer",
    ]


@pytest.mark.feature("xdp.frags")
def test_a_chain_without_fragments_is_refused_where_packets_need_them(manager, hook, load, attach, veth):
    for end in (veth.a, veth.b):
        end.namespace.ip("link", "set", end.interface, "mtu", "9000")
    attach(load("xdp_frags"), 10)
    attach(load("xdp_frags"), 20)
    assert manager.chain(hook).record.revision == 2
    error = refused(manager, hook, KernelRefused, attach, load("xdp_pass"))
    assert "xdp_pass" in error.hint
    assert "frags" in error.hint


@pytest.mark.feature("xdp.frags")
def test_a_mixed_chain_runs_where_no_fragments_are_needed(load, attach, run):
    attach(load("xdp_frags"))
    attach(load("xdp_pass"))
    assert run() == 2


@pytest.mark.feature("xdp.frags")
def test_tail_calls_keep_programs_with_fragments_apart_from_others(manager, hook, load, attach):
    """The kernel says nothing but "Invalid argument"."""
    attach(load("frags_tailcall"))
    attach(load("xdp_frags"))
    error = refused(manager, hook, VerifierRefused, attach, load("xdp_pass"))
    assert str(error).startswith("the chain of xdp")
    assert 'build xdp_pass with SEC("xdp.frags")' in error.hint


def test_counts_survive_every_change_of_the_chain(manager, hook, load, attach, run):
    first = attach(load("xdp_counter", "xdp_stats"), 50)
    manager.set_accounting(hook, True)
    run(10)
    attach(load("xdp_pass"), 10)
    run(20)
    dropping = attach(load("xdp_drop"), 20)
    run(5)
    assert counts(manager, hook) == {
        "xdp_pass": {"pass": 25},
        "xdp_drop": {"drop": 5},
        "xdp_stats": {"pass": 30},
    }
    manager.detach([dropping])
    run(1)
    assert counts(manager, hook) == {"xdp_pass": {"pass": 26}, "xdp_stats": {"pass": 31}}
    manager.detach([first])
    run(1)
    assert counts(manager, hook) == {"xdp_pass": {"pass": 27}}


def test_a_row_that_is_given_away_again_begins_at_zero(manager, hook, load, attach, run):
    attach(load("xdp_pass"), 10)
    manager.set_accounting(hook, True)
    drop = load("xdp_drop")
    for _ in range(3):
        link = attach(drop, 20)
        run(4)
        assert counts(manager, hook)["xdp_drop"] == {"drop": 4}
        manager.detach([link])


def test_counting_changes_no_verdict_and_can_be_switched_off(manager, hook, load, attach, run):
    attach(load("xdp_verdicts", "xdp_chosen", globals={"verdict": b"\x09\0\0\0"}))
    unwrapped = run()
    manager.set_accounting(hook, True)
    assert run(3) == unwrapped == 9
    assert counts(manager, hook) == {"xdp_chosen": {"other": 3}}
    manager.set_accounting(hook, False)
    with pytest.raises(bpfman.BpfmanError, match="accounting is off"):
        manager.counts(hook)
    assert run() == 9
    manager.set_accounting(hook, True)
    assert counts(manager, hook) == {"xdp_chosen": {}}
