# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import errno
import os

import pytest

from bpfman.bpf.link import tcx
from bpfman.bpf.link.tcx import Anchor
from bpfman.errors import KernelRefused, Unsupported
from bpfman.model.hook import DIRECTIONS
from tests.manager.hooks import tcx_programs

pytestmark = [pytest.mark.kernel, pytest.mark.network]


@pytest.fixture(params=DIRECTIONS)
def hook(request, veth):
    return veth.a, request.param


@pytest.fixture
def create(program_fd, hook, kept):
    """A link of a program of its own, somewhere at the hook."""

    def create(anchor=None):
        end, direction = hook
        fd = program_fd("tc_counter", "stats", "tcx")
        if not tcx.supported(fd):
            pytest.skip("needs kernel 6.6 or newer")
        return kept.enter_context(tcx.create(fd, end.ifindex, direction, end.namespace.path, anchor))

    return create


def order(hook, links):
    """The links as the kernel runs them, as numbers in `links`."""
    programs = [link.info.program_id for link in links]
    return [programs.index(program) for program in tcx_programs(*hook)]


def test_goes_behind_all_others_or_where_it_is_asked_to(create, hook):
    links = [create(), create()]
    links.append(create(Anchor(True, links[1].info.id)))
    links.append(create(Anchor(False, links[0].info.id)))
    links.append(create())

    assert order(hook, links) == [0, 3, 2, 1, 4]


def test_beside_one_that_is_gone_is_refused(create, hook):
    staying, gone = create(), create()
    anchor = Anchor(True, gone.info.id)
    gone.close()

    with pytest.raises(KernelRefused, match=f"attach to tcx {hook[1]}") as refused:
        create(anchor)

    assert refused.value.errno == errno.ENOENT
    assert order(hook, [staying]) == [0]


def test_of_an_interface_that_is_gone_is_refused(program_fd, netns):
    with pytest.raises(KernelRefused) as refused:
        tcx.create(program_fd("tc_counter", "stats", "tcx"), 99, "ingress", netns.path, None)
    assert refused.value.errno in (errno.ENODEV, errno.EINVAL)


def test_on_a_kernel_without_tcx_is_told_with_what_to_do(program_fd, veth, monkeypatch):
    """Such a kernel knows no such attach type, and says EINVAL before it looks for the interface."""

    def unknown(*arguments, **options):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    program = program_fd("tc_counter", "stats", "tcx")
    monkeypatch.setattr("bpfman.syscalls.bpf.link_create", unknown)
    with pytest.raises(Unsupported, match=r"this kernel has no TCX, which came with Linux 6\.6") as refused:
        tcx.create(program, veth.a.ifindex, "ingress", veth.a.namespace.path, None)
    assert "link attach tc" in refused.value.hint
