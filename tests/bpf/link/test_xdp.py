# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from bpfman.bpf.link import xdp
from bpfman.bpf.network import xdp_mode, xdp_program
from bpfman.errors import ForeignProgram, KernelRefused

pytestmark = [pytest.mark.kernel, pytest.mark.network]


@pytest.fixture
def create(program_fd, veth, kept):
    """A link on the first end."""

    def create(mode="auto", name="xdp_pass"):
        end = veth.a
        return kept.enter_context(xdp.create(program_fd(name), end.ifindex, end.namespace.path, mode))

    return create


@pytest.mark.parametrize(("asked", "got"), [("auto", "native"), ("native", "native"), ("generic", "generic")])
def test_runs_in_the_mode_asked_for(create, veth, asked, got):
    end = veth.a
    assert xdp_mode(end.ifindex, end.namespace.path) == ""
    made = create(asked)

    assert xdp_mode(end.ifindex, end.namespace.path) == got
    assert xdp_program(end.ifindex, end.namespace.path) == made.info.program_id
    made.detach()
    assert xdp_program(end.ifindex, end.namespace.path) is None


@pytest.mark.parametrize("mode", ["auto", "native", "generic"])
def test_leaves_an_interface_to_who_was_there_first(create, veth, mode):
    first = create()

    with pytest.raises(ForeignProgram, match="interface already has an XDP program attached") as refused:
        create(mode)

    assert f"program {first.info.program_id} (native mode)" in str(refused.value)
    assert f"ip link set dev {veth.a.interface} xdp off" in refused.value.hint


def test_tells_what_to_do_where_the_card_runs_no_programs(create):
    with pytest.raises(KernelRefused) as refused:
        create("offload")
    assert "--mode generic" in refused.value.hint


def test_of_an_interface_that_is_gone_is_refused(program_fd, netns):
    with pytest.raises(KernelRefused, match="attach XDP program to interface 99") as refused:
        xdp.create(program_fd("xdp_pass"), 99, netns.path, "auto")
    assert refused.value.hint == "the interface is gone"


def test_tells_the_mtu_that_is_too_large(create, veth):
    for end in (veth.a, veth.b):
        end.namespace.ip("link", "set", end.interface, "mtu", "9000")

    with pytest.raises(KernelRefused) as refused:
        create()

    assert "(9000)" in refused.value.hint
    create("generic")
