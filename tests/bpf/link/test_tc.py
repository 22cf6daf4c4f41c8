# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from bpfman.bpf.link import tc
from bpfman.errors import ForeignProgram
from bpfman.model.chain import FILTER_PRIORITY
from bpfman.model.hook import DIRECTIONS
from bpfman.syscalls.filters import add_bpf_filter
from bpfman.syscalls.namespaces import entered
from tests.manager.hooks import filters, qdiscs, run_tc

pytestmark = [pytest.mark.kernel, pytest.mark.network]

NAME = "ours"


@pytest.fixture
def fd(program_fd):
    return program_fd("tc_counter", "stats", "tc")


@pytest.fixture(params=DIRECTIONS)
def place(request, veth):
    """(index, direction, namespace), as the functions take them."""
    end = veth.a
    return end.ifindex, request.param, end.namespace.path


def where(place) -> tuple[int, str]:
    return place[0], place[2]


def test_clsact_is_made_once_and_goes_with_its_last_filter(fd, place, veth):
    assert not tc.has_clsact(*where(place))
    assert tc.ensure_clsact(*where(place))
    assert not tc.ensure_clsact(*where(place))
    tc.add_filter(fd, NAME, *(*place, 1))

    assert not tc.remove_clsact(*where(place))
    tc.remove_filter(*(*place, 1))
    assert tc.remove_clsact(*where(place))
    assert not tc.remove_clsact(*where(place))
    assert "clsact" not in qdiscs(veth.a)


def test_a_filter_is_found_by_name_and_handle(fd, program_fd, place, veth):
    other = program_fd("tc_verdicts", "tc_ok", "tc")
    tc.ensure_clsact(*where(place))
    tc.add_filter(fd, NAME, *(*place, 7))
    with entered(place[2]):
        add_bpf_filter(place[0], place[1], other, "theirs", FILTER_PRIORITY, 8)
        add_bpf_filter(place[0], place[1], other, NAME, FILTER_PRIORITY + 1, 9)

    assert tc.filter_handles(place[0], place[1], place[2]) == {7, 8}
    found = {each["handle"]: each["program"] for each in filters(veth.a, place[1])}
    assert tc.filter_program(NAME, *(*place, 7)) == found[7]
    assert tc.filter_program(NAME, *(*place, 8)) is None
    assert tc.filter_program(NAME, *(*place, 9)) is None


def test_a_filter_runs_another_program_in_its_place(fd, program_fd, place, veth):
    tc.ensure_clsact(*where(place))
    tc.add_filter(fd, NAME, *(*place, 7))
    [before] = filters(veth.a, place[1])

    tc.replace_filter(program_fd("tc_verdicts", "tc_ok", "tc"), NAME, *(*place, 7))

    [after] = filters(veth.a, place[1])
    assert before["program"] != after["program"] == tc.filter_program(NAME, *(*place, 7))
    assert {**before, "program": 0} == {**after, "program": 0}


def test_a_filter_that_is_gone_is_no_error_to_remove(place):
    tc.remove_filter(*(*place, 7))
    tc.ensure_clsact(*where(place))
    tc.remove_filter(*(*place, 7))


def test_an_ingress_qdisc_is_somebody_elses(fd, place, veth):
    run_tc(veth.a, "qdisc", "add", "dev", veth.a.interface, "ingress")
    for act in (tc.has_clsact, tc.ensure_clsact):
        with pytest.raises(ForeignProgram, match="qdisc ingress where TC programs require clsact"):
            act(*where(place))
    assert "ingress" in qdiscs(veth.a)
