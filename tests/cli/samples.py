# SPDX-License-Identifier: Apache-2.0
"""The programs, links and chains of the contract's examples, as values."""

from __future__ import annotations

from bpfman.model.chain import Chain, ChainRecord, Member, MemberCount
from bpfman.model.hook import Hook, Interface
from bpfman.model.kernel import KernelLink, KernelMap, KernelProgram
from bpfman.model.link import (
    ChainDetails,
    Link,
    LinkRecord,
    LinkStatus,
    TcxDetails,
)
from bpfman.model.map import ManagedMap, MapStatus
from bpfman.model.program import Program, ProgramEntry, ProgramRecord, ProgramStatus
from bpfman.model.targets import TracepointAttach

LOADED = 1789372882  # 2026-09-14T08:01:22Z
ATTACHED = 1789372980  # 2026-09-14T08:03:00Z
NSID = 4026531840

KERNEL_PROGRAM = KernelProgram(
    id=412,
    name="count_pkts",
    type=6,
    tag="9f1c0a77d2b4e810",
    load_time=77_000_000_000,
    loaded_at=LOADED,
    uid=0,
    btf_id=77,
    map_ids=(31,),
    jited_size=140,
    xlated_size=232,
    verified_insns=29,
    memlock=4096,
    restricted=False,
    gpl_compatible=True,
    run_time=0,
    run_count=0,
    recursion_misses=0,
)
KERNEL_MAP = KernelMap(
    id=31,
    name="pkt_totals",
    type=6,
    key_size=4,
    value_size=16,
    max_entries=8,
    flags=0,
    btf_id=77,
    btf_key_type_id=1,
    btf_value_type_id=2,
    map_extra=0,
    memlock=4096,
    frozen=False,
)
RECORD = ProgramRecord(
    program_id=412,
    type="xdp",
    name="count_pkts",
    attach_func=None,
    object_path="/run/bpfman/programs/412/bytecode.o",
    source_path="build/meter.o",
    image=None,
    globals={"limit": bytes.fromhex("07000000")},
    metadata={"team": "edge"},
    license="GPL",
    gpl_compatible=True,
    map_owner_id=None,
    pin_path="/run/bpfman/fs/prog_412",
    map_pin_path="/run/bpfman/fs/maps/412",
    owner="",
    created_at=LOADED,
    tag="9f1c0a77d2b4e810",
    load_time=77_000_000_000,
    frags=False,
)
MAP = MapStatus(KERNEL_MAP, "/run/bpfman/fs/maps/412/pkt_totals", present=True)
STATUS = ProgramStatus(
    kernel=KERNEL_PROGRAM,
    links=(),
    maps=(MAP,),
    map_used_by=(412,),
    prog_pin_present=True,
    bytecode_present=True,
)
PROGRAM = Program(RECORD, STATUS)
LOADED_PROGRAM = Program(
    RECORD, STATUS._replace(maps=(MAP._replace(pin_path="", present=False),), stats=False)
)

VETH7 = Interface("veth7", 7, "", NSID)
KERNEL_LINK = KernelLink(id=58, program_id=412, type=6, ifindex=7)
XDP_LINK = Link(
    LinkRecord(
        id=3,
        program_id=412,
        kind="xdp",
        kernel_link_id=58,
        pin_path=f"/run/bpfman/fs/xdp/{NSID}_7/link",
        details=ChainDetails(VETH7, 50, 0, 0x80000004, chain_program_id=420, revision=1),
        created_at=ATTACHED,
        metadata={"ring": "canary"},
    ),
    LinkStatus(KERNEL_LINK, kernel_seen=True, pin_present=True),
)
TC_LINK = Link(
    LinkRecord(
        id=5,
        program_id=429,
        kind="tc",
        kernel_link_id=None,
        pin_path=f"/run/bpfman/fs/tc-ingress/{NSID}_7/chain",
        details=ChainDetails(VETH7, 10, 0, 0x80000010, "ingress", 431, 2),
        created_at=ATTACHED,
        metadata=None,
    ),
    LinkStatus(None, kernel_seen=True, pin_present=True),
)
TCX_LINK = Link(
    LinkRecord(
        id=6,
        program_id=433,
        kind="tcx",
        kernel_link_id=61,
        pin_path=f"/run/bpfman/fs/tcx-egress/link_{NSID}_7_433",
        details=TcxDetails(VETH7._replace(netns="/n/blue"), "egress", 0, 1),
        created_at=ATTACHED,
        metadata=None,
    ),
    LinkStatus(None, kernel_seen=False, pin_present=False),
)
TRACEPOINT_LINK = Link(
    LinkRecord(
        id=7,
        program_id=440,
        kind="tracepoint",
        kernel_link_id=62,
        pin_path="/run/bpfman/fs/links/7",
        details=TracepointAttach("sched", "sched_switch"),
        created_at=ATTACHED,
        metadata=None,
    ),
    LinkStatus(None, kernel_seen=True, pin_present=True),
)


def record(program_id: int, kind: str, name: str, **metadata: str) -> ProgramRecord:
    return RECORD._replace(program_id=program_id, type=kind, name=name, metadata=metadata)


def entry(of: ProgramRecord, *links: LinkRecord) -> ProgramEntry:
    kernel = KERNEL_PROGRAM._replace(id=of.program_id, name=of.name[:15])
    return ProgramEntry(of.program_id, of, kernel, links)


def foreign(program_id: int, kernel_type: int, name: str) -> ProgramEntry:
    """A program in the kernel that bpfman does not manage."""
    kernel = KERNEL_PROGRAM._replace(id=program_id, name=name, type=kernel_type, map_ids=())
    return ProgramEntry(program_id, None, kernel, ())


XDP_CHAIN = Chain(
    ChainRecord(Hook("xdp", NSID, 7), VETH7, 2, 420, 58, None, accounting=True, mode="native"),
    (
        Member(4, 430, "drop_odd", 10, 0, 0x80000004, 1, None),
        Member(3, 412, "count_pkts", 50, 1, 0x80000004, 0, {"ring": "canary"}),
    ),
)
COUNTS = [
    MemberCount(XDP_CHAIN.members[0], {"drop": 40, "pass": 60, "tx": 0}),
    MemberCount(XDP_CHAIN.members[1], {"pass": 59, "other": 1}),
]
TC_CHAIN = Chain(
    ChainRecord(Hook("tc-ingress", NSID, 7), VETH7, 2, 431, None, 2, accounting=False, mode=""),
    (Member(5, 429, "meter_in", 10, 0, 0x80000010, 0, None),),
)
MANAGED_MAP = ManagedMap("pkt_totals", "/run/bpfman/fs/maps/412/pkt_totals", (412, 415), KERNEL_MAP)
