# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2 import IPRoute

from bpfman.errors import KernelRefused
from bpfman.syscalls import interfaces as module
from bpfman.syscalls.attributes import Message, attribute, number_attribute, parse, text_attribute
from bpfman.syscalls.interfaces import Xdp, interface, interfaces
from bpfman.syscalls.namespaces import entered
from bpfman.syscalls.netlink import RouteSocket
from tests.syscalls.conftest import XDP

RTM_SETLINK, IFLA_XDP_FD, IFLA_XDP_FLAGS = 19, 1, 3
GENERIC, NATIVE = 2, 4  # XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE


def set_xdp(ifindex, fd, mode):
    flags = number_attribute(IFLA_XDP_FLAGS, mode)
    xdp = attribute(module.IFLA_XDP, attribute(IFLA_XDP_FD, fd.to_bytes(4, "little", signed=True)) + flags)
    with RouteSocket() as route:
        route.request(RTM_SETLINK, module._IFINFOMSG.pack(0, 0, ifindex, 0, 0) + xdp, "set XDP")


@pytest.mark.network
def test_interfaces_are_those_that_ip_lists(veth):
    space = veth.a.namespace
    space.ip("link", "add", "br0", "mtu", "1400", "type", "bridge")
    with entered(space.path):
        ours = interfaces()
    theirs = json.loads(space.ip("-j", "-d", "link", "show"))
    assert [(i.ifindex, i.name, i.mtu, i.kind, i.up) for i in ours] == [
        (i["ifindex"], i["ifname"], i["mtu"], i.get("linkinfo", {}).get("info_kind", ""), "UP" in i["flags"])
        for i in sorted(theirs, key=lambda entry: entry["ifindex"])
    ]


@pytest.mark.network
def test_interfaces_are_those_that_pyroute2_lists(veth):
    space = veth.a.namespace
    with entered(space.path):
        ours = interfaces()
    with IPRoute(netns=space.name) as peer:
        theirs = [(link["index"], link.get("ifname"), link.get("mtu")) for link in peer.get_links()]
    assert [(i.ifindex, i.name, i.mtu) for i in ours] == theirs


@pytest.mark.network
def test_an_interface_is_found_by_name_and_by_index(inside):
    by_name = interface(inside.interface)
    assert by_name is not None
    assert by_name == interface(inside.ifindex)
    assert (by_name.ifindex, by_name.name, by_name.kind) == (inside.ifindex, inside.interface, "veth")
    assert by_name.up
    assert by_name.xdp is None


@pytest.mark.network
@pytest.mark.parametrize("alias", ["short", "longer-than-an-ordinary-name-may-be", "\udce9t\udce9"])
def test_an_interface_is_found_by_its_alternative_names(inside, alias):
    inside.namespace.ip("link", "property", "add", "dev", inside.interface, "altname", alias)
    found = interface(alias)
    assert found is not None
    assert found.ifindex == inside.ifindex


@pytest.mark.network
@pytest.mark.parametrize(
    "wanted",
    ["nonesuch", "", "x" * 15, "x" * 16, "x" * 127, "x" * 128, "lo\0", "\ud800", 0, -1, 4711, 1 << 31],
)
def test_what_does_not_exist_is_none(netns, wanted):
    with entered(netns.path):
        assert interface(wanted) is None


@pytest.mark.network
def test_a_name_of_digits_is_a_name(netns):
    netns.ip("link", "add", "1", "type", "bridge")
    with entered(netns.path):
        by_name, by_index = interface("1"), interface(1)
    assert by_name is not None
    assert by_index is not None
    assert (by_name.kind, by_index.name) == ("bridge", "lo")


@pytest.mark.network
@pytest.mark.parametrize(("flag", "mode"), [(NATIVE, "native"), (GENERIC, "generic")])
def test_the_xdp_program_and_its_mode_are_told(inside, load_verdict, flag, mode):
    program = load_verdict(XDP, 2)
    set_xdp(inside.ifindex, program.fd, flag)
    found = interface(inside.ifindex)
    assert found is not None
    assert found.xdp == Xdp(program.id, mode)
    assert found in interfaces()
    set_xdp(inside.ifindex, -1, flag)
    assert interface(inside.ifindex) == found._replace(xdp=None)


@pytest.mark.parametrize(
    ("attached", "expected"),
    [
        ([(2, 3), (4, 9), (7, 9)], Xdp(9, "offload")),
        ([(2, 4), (5, 8), (7, 9)], Xdp(8, "native")),
        ([(2, 4), (6, 8), (7, 9)], Xdp(8, "generic")),
        ([(2, 0)], None),
    ],
)
def test_with_two_programs_the_one_in_the_kernel_is_meant(attached, expected):
    """Offload needs hardware, so the attributes are written out: ATTACHED, then the program ids by mode."""
    (mode, *ids) = attached
    data = attribute(mode[0], bytes([mode[1]])) + b"".join(number_attribute(*pair) for pair in ids)
    assert module._xdp(parse(data)) == expected


real = (
    module._IFINFOMSG.pack(0, 1, 3, 1, 0)
    + text_attribute(module.IFLA_IFNAME, "eth0")
    + number_attribute(module.IFLA_MTU, 1500)
    + attribute(module.IFLA_LINKINFO, text_attribute(module.IFLA_INFO_KIND, "veth"))
    + attribute(module.IFLA_XDP, attribute(2, b"\1") + number_attribute(4, 77))
)
damaged = st.builds(
    lambda at, put, cut: (real[:at] + put + real[at + len(put) :])[: len(real) - cut],
    st.integers(0, len(real)),
    st.binary(max_size=6),
    st.integers(0, len(real)),
)


@given(damaged | st.binary(max_size=200))
def test_no_message_raises_anything_else(payload):
    with suppress(KernelRefused):
        module._interface(Message(module.RTM_NEWLINK, 0, 1, 1, payload))
