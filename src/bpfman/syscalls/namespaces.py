# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: which one a path names, and work inside one.

Called by `bpf` and `manager` for --netns.  A namespace belongs to a thread, not to a process, so everything here
looks at and moves the calling thread alone (/proc/thread-self; /proc/self is the main thread's).  It must never
leave a thread in a namespace that its next piece of work does not expect.
"""

from __future__ import annotations

import ctypes
import os
import sys
from _thread import _local  # the class behind threading.local, without the import

from bpfman.errors import KernelRefused, NamespaceNotFound
from bpfman.syscalls.libc import check, libc

HERE = "/proc/thread-self/ns/net"
NAMED = "/var/run/netns"  # where `ip netns` keeps its own
CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h
SO_NETNS_COOKIE = 71  # include/uapi/asm-generic/socket.h
NS_GET_NSTYPE = 0xB703  # include/uapi/linux/nsfs.h; answers one of CLONE_NEW*, Linux 4.11

_stranded = _local()  # .home: descriptor of the namespace that this thread failed to return to


def namespace_inode(path: str = HERE) -> int:
    """The inode that identifies the network namespace at `path` (the calling thread's own by default).

    Raises NamespaceNotFound when `path` is missing or is something else, KernelRefused when it cannot be opened.
    """
    descriptor = _open(path)
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def namespace_cookie() -> int:
    """The calling thread's network namespace as a number that no other one ever gets (SO_NETNS_COOKIE, Linux 5.14);
    0 where the kernel does not tell.  Raises KernelRefused where it could not be asked."""
    import _socket  # all of `socket` takes 7 ms

    try:
        probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    except OSError as error:
        raise KernelRefused("open a socket", error.errno or 0) from None
    try:
        return int.from_bytes(probe.getsockopt(_socket.SOL_SOCKET, SO_NETNS_COOKIE, 8), sys.byteorder)
    except OSError:  # before Linux 5.14
        return 0
    finally:
        probe.close()


class entered:  # noqa: N801 - a verb, like contextlib.suppress
    """`with entered(path):` runs its body with the calling thread in the network namespace at `path`; "" stays
    where the thread is, at no cost.  Other threads do not move.  Nests.

    Raises NamespaceNotFound, or KernelRefused (EPERM without CAP_SYS_ADMIN).  When the way back fails, it raises
    KernelRefused on leaving, and on that thread each later `entered` goes home first or raises again: no work is
    done by accident in a namespace that was meant for other work.
    """

    __slots__ = ("_home", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._home = -1

    def __enter__(self) -> None:
        _rescue()
        if self._path:
            self._home = _move(self._path)

    def __exit__(self, *_: object) -> None:
        if self._path:
            _return_to(self._home)


def _move(path: str) -> int:
    """Puts the thread into the namespace; answers a descriptor of the one it left."""
    target = _open(path)
    try:
        home = _open(HERE)
        try:
            check(libc.setns(target, CLONE_NEWNET), path)
        except OSError as error:
            os.close(home)
            hint = "entering a network namespace needs CAP_SYS_ADMIN"
            raise KernelRefused(f"enter network namespace {path}", error.errno or 0, hint) from None
        except BaseException:  # a signal's handler raised, after the switch
            _return_to(home)
            raise
        return home
    finally:
        os.close(target)


def _return_to(home: int) -> None:
    failure = ctypes.get_errno() if libc.setns(home, CLONE_NEWNET) else 0
    _close_stranded()
    if not failure:
        os.close(home)
        return
    _stranded.home = home
    hint = "this thread is still in the wrong network namespace; restart the process if it does not recover"
    raise KernelRefused("return to the network namespace the work began in", failure, hint)


def _rescue() -> None:
    home = _stranded.__dict__.pop("home", None)
    if home is not None:
        _return_to(home)


def _close_stranded() -> None:
    home = _stranded.__dict__.pop("home", None)
    if home is not None:
        os.close(home)


def _open(path: str) -> int:
    """A descriptor of the network namespace at `path`."""
    try:
        # A stranger's path may be a FIFO: not to wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise NamespaceNotFound(f"network namespace {path!r} does not exist", _near(path)) from None
    except OSError as error:
        raise KernelRefused(f"open network namespace {path}", error.errno or 0) from None
    if _type(descriptor) != CLONE_NEWNET:
        os.close(descriptor)
        raise NamespaceNotFound(f"{path} is not a network namespace", _near(path))
    return descriptor


def _type(descriptor: int) -> int:
    from fcntl import ioctl

    try:
        return ioctl(descriptor, NS_GET_NSTYPE)
    except OSError:  # ENOTTY: an ordinary file, such as one that `ip netns` left when its namespace went
        return 0


def _near(path: str) -> str:
    """What to try in place of `path`: the named namespaces whose names are close to it."""
    from difflib import get_close_matches

    try:
        names = os.listdir(NAMED)
    except OSError:
        names = []
    near = get_close_matches(os.path.basename(path), names, 3)
    if near:
        return "did you mean " + ", ".join(f"{NAMED}/{name}" for name in near) + "?"
    return (
        f"give the path of a namespace file, such as {NAMED}/NAME or /proc/PID/ns/net; `ip netns` lists names"
    )
