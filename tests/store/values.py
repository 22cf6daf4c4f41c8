# SPDX-License-Identifier: Apache-2.0
"""Records to store, each differing from its neighbours in what the test names."""

from __future__ import annotations

from bpfman.model.chain import ChainRecord
from bpfman.model.hook import Interface, hook_of
from bpfman.model.link import ChainDetails, LinkRecord, TcxDetails
from bpfman.model.program import ImageSource, ProgramRecord
from bpfman.model.targets import TracepointAttach

VETH = Interface("veth7", 7, "/var/run/netns/blue", 4026531840)
XDP_HOOK = hook_of("xdp", "", VETH)
TC_HOOK = hook_of("tc", "egress", VETH)
TCX_HOOK = hook_of("tcx", "ingress", VETH)

PLAIN = ProgramRecord(
    program_id=1,
    type="xdp",
    name="count_packets",
    attach_func=None,
    object_path="/run/bpfman/programs/1/bytecode.o",
    source_path="./count.o",
    image=None,
    globals={},
    metadata={},
    license="Dual BSD/GPL",
    gpl_compatible=True,
    map_owner_id=None,
    pin_path="/run/bpfman/fs/prog_1",
    map_pin_path="/run/bpfman/fs/maps/1",
    owner="",
    created_at=1_789_000_000,
    tag="0123456789abcdef",
    load_time=123_456_789_012_345,
    frags=False,
)
FULL = PLAIN._replace(
    program_id=4_294_967_295,
    type="fentry",
    name="böse_🐝",
    attach_func="vfs_read",
    source_path=None,
    image=ImageSource("quay.io/x/y:latest", "sha256:" + "0" * 64, "IfNotPresent"),
    globals={"rate": b"\x00\x01\xff\x00", "empty": b""},
    metadata={"bpfman.io/application": "shop", "": "empty key", "line\nbreak": "nul\0inside"},
    license="Proprietary",
    gpl_compatible=False,
    map_owner_id=1,
    owner="bpfman",
    load_time=2**63 - 1,
    frags=True,
)


def program(program_id: int, **changes) -> ProgramRecord:
    return PLAIN._replace(program_id=program_id, name=f"program_{program_id}", **changes)


def xdp_link(link_id: int, program_id: int = 1, position: int = 0, **changes) -> LinkRecord:
    details = ChainDetails(VETH, priority=50, position=position, proceed_on=1 << 31 | 4)
    return link(link_id, program_id, "xdp", details)._replace(**changes)


def tc_link(link_id: int, program_id: int = 1, position: int = 0, **changes) -> LinkRecord:
    details = ChainDetails(VETH, priority=0, position=position, proceed_on=1, direction="egress")
    return link(link_id, program_id, "tc", details)._replace(**changes)


def tcx_link(link_id: int, priority: int, program_id: int = 1, position: int = 0) -> LinkRecord:
    return link(link_id, program_id, "tcx", TcxDetails(VETH, "ingress", priority, position))


def tracepoint_link(link_id: int, program_id: int = 1, **changes) -> LinkRecord:
    details = TracepointAttach("syscalls", "sys_enter_openat")
    return link(link_id, program_id, "tracepoint", details)._replace(**changes)


def link(link_id, program_id, kind, details) -> LinkRecord:
    return LinkRecord(
        id=link_id,
        program_id=program_id,
        kind=kind,
        kernel_link_id=None,
        pin_path=f"/run/bpfman/fs/links/{link_id}",
        details=details,
        created_at=1_789_000_001,
        metadata=None,
    )


XDP_CHAIN = ChainRecord(
    hook=XDP_HOOK,
    interface=VETH,
    revision=3,
    program_id=77,
    kernel_link_id=88,
    filter_handle=None,
    accounting=True,
    mode="native",
)
TC_CHAIN = ChainRecord(
    hook=TC_HOOK,
    interface=VETH,
    revision=1,
    program_id=78,
    kernel_link_id=None,
    filter_handle=2,
    accounting=False,
    mode="auto",
)
