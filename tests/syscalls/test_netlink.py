# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bpfman.errors import KernelRefused
from bpfman.syscalls import netlink
from bpfman.syscalls.attributes import Message, text_attribute
from bpfman.syscalls.interfaces import RTM_GETLINK, RTM_NEWLINK, interfaces
from bpfman.syscalls.namespaces import entered
from bpfman.syscalls.netlink import RouteSocket, read_answer

ALL_INTERFACES = bytes(16)
SEQUENCE, PORT = 7, 4711


def message(kind, payload=b"", flags=0, sequence=SEQUENCE, port=PORT):
    data = Message(kind, flags, sequence, port, payload).encoded()
    return data + bytes(-len(data) % 4)


def error(number):
    return struct.pack("=i", -number)


REQUEST_HEADER = struct.pack("=IHHII", 40, 36, 5, SEQUENCE, 0)
ACK = message(netlink.NLMSG_ERROR, error(0) + REQUEST_HEADER, netlink.NLM_F_CAPPED)


def answer(*datagrams):
    return read_answer(iter(datagrams), SEQUENCE, PORT, "do it")


# what the kernel really says


@pytest.mark.network
def test_a_refusal_has_the_kernels_own_words(inside):
    request = struct.pack("=BxxxiIII", 0, inside.ifindex, 0xFFFF0000, 0xFFFFFFF1, 0)
    with RouteSocket() as route, pytest.raises(KernelRefused, match=r"make it: .* qdisc") as refused:
        route.request(36, request + text_attribute(1, "nonesuch"), "make it", netlink.NLM_F_CREATE)
    assert refused.value.errno == errno.ENOENT


@pytest.mark.network
@pytest.mark.parametrize("ask", [RouteSocket.request, RouteSocket.dump])
def test_what_the_kernel_does_not_know_is_refused(netns, ask):
    with entered(netns.path), RouteSocket() as route, pytest.raises(KernelRefused) as refused:
        ask(route, 9999, ALL_INTERFACES, "ask the impossible")
    assert refused.value.errno == errno.EOPNOTSUPP


class Changing(RouteSocket):
    """A conversation in which something changes after the first datagram of some dumps."""

    def __init__(self, change, times):
        super().__init__()
        self.change, self.times, self.dumps = change, times, 0

    def _datagrams(self):
        self.dumps += 1
        for number, datagram in enumerate(super()._datagrams()):
            yield datagram
            if number == 0 and self.dumps <= self.times:
                self.change(self.dumps)


@pytest.fixture
def crowded(netns, tmp_path):
    """A namespace with more interfaces than fit into a few datagrams."""
    batch = tmp_path / "batch"
    batch.write_text("".join(f"link add many{i} type veth peer name other{i}\n" for i in range(40)))
    netns.ip("-batch", str(batch))
    return netns


@pytest.mark.network
def test_a_dump_that_changes_while_it_is_read_is_read_again(crowded):
    def add(number):
        crowded.ip("link", "add", f"late{number}", "type", "veth", "peer", "name", f"latepeer{number}")

    with entered(crowded.path), Changing(add, times=2) as route:
        found = route.dump(RTM_GETLINK, ALL_INTERFACES, "list")
        assert route.dumps == 3
        assert len(found) == len(interfaces()) == 1 + 80 + 4


@pytest.mark.network
def test_a_dump_that_always_changes_is_an_error(crowded):
    def come_and_go(_):
        crowded.ip("link", "add", "brief", "type", "veth", "peer", "name", "briefpeer")
        crowded.ip("link", "delete", "brief")

    with (
        entered(crowded.path),
        Changing(come_and_go, times=100) as route,
        pytest.raises(KernelRefused, match="list: it changed each time"),
    ):
        route.dump(RTM_GETLINK, ALL_INTERFACES, "list")
    assert route.dumps == 10


@pytest.mark.network
def test_only_the_kernel_is_listened_to(netns):
    """Whoever may send to our port can forge an answer, sequence number and all."""
    with entered(netns.path), RouteSocket() as route:
        forged = Message(netlink.NLMSG_ERROR, netlink.NLM_F_CAPPED, 1, route._port, error(1) + REQUEST_HEADER)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as stranger:
            stranger.sendto(forged.encoded(), (route._port, 0))
        found = route.dump(RTM_GETLINK, ALL_INTERFACES, "list")
    assert [entry.type for entry in found] == [RTM_NEWLINK]


