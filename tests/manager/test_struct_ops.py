# SPDX-License-Identifier: Apache-2.0
"""Struct_ops: functions take the place of the kernel's own while they are attached, here of a congestion control."""

from __future__ import annotations

import os
import socket
import struct
import sys

import pytest

from bpfman.bpf.info import link_by_id
from bpfman.errors import Conflict, InvalidRequest, KernelRefused
from bpfman.model.targets import StructOpsAttach
from bpfman.syscalls.namespaces import entered

pytestmark = [pytest.mark.kernel, pytest.mark.feature("struct_ops")]


def send(namespace) -> None:
    """Data over a TCP connection that asks for our congestion control; OSError ENOENT where it is not registered."""
    with entered(namespace.path), socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bpfman_counted")
        client.connect(server.getsockname())
        with server.accept()[0] as accepted:
            client.sendall(b"x" * 4096)
            assert accepted.recv(4096)


def runs(manager, program) -> list[int]:
    with manager.open_map("runs", program.record.program_id) as found:
        return [int.from_bytes(found.lookup(struct.pack("=I", row)), sys.byteorder) for row in range(4)]


@pytest.fixture
def counted(load):
    [program] = load("struct_ops", "struct_ops:counted")
    return program


@pytest.mark.network
def test_functions_run_in_place_of_the_kernels_while_they_are_attached(manager, counted, netns):
    with pytest.raises(FileNotFoundError):
        send(netns)

    link = manager.attach(counted.record.program_id, StructOpsAttach())
    send(netns)
    ssthresh, cong_avoid, undo_cwnd, init = runs(manager, counted)
    assert init == 1
    assert cong_avoid > 0
    assert (ssthresh, undo_cwnd) == (0, 0)  # nothing was lost

    assert link.record.kind == "struct_ops"
    assert link.record.details.operations == "tcp_congestion_ops"
    assert link.status.kernel_seen
    assert link.status.pin_present
    assert manager.link(link.record.id) == link
    assert [record for record, _ in manager.links()] == [link.record]
    assert manager.examine() == []

    manager.detach([link.record.id])
    with pytest.raises(FileNotFoundError):
        send(netns)
    assert link_by_id(link.record.kernel_link_id) is None
    assert not os.path.exists(link.record.pin_path)
    assert manager.links() == []


def test_a_program_of_that_kind_is_all_the_functions(manager, counted):
    record = counted.record
    assert (record.name, record.attach_func) == ("counted", "tcp_congestion_ops")
    assert counted.status.kernel.name == "counted_ssthresh"[:15]
    [found] = [each for each in manager.maps() if each.name == "counted"]
    assert found.kernel is not None
    assert manager.program(record.program_id).record == record


def test_unloading_takes_all_the_functions(watched, load, nothing_left):
    [program] = load("struct_ops", "struct_ops:counted", by=watched)
    watched.attach(program.record.program_id, StructOpsAttach())
    watched.unload([program.record.program_id])
    nothing_left()


def test_it_can_be_attached_again(manager, counted, netns):
    for _ in range(2):
        link = manager.attach(counted.record.program_id, StructOpsAttach())
        send(netns)
        manager.detach([link.record.id])


def test_two_of_one_name_are_refused(manager, load, counted):
    manager.attach(counted.record.program_id, StructOpsAttach())
    [second] = load("struct_ops", "struct_ops:counted")
    for program in (counted, second):
        with pytest.raises((Conflict, KernelRefused)):
            manager.attach(program.record.program_id, StructOpsAttach())
    assert len(manager.links()) == 1


def test_incomplete_ones_are_refused(watched, load, nothing_left):
    with pytest.raises(KernelRefused, match="set up struct_ops lacking: Invalid argument") as refused:
        load("struct_ops", "struct_ops:lacking", by=watched)
    assert "may lack a function" in refused.value.hint
    nothing_left()


@pytest.mark.feature("xdp")
def test_other_programs_of_the_object_are_loaded_without_it(watched, load, nothing_left):
    [program] = load("struct_ops", "xdp:beside", by=watched)
    assert [each.name for each in watched.maps()] == ["runs"]
    watched.unload([program.record.program_id])
    nothing_left()


def test_it_shares_no_maps(load, counted):
    with pytest.raises(InvalidRequest, match="map of their own"):
        load("struct_ops", "struct_ops:counted", map_owner_id=counted.record.program_id)
