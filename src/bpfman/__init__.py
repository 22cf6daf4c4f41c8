# SPDX-License-Identifier: Apache-2.0
"""bpfman: load, share, keep and show eBPF programs.

    import bpfman

    manager = bpfman.Manager()
    [program] = manager.load_file("meter.o", [bpfman.ProgramSpec("xdp", "count_pkts")])
    manager.attach(program.record.program_id, bpfman.xdp("eth0", priority=50))
    totals = dict(bpfman.Map.pinned("/run/bpfman/fs/maps/412/pkt_totals").items())

What is listed in `__all__` is the library.  Names are imported when they are first used, so that a program that only
reads a map pays for nothing else.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.map import Map as Map
    from bpfman.errors import BpfmanError as BpfmanError
    from bpfman.manager.manager import Manager as Manager
    from bpfman.manager.plan import Planned as Planned
    from bpfman.model.attach import fentry as fentry
    from bpfman.model.attach import fexit as fexit
    from bpfman.model.attach import kprobe as kprobe
    from bpfman.model.attach import lsm as lsm
    from bpfman.model.attach import netkit as netkit
    from bpfman.model.attach import tc as tc
    from bpfman.model.attach import tcx as tcx
    from bpfman.model.attach import tracepoint as tracepoint
    from bpfman.model.attach import uprobe as uprobe
    from bpfman.model.attach import usdt as usdt
    from bpfman.model.attach import xdp as xdp
    from bpfman.model.chain import Chain as Chain
    from bpfman.model.hook import Hook as Hook
    from bpfman.model.link import Link as Link
    from bpfman.model.program import LoadSpec as LoadSpec
    from bpfman.model.program import Program as Program
    from bpfman.model.program import ProgramSpec as ProgramSpec
    from bpfman.store.layout import Layout as Layout

_HOMES = {
    "BpfmanError": "bpfman.errors",
    "Chain": "bpfman.model.chain",
    "Hook": "bpfman.model.hook",
    "Layout": "bpfman.store.layout",
    "Link": "bpfman.model.link",
    "LoadSpec": "bpfman.model.program",
    "Manager": "bpfman.manager.manager",
    "Map": "bpfman.bpf.map",
    "Planned": "bpfman.manager.plan",
    "Program": "bpfman.model.program",
    "ProgramSpec": "bpfman.model.program",
    "fentry": "bpfman.model.attach",
    "fexit": "bpfman.model.attach",
    "kprobe": "bpfman.model.attach",
    "lsm": "bpfman.model.attach",
    "netkit": "bpfman.model.attach",
    "tc": "bpfman.model.attach",
    "tcx": "bpfman.model.attach",
    "tracepoint": "bpfman.model.attach",
    "uprobe": "bpfman.model.attach",
    "usdt": "bpfman.model.attach",
    "xdp": "bpfman.model.attach",
}

__all__ = [
    "BpfmanError",
    "Chain",
    "Hook",
    "Layout",
    "Link",
    "LoadSpec",
    "Manager",
    "Map",
    "Planned",
    "Program",
    "ProgramSpec",
    "__version__",
    "fentry",
    "fexit",
    "kprobe",
    "lsm",
    "netkit",
    "tc",
    "tcx",
    "tracepoint",
    "uprobe",
    "usdt",
    "xdp",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