@pytest.mark.network
def test_signals_do_not_disturb_a_conversation(crowded):
    arrived = []
    previous = signal.signal(signal.SIGALRM, lambda *_: arrived.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        with entered(crowded.path):
            while len(arrived) < 20:
                assert len(interfaces()) == 81
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_a_socket_that_cannot_be_had_is_a_refusal():
    """As with `RestrictAddressFamilies=` of systemd, or no descriptors left."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = os.open("/dev/null", os.O_RDONLY)
    os.close(highest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, limits[1]))
    try:
        with pytest.raises(KernelRefused) as refused:
            RouteSocket()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert refused.value.errno == errno.EMFILE


def test_a_conversation_does_not_import_socket():
    """Which takes longer than the conversation and everything else that a command imports for it."""
    script = """
import sys
from bpfman.syscalls import filters, interfaces, namespaces
interfaces.interface("lo"), filters.filters(1, "ingress"), namespaces.namespace_inode()
print(*sorted({"socket", "threading", "contextlib", "typing", "subprocess"} & set(sys.modules)))
"""
    source = str(Path(netlink.__file__).parents[2])
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({source!r})" + script]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "\n"


# what an answer may look like


def test_messages_before_the_acknowledgement_are_the_answer():
    found, interrupted = answer(message(16, b"abcd"), message(16, b"efgh") + ACK)
    assert [entry.payload for entry in found] == [b"abcd", b"efgh"]
    assert not interrupted


def test_messages_of_other_conversations_are_skipped():
    stale = message(netlink.NLMSG_ERROR, error(errno.EPERM), sequence=SEQUENCE - 1)
    others = message(netlink.NLMSG_ERROR, error(errno.EPERM), port=PORT + 1)
    assert answer(stale, others + message(netlink.NLMSG_NOOP), ACK) == ([], False)


def test_an_explanation_is_found_behind_a_request_that_was_not_capped():
    request = REQUEST_HEADER + bytes(24)
    payload = error(errno.EINVAL) + request + text_attribute(netlink.NLMSGERR_ATTR_MSG, "No such luck")
    refusal = message(netlink.NLMSG_ERROR, payload, netlink.NLM_F_ACK_TLVS)
    with pytest.raises(KernelRefused, match=r"^do it: No such luck: Invalid argument$"):
        answer(refusal)


def test_an_explanation_is_found_at_the_end_of_a_dump():
    payload = error(errno.EINVAL) + text_attribute(netlink.NLMSGERR_ATTR_MSG, "No such luck")
    with pytest.raises(KernelRefused, match="No such luck"):
        answer(message(netlink.NLMSG_DONE, payload, netlink.NLM_F_ACK_TLVS))


def test_a_refusal_without_explanation_has_its_errno():
    with pytest.raises(KernelRefused, match=r"^do it: Operation not permitted$") as refused:
        answer(message(netlink.NLMSG_ERROR, error(errno.EPERM) + REQUEST_HEADER, netlink.NLM_F_CAPPED))
    assert refused.value.errno == errno.EPERM


def test_an_overrun_is_a_refusal():
    with pytest.raises(KernelRefused) as refused:
        answer(message(netlink.NLMSG_OVERRUN))
    assert refused.value.errno == errno.ENOBUFS


def test_an_answer_without_its_end_is_refused():
    with pytest.raises(KernelRefused, match="before the acknowledgement"):
        answer(message(16, b"abcd"))


kinds = st.sampled_from([netlink.NLMSG_ERROR, netlink.NLMSG_DONE, netlink.NLMSG_OVERRUN, 16])
fuzzed = st.builds(message, kinds, st.binary(max_size=80), st.integers(0, 65535))


@given(st.lists(fuzzed | st.binary(max_size=120), max_size=4))
@example([message(netlink.NLMSG_ERROR, b"\0\0\0\x80")])
@example([message(netlink.NLMSG_ERROR, error(1), netlink.NLM_F_ACK_TLVS)])
@example([message(netlink.NLMSG_ERROR, error(1) + b"\xff\xff\xff\xff", netlink.NLM_F_ACK_TLVS)])
def test_no_answer_raises_anything_else(datagrams):
    with suppress(KernelRefused):
        answer(*datagrams)
