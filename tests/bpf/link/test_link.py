# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import errno
import os

import pytest

from bpfman.bpf import info
from bpfman.bpf.link import link, xdp
from bpfman.bpf.link.link import Link
from bpfman.errors import KernelRefused, LinkNotFound

pytestmark = [pytest.mark.kernel, pytest.mark.network]


@pytest.fixture
def programs(program_fd):
    """Two programs of one type."""
    return [program_fd("xdp_pass"), program_fd("xdp_drop")]


@pytest.fixture
def made(programs, veth, kept):
    """A link of the first program on an interface."""
    end = veth.a
    return kept.enter_context(xdp.create(programs[0], end.ifindex, end.namespace.path, "auto"))


def refused(errno_):
    return pytest.raises(KernelRefused, match=os.strerror(errno_))


def program_id(fd: int) -> int:
    return info.program(fd).id


def test_tells_what_it_runs_and_where(made, programs, veth):
    found = made.info
    assert (found.program_id, found.ifindex) == (program_id(programs[0]), veth.a.ifindex)
    assert info.link_by_id(found.id) == found


def test_is_opened_by_id_or_pin(made, bpffs):
    made.pin(f"{bpffs}/link")
    pinned = Link.pinned(f"{bpffs}/link")
    assert pinned is not None
    with pinned, Link.by_id(made.info.id) as opened:
        assert pinned.info == opened.info == made.info


def test_that_is_not_there_is_told(bpffs):
    assert Link.pinned(f"{bpffs}/none") is None
    with pytest.raises(LinkNotFound):
        Link.by_id(0x7FFFFFFF)


def test_is_switched_from_the_program_that_it_runs_and_no_other(made, programs):
    first, second = programs
    made.update(second, first)
    assert made.info.program_id == program_id(second)

    with refused(errno.EPERM):
        made.update(second, first)
    assert made.info.program_id == program_id(second)


def test_stays_without_an_interface_when_that_goes(made, programs, veth):
    veth.a.namespace.ip("link", "delete", veth.a.interface)

    assert made.info.ifindex == 0
    with refused(errno.ENOLINK):
        made.update(programs[1], programs[0])
    made.detach()


def test_may_be_detached_twice(made):
    made.detach()
    made.detach()
    assert made.info.ifindex == 0


def test_takes_the_place_of_what_is_pinned_at_its_path(made, programs, veth, bpffs, monkeypatch):
    monkeypatch.setattr(link, "GONE_WITHIN", 0.05)
    end = veth.b
    path = f"{bpffs}/deep/link"
    with xdp.create(programs[0], end.ifindex, end.namespace.path, "auto") as old:
        old.pin(path)
        made.pin(path)
        assert old.info.ifindex == 0
    pinned = Link.pinned(path)
    assert pinned is not None
    with pinned:
        assert pinned.info == made.info


class TestRelease:
    def test_stops_and_unpins_at_once_and_holds_the_link_until_waited_for(self, programs, veth, bpffs):
        end, path = veth.a, f"{bpffs}/link"
        with xdp.create(programs[0], end.ifindex, end.namespace.path, "auto") as made:
            link_id = made.info.id
            made.pin(path)

        ending = link.release(path)
        assert not os.path.exists(path)
        found = info.link_by_id(link_id)
        assert found is not None
        assert found.ifindex == 0
        ending.wait()
        assert info.link_by_id(link_id) is None

    def test_is_content_where_nothing_is(self, bpffs):
        ending = link.release(f"{bpffs}/none")
        assert not ending.exclusive
        ending.wait()


class TestRemove:
    def test_ends_with_the_link_gone(self, programs, veth, bpffs):
        end, path = veth.a, f"{bpffs}/link"
        with xdp.create(programs[0], end.ifindex, end.namespace.path, "auto") as made:
            link_id = made.info.id
            made.pin(path)

        link.remove(path)

        assert info.link_by_id(link_id) is None
        assert not os.path.exists(path)

    def test_stops_what_somebody_else_holds(self, made, bpffs, monkeypatch):
        monkeypatch.setattr(link, "GONE_WITHIN", 0.05)
        made.pin(f"{bpffs}/link")

        link.remove(f"{bpffs}/link")

        assert made.info.ifindex == 0

    def test_is_content_where_nothing_is(self, bpffs):
        link.remove(f"{bpffs}/none")
