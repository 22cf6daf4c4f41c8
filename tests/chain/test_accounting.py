# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpfman.bpf.map import possible_cpus
from bpfman.chain import accounting
from bpfman.chain.compose import Place, compose
from bpfman.model.verdicts import BY_FAMILY, TC, XDP
from tests.chain import parts
from tests.chain.parts import STRANGE, reading, returning


def counted(counters, slot, verdicts):
    """What is counted in a row, without zeros."""
    values = counters.split(counters.lookup(accounting.KEY))
    return {name: count for name, count in accounting.counts(values, slot, verdicts).items() if count}


@pytest.mark.parametrize("verdicts", BY_FAMILY.values(), ids=BY_FAMILY)
def test_each_verdict_has_a_column_of_its_own(verdicts):
    columns = accounting.columns(verdicts)
    assert set(columns) == {*verdicts.codes, "other"}
    assert len(set(columns.values())) == len(columns)
    assert all(0 <= column < accounting.VERDICTS for column in columns.values())


def test_the_rows_fit_into_one_per_cpu_value():
    """PCPU_MIN_UNIT_SIZE (32 KiB, include/linux/percpu.h) bounds what a per-CPU array may hold."""
    assert accounting.VALUE_SIZE == accounting.SLOTS * accounting.VERDICTS * 8 <= 32 << 10


@given(st.lists(st.integers(0, accounting.SLOTS - 1)), st.integers(0, accounting.SLOTS - 1))
def test_clearing_rows_leaves_the_others(slots, kept):
    values = [b"\xff" * accounting.VALUE_SIZE, bytes(range(256)) * (accounting.VALUE_SIZE // 256)]
    cleared = accounting.without(values, slots)
    assert [len(value) for value in cleared] == [accounting.VALUE_SIZE] * 2
    for slot in slots:
        assert not any(accounting.counts(cleared, slot, XDP).values())
    if kept not in slots:
        assert accounting.counts(cleared, kept, XDP) == accounting.counts(values, kept, XDP)


@pytest.mark.kernel
@pytest.mark.parametrize("family", BY_FAMILY)
def test_every_verdict_is_counted_under_its_name(family, chain, counters):
    verdicts = BY_FAMILY[family]
    program = chain(compose([Place(reading(family), 0, 3)], verdicts, accounting=counters.info.id), family)
    expected = dict.fromkeys(verdicts.codes, 2)
    for code in verdicts.codes.values():
        program.test_run(struct.pack("=i", code) + bytes(60), repeat=2)
    for strange in set(STRANGE) - set(verdicts.codes.values()):
        program.test_run(struct.pack("=I", strange) + bytes(60))
        expected["other"] = expected.get("other", 0) + 1
    assert counted(counters, 3, verdicts) == expected
    for slot in (0, 2, 4, 255):
        assert counted(counters, slot, verdicts) == {}


@pytest.mark.kernel
@pytest.mark.parametrize(("family", "stop", "go_on"), [("xdp", "drop", "pass"), ("tc", "shot", "pipe")])
def test_n_runs_count_n_for_each_member_that_ran(family, stop, go_on, chain, counters):
    """Which is: up to the one that ended the chain."""
    verdicts = BY_FAMILY[family]
    default = verdicts.parse([])
    passing, stopping = returning(verdicts.codes[go_on]), returning(verdicts.codes[stop])
    places = [
        Place(passing, default, 9),
        Place(passing, default, 4),
        Place(stopping, default, 0),
        Place(passing, 0, 1),
    ]
    program = chain(compose(places, verdicts, accounting=counters.info.id), family)
    assert program.test_run(bytes(64), repeat=1000).verdict == verdicts.codes[stop]
    assert counted(counters, 9, verdicts) == counted(counters, 4, verdicts) == {go_on: 1000}
    assert counted(counters, 0, verdicts) == {stop: 1000}
    assert counted(counters, 1, verdicts) == {}


@pytest.mark.kernel
def test_rows_survive_another_composition(chain, counters):
    """They belong to slots: the same members in another order, with one that is new, go on counting."""
    one, two, new = returning(2, "one"), returning(2, "two"), returning(31, "new")
    mask = XDP.parse([])
    first = compose([Place(one, mask, 0), Place(two, mask, 1)], XDP, accounting=counters.info.id)
    chain(first).test_run(bytes(64), repeat=5)
    second = compose(
        [Place(two, mask, 1), Place(new, mask, 2), Place(one, mask, 0)], XDP, accounting=counters.info.id
    )
    chain(second).test_run(bytes(64), repeat=7)
    assert counted(counters, 0, XDP) == counted(counters, 1, XDP) == {"pass": 12}
    assert counted(counters, 2, XDP) == {"dispatcher_return": 7}


@pytest.mark.kernel
def test_counts_are_summed_over_cpus(chain, counters):
    values = [bytes(accounting.VALUE_SIZE)] * possible_cpus()
    values = [struct.pack("=Q", 10 + cpu) + value[8:] for cpu, value in enumerate(values)]
    counters.update(accounting.KEY, b"".join(values))
    cpus = range(possible_cpus())
    assert counted(counters, 0, TC) == {"unspec": sum(10 + cpu for cpu in cpus)}


@pytest.mark.kernel
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*XDP.codes.values(), 9, -1]), st.sets(st.sampled_from([*XDP.codes.values()]))
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_chain_counts_the_runs_and_verdicts_of_its_members(members):
    """By the packet's own way through the chain."""
    from bpfman.bpf.map import create_per_cpu_array

    places = [Place(returning(code), XDP.mask(mask), slot) for slot, (code, mask) in enumerate(members)]
    with create_per_cpu_array("accounting", accounting.VALUE_SIZE) as counters:
        with parts.load(compose(places, XDP, accounting=counters.info.id)) as program:
            program.test_run(bytes(64), repeat=3)
        running = True
        for slot, (code, mask) in enumerate(members):
            name = XDP.name(code) if code in XDP.codes.values() else "other"
            assert counted(counters, slot, XDP) == ({name: 3} if running else {})
            running = running and code in mask
