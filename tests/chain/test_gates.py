# SPDX-License-Identifier: Apache-2.0
"""After which verdicts a chain goes on: on the real kernel, every mask with every verdict, and many that are none."""

from __future__ import annotations

import struct
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpfman.chain.compose import NAME, Place, compose
from bpfman.model.verdicts import BY_FAMILY, TC, XDP
from tests.chain import parts
from tests.chain.parts import STRANGE, goes_on, reading, returning, unsigned

pytestmark = pytest.mark.kernel

WENT_ON = 77  # what the second member says


def masks(verdicts):
    """Every set of known verdicts."""
    codes = verdicts.codes.values()
    for size in range(len(codes) + 1):
        for chosen in combinations(codes, size):
            yield verdicts.mask(chosen)


def some_masks(verdicts):
    """One or two of each way to test a mask: none, few that are compared one by one, many by a bit test."""
    known = [*verdicts.codes.values()]
    yield from (verdicts.mask(known[:size]) for size in range(len(known) + 1))
    yield from (verdicts.mask(known[-size:]) for size in range(1, len(known)))


def every_verdict(verdicts):
    strange = {value - (1 << 32) if value >> 31 else value for value in STRANGE}
    return sorted({*verdicts.codes.values(), *strange})


def wrong(program, mask, verdicts) -> list[str]:
    """The verdicts after which a chain of one member that reads its verdict, and one that says it ran, is wrong."""
    found = []
    for verdict in every_verdict(verdicts):
        got = program.test_run(struct.pack("=i", verdict) + bytes(60)).verdict
        expected = WENT_ON if goes_on(verdict, mask, verdicts) else unsigned(verdict)
        if got != expected:
            found.append(f"mask {mask:#x}, verdict {verdict}: {got}, expected {expected}")
    return found


def two_members(family):
    return reading(family), returning(WENT_ON)


@pytest.mark.parametrize("family", BY_FAMILY)
def test_every_verdict_with_every_mask(family):
    verdicts = BY_FAMILY[family]
    first, second = two_members(family)
    found = []
    for mask in masks(verdicts):
        with parts.load(compose([Place(first, mask), Place(second, 0)], verdicts), family) as program:
            found += wrong(program, mask, verdicts)
    assert found == []


@pytest.mark.parametrize("family", BY_FAMILY)
@pytest.mark.parametrize("exported", [True, False])
@pytest.mark.parametrize("counted", [True, False])
def test_neither_accounting_nor_linkage_changes_what_goes_on(family, exported, counted, counters):
    verdicts = BY_FAMILY[family]
    first, second = two_members(family)
    found = []
    for mask in some_masks(verdicts):
        places = [Place(first, mask, 0), Place(second, 0, 1)]
        composed = compose(
            places, verdicts, exported=exported, accounting=counters.info.id if counted else None
        )
        with parts.load(composed, family) as program:
            found += wrong(program, mask, verdicts)
    assert found == []


@pytest.mark.parametrize("family", BY_FAMILY)
def test_dispatcher_return_goes_on_by_default_and_only_while_it_is_asked_for(family):
    verdicts = BY_FAMILY[family]
    code = verdicts.dispatcher_return
    for mask, expected in ((verdicts.parse([]), WENT_ON), (verdicts.parse(verdicts.default[:1]), code)):
        places = [Place(returning(code), mask), Place(returning(WENT_ON), 0)]
        with parts.load(compose(places, verdicts), family) as program:
            assert program.test_run(bytes(64)).verdict == expected


@pytest.mark.parametrize(("family", "verdict"), [("xdp", 2), ("tc", 0)])
@pytest.mark.parametrize("members", [1, 2, 5])
def test_a_chain_that_runs_out_lets_the_packet_through(family, verdict, members):
    verdicts = BY_FAMILY[family]
    everything = verdicts.mask(verdicts.codes.values())
    for code in verdicts.codes.values():
        places = [Place(returning(code), everything)] * members
        with parts.load(compose(places, verdicts), family) as program:
            assert program.test_run(bytes(64)).verdict == verdict


def test_a_lone_member_gives_the_same_verdicts_wrapped_and_not(counters):
    for code in set(XDP.codes.values()) - {XDP.dispatcher_return}:
        place = Place(returning(code), XDP.parse([]))
        plain, chain = compose([place], XDP), compose([place], XDP, accounting=counters.info.id)
        assert plain.name != chain.name == NAME
        with parts.load(plain) as one, parts.load(chain) as other:
            assert one.test_run(bytes(64)).verdict == other.test_run(bytes(64)).verdict == code


def naive(members, verdicts):
    for verdict, mask in members:
        if not goes_on(verdict, mask, verdicts):
            return unsigned(verdict)
    return verdicts.exhausted


def chains_of(verdicts):
    codes = st.sampled_from([*verdicts.codes.values()])
    return st.lists(
        st.tuples(
            st.one_of(codes, st.sampled_from(every_verdict(verdicts))), st.sets(codes).map(verdicts.mask)
        ),
        min_size=1,
        max_size=12,
    )


@settings(max_examples=60, deadline=None)
@given(chains_of(XDP))
def test_any_xdp_chain_ends_where_it_should(members):
    check_chain(members, "xdp")


@settings(max_examples=60, deadline=None)
@given(chains_of(TC))
def test_any_tc_chain_ends_where_it_should(members):
    check_chain(members, "tc")


def check_chain(members, family):
    verdicts = BY_FAMILY[family]
    places = [Place(returning(verdict), mask) for verdict, mask in members]
    with parts.load(compose(places, verdicts), family) as program:
        assert program.test_run(bytes(64)).verdict == naive(members, verdicts)
