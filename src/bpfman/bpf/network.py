# SPDX-License-Identifier: Apache-2.0
"""Interfaces and network namespaces as hooks need them: by name, by inode, gone or still there."""

from __future__ import annotations

import errno
import os

from bpfman.errors import InterfaceNotFound, KernelRefused, NamespaceNotFound
from bpfman.model.hook import Interface
from bpfman.syscalls import interfaces
from bpfman.syscalls.namespaces import NAMED, entered, namespace_cookie, namespace_inode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# What says nothing of a namespace: one that could not be looked at must not pass for one that is gone.  EPERM is from
# setns(2); to open what a stranger's process is in gives EACCES.
_NOBODY_COULD_TELL = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EPERM)


def resolve(name: str, netns: str) -> Interface:
    """The interface `name` inside the namespace at `netns` ("" is the caller's own)."""
    with entered(netns):
        found = interfaces.interface(name)
        if found is None:
            raise _not_found(name, netns)
        return Interface(found.name, found.ifindex, netns, namespace_inode(), namespace_cookie())


def _look(ifindex: int, netns: str) -> interfaces.KernelInterface | None:
    with entered(netns):
        return interfaces.interface(ifindex)


def xdp_mode(ifindex: int, netns: str) -> str:
    found = _look(ifindex, netns)
    return found.xdp.mode if found and found.xdp else ""


def xdp_program(ifindex: int, netns: str) -> int | None:
    found = _look(ifindex, netns)
    return found.xdp.program_id if found and found.xdp else None


def name_of(ifindex: int, netns: str) -> str:
    found = _look(ifindex, netns)
    return found.name if found else ""


def find_namespace(interface: Interface) -> str | None:
    """A path that leads to the interface's namespace now: the one it was given by, "" for our own, a named one, or one
    that a process lives in.  None when the namespace is gone, even if another one has got its inode; KernelRefused when
    it may not be entered, as then nobody knows what it is."""
    if interface.netns and _is(interface.netns, interface):
        return interface.netns
    if _is("", interface):
        return ""
    return next((path for path in _namespaces() if _is(path, interface)), None)


def _is(path: str, interface: Interface) -> bool:
    try:
        if (namespace_inode(path) if path else namespace_inode()) != interface.nsid:
            return False
        with entered(path):
            return interface.cookie in (0, namespace_cookie())
    except KernelRefused as error:  # gone meanwhile, or a stranger's
        if error.errno in _NOBODY_COULD_TELL:
            raise
        return False
    except NamespaceNotFound:  # gone meanwhile, or not a namespace
        return False


def _namespaces() -> Iterator[str]:
    for directory, suffix in ((NAMED, ""), ("/run/docker/netns", ""), ("/proc", "/ns/net")):
        try:
            names = os.listdir(directory)
        except OSError as error:
            if error.errno in _NOBODY_COULD_TELL:
                raise KernelRefused(f"list {directory}", error.errno or 0) from None
            continue
        yield from (f"{directory}/{name}{suffix}" for name in names if not suffix or name.isdigit())


def _not_found(name: str, netns: str) -> InterfaceNotFound:
    import difflib

    names = [each.name for each in interfaces.interfaces()]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    where = f' in netns "{netns}"' if netns else ""
    hint = f"did you mean: {', '.join(near)}?" if near else f"interfaces there: {', '.join(names) or 'none'}"
    return InterfaceNotFound(f'resolve interface "{name}"{where}: interface not found', hint)
