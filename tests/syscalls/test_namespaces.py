# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bpfman.errors import KernelRefused, NamespaceNotFound
from bpfman.syscalls.libc import libc
from bpfman.syscalls.namespaces import entered, namespace_inode
from bpfman.testing.network import namespace

CAP_SYS_ADMIN = 1 << 21
SELF = 0


def test_the_inode_is_that_of_the_namespace():
    assert namespace_inode() == os.stat("/proc/self/ns/net").st_ino


@pytest.mark.network
def test_the_inode_of_a_named_namespace_is_that_of_its_file(netns):
    assert namespace_inode(netns.path) == netns.inode != namespace_inode()


@pytest.mark.network
def test_the_body_runs_inside_and_the_thread_returns(netns):
    home = namespace_inode()
    with entered(netns.path):
        assert namespace_inode() == netns.inode
    assert namespace_inode() == home


def test_an_empty_path_stays():
    home = namespace_inode()
    with entered(""):
        assert namespace_inode() == home
    assert namespace_inode() == home


@pytest.mark.network
def test_the_thread_returns_from_a_body_that_fails(netns):
    home = namespace_inode()
    with pytest.raises(FileNotFoundError), entered(netns.path):
        os.stat("/nonexistent")
    assert namespace_inode() == home


@pytest.mark.network
def test_visits_nest(netns):
    with namespace() as other, entered(netns.path):
        with entered(other.path), entered(""):
            assert namespace_inode() == other.inode
        assert namespace_inode() == netns.inode


@pytest.mark.network
def test_a_namespace_that_is_deleted_meanwhile_is_left(netns):
    home = namespace_inode()
    with namespace() as other:
        visit = entered(other.path)
        visit.__enter__()
    assert namespace_inode() != home
    visit.__exit__(None, None, None)
    assert namespace_inode() == home


@pytest.mark.network
def test_other_threads_do_not_move(netns):
    """Two threads inside two namespaces and the main thread in its own, all at one moment."""
    together = threading.Barrier(3)

    def visit(path):
        with entered(path):
            together.wait(10)
            inode = namespace_inode()
            together.wait(10)
        return inode, namespace_inode()

    home = namespace_inode()
    with namespace() as other, ThreadPoolExecutor() as pool:
        visits = [pool.submit(visit, space.path) for space in (netns, other)]
        together.wait(10)
        assert namespace_inode() == home
        together.wait(10)
        assert [done.result() for done in visits] == [(netns.inode, home), (other.inode, home)]


# what is not a network namespace


@pytest.mark.parametrize("path", ["/nonexistent/ns", "/etc/passwd/ns", "a\0b", "\ud800"])
def test_a_missing_namespace_is_not_found(path):
    with pytest.raises(NamespaceNotFound, match="does not exist"):
        namespace_inode(path)
    with pytest.raises(NamespaceNotFound), entered(path):
        pytest.fail("the body ran")


@pytest.mark.parametrize("path", ["/etc/passwd", "/dev/null", "/", "/proc/self/ns/mnt", "/proc/self/ns/user"])
def test_another_file_is_not_a_network_namespace(path):
    with pytest.raises(NamespaceNotFound, match="is not a network namespace"):
        namespace_inode(path)


def test_a_fifo_is_not_waited_for(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(NamespaceNotFound):
        namespace_inode(str(fifo))


def test_a_path_that_cannot_be_opened_is_refused(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(KernelRefused) as refused:
        namespace_inode(str(loop))
    assert refused.value.errno == errno.ELOOP


@pytest.mark.network
@pytest.mark.parametrize("given", ["{name}", "{name}x", "/var/run/netns/x{name}"])
def test_the_hint_names_namespaces_of_a_similar_name(netns, given):
    with pytest.raises(NamespaceNotFound) as missing:
        namespace_inode(given.format(name=netns.name))
    assert netns.path in missing.value.hint


# when there is no way back


class CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class CapabilityData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def set_effective(capability, on):
    """For the calling thread alone; see capset(2)."""
    header = CapabilityHeader(0x20080522, SELF)
    data = (CapabilityData * 2)()
    assert libc.capget(ctypes.byref(header), data) == 0
    data[0].effective = data[0].effective | capability if on else data[0].effective & ~capability
    assert libc.capset(ctypes.byref(header), data) == 0


def in_a_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@pytest.mark.network
def test_without_the_capability_nothing_runs(netns):
    def attempt():
        home = namespace_inode()
        set_effective(CAP_SYS_ADMIN, on=False)
        with pytest.raises(KernelRefused) as refused, entered(netns.path):
            pytest.fail("the body ran")
        assert refused.value.errno == errno.EPERM
        assert "CAP_SYS_ADMIN" in refused.value.hint
        assert namespace_inode() == home
        with entered(""):
            pass

    in_a_thread(attempt)


@pytest.mark.network
def test_a_thread_that_cannot_return_does_no_more_work_until_it_can(netns):
    def stray():
        home = namespace_inode()
        with (
            pytest.raises(KernelRefused, match="return to the network namespace") as refused,
            entered(netns.path),
        ):
            set_effective(CAP_SYS_ADMIN, on=False)
        assert refused.value.errno == errno.EPERM
        assert namespace_inode() == netns.inode
        with pytest.raises(KernelRefused, match="return to the network namespace"), entered(""):
            pytest.fail("the body ran in the wrong namespace")
        set_effective(CAP_SYS_ADMIN, on=True)
        with entered(""):
            assert namespace_inode() == home

    in_a_thread(stray)


@pytest.mark.network
def test_the_outermost_visit_leads_home_when_an_inner_one_could_not(netns):
    def stray():
        home = namespace_inode()
        with namespace() as other, entered(other.path):
            with pytest.raises(KernelRefused), entered(netns.path):
                set_effective(CAP_SYS_ADMIN, on=False)
            set_effective(CAP_SYS_ADMIN, on=True)
        assert namespace_inode() == home
        with entered(""):
            assert namespace_inode() == home

    in_a_thread(stray)
