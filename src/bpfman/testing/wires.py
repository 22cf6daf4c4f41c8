# SPDX-License-Identifier: Apache-2.0
"""The network of the fake kernel: namespaces, interfaces, `clsact` and the filters on it.

Made by `bpfman.testing.kernel`.  It knows programs by their ids alone, and never gives a namespace's number twice.
"""

from __future__ import annotations

import errno

from bpfman.errors import InterfaceNotFound, KernelRefused, NamespaceNotFound
from bpfman.model.chain import FILTER_PRIORITY
from bpfman.model.hook import DIRECTIONS, Interface
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_NAMESPACE = 1


class Filter(NamedTuple):
    """A `cls_bpf` filter of our priority."""

    name: str
    program_id: int


class Wires:
    """All namespaces of the machine; "" is our own."""

    def __init__(self) -> None:
        self._namespaces = {"": _OWN_NAMESPACE}
        self._last_namespace = _OWN_NAMESPACE
        self._interfaces: dict[int, dict[str, int]] = {_OWN_NAMESPACE: {}}
        self._filters: dict[tuple[int, int, str], dict[int, Filter]] = {}
        self._clsact: set[tuple[int, int]] = set()

    def nsid(self, netns: str) -> int:
        """The number of the namespace at a path."""
        if netns not in self._namespaces:
            raise NamespaceNotFound(f"network namespace {netns!r} does not exist")
        return self._namespaces[netns]

    def path_of(self, nsid: int) -> str | None:
        return next((path for path, number in self._namespaces.items() if number == nsid), None)

    # interfaces

    def add_interface(self, name: str, netns: str) -> int:
        if netns not in self._namespaces:
            self._namespaces[netns] = self._last_namespace = self._last_namespace + 1
        there = self._interfaces.setdefault(self._namespaces[netns], {})
        there[name] = 1 + max(there.values(), default=0)
        return there[name]

    def remove_interface(self, name: str, netns: str) -> int:
        """Its index."""
        nsid = self.nsid(netns)
        ifindex = self._interfaces[nsid].pop(name)
        self._remove_qdisc(nsid, ifindex)
        return ifindex

    def remove_namespace(self, netns: str) -> None:
        del self._interfaces[self._namespaces.pop(netns)]

    def names(self, netns: str) -> list[str]:
        return list(self._interfaces[self.nsid(netns)])

    def interface(self, name: str, netns: str) -> Interface:
        nsid = self.nsid(netns)
        ifindex = self._interfaces[nsid].get(name)
        if ifindex is None:
            raise InterfaceNotFound(f'resolve interface "{name}": interface not found')
        return Interface(name, ifindex, netns, nsid, nsid)

    def name_of(self, ifindex: int, netns: str) -> str:
        """Empty when there is no such interface."""
        there = self._interfaces[self.nsid(netns)]
        return next((name for name, index in there.items() if index == ifindex), "")

    # filters

    def in_filters(self) -> Iterator[int]:
        """The ids of the programs that filters run."""
        return (each.program_id for handles in self._filters.values() for each in handles.values())

    def at(self, ifindex: int, direction: str, netns: str) -> dict[int, Filter]:
        """The filters at a hook, by handle."""
        return self._filters.setdefault((self.nsid(netns), ifindex, direction), {})

    def add_filter(self, added: Filter, ifindex: int, direction: str, netns: str, handle: int) -> None:
        what = f"add {direction} filter {added.name} at priority {FILTER_PRIORITY}"
        if not self.has_clsact(ifindex, netns):
            raise KernelRefused(what, errno.EINVAL)
        there = self.at(ifindex, direction, netns)
        if handle in there:
            raise KernelRefused(what, errno.EEXIST)
        there[handle] = added

    def remove_filters_of(self, program_id: int, direction: str, nsid: int, ifindex: int) -> None:
        there = self._filters.get((nsid, ifindex, direction), {})
        for handle in [handle for handle, each in there.items() if each.program_id == program_id]:
            del there[handle]

    # clsact

    def has_clsact(self, ifindex: int, netns: str) -> bool:
        return (self.nsid(netns), ifindex) in self._clsact

    def add_clsact(self, ifindex: int, netns: str) -> bool:
        """Whether it was made just now."""
        there = self.has_clsact(ifindex, netns)
        self._clsact.add((self.nsid(netns), ifindex))
        return not there

    def remove_clsact(self, ifindex: int, netns: str) -> bool:
        """Unless a filter is left; whether it was."""
        if not self.has_clsact(ifindex, netns) or any(self.at(ifindex, each, netns) for each in DIRECTIONS):
            return False
        self._remove_qdisc(self.nsid(netns), ifindex)
        return True

    def _remove_qdisc(self, nsid: int, ifindex: int) -> None:
        self._clsact.discard((nsid, ifindex))
        for direction in DIRECTIONS:
            self._filters.pop((nsid, ifindex, direction), None)
