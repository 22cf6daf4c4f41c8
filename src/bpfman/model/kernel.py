# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of its programs, maps and links, as frozen values, and the names of their types.

Filled in by `bpf/`, joined with our records by `manager/`.  A tuple of names is indexed by the kernel's number
(include/uapi/linux/bpf.h); the spelling is the contract's.
"""

from __future__ import annotations

from bpfman.model.value import NamedTuple

PROGRAM_TYPES = (
    "unspecifiedprogram socketfilter kprobe schedcls schedact tracepoint xdp perfevent cgroupskb cgroupsock lwtin "
    "lwtout lwtxmit sockops skskb cgroupdevice skmsg rawtracepoint cgroupsockaddr lwtseg6local lircmode2 skreuseport "
    "flowdissector cgroupsysctl rawtracepointwritable cgroupsockopt tracing structops extension lsm sklookup syscall "
    "netfilter"
).split()

MAP_TYPES = (
    "unspecifiedmap hash array programarray perfeventarray percpuhash percpuarray stacktrace cgrouparray lruhash "
    "lrucpuhash lpmtrie arrayofmaps hashofmaps devmap sockmap cpumap xskmap sockhash cgroupstorage "
    "reuseportsockarray percpucgroupstorage queue stack skstorage devmaphash structopsmap ringbuf inodestorage "
    "taskstorage bloomfilter userringbuf cgroupstorage2 arena insnarray"
).split()

LINK_TYPES = (
    "unspec raw_tracepoint tracing cgroup iter netns xdp perf_event kprobe_multi struct_ops netfilter tcx "
    "uprobe_multi netkit sockmap"
).split()


def program_type_name(number: int) -> str:
    return PROGRAM_TYPES[number] if number < len(PROGRAM_TYPES) else f"unknown({number})"


def map_type_name(number: int) -> str:
    return MAP_TYPES[number] if number < len(MAP_TYPES) else f"unknown({number})"


def link_type_name(number: int) -> str:
    return LINK_TYPES[number] if number < len(LINK_TYPES) else f"unknown({number})"


class KernelProgram(NamedTuple):
    """A loaded program, from `struct bpf_prog_info`.  `loaded_at` is seconds since the epoch; `load_time` is the
    kernel's own value (ns since boot), which with the tag tells a reused id from the program we loaded."""

    id: int
    name: str
    type: int
    tag: str
    load_time: int
    loaded_at: int
    uid: int
    btf_id: int
    map_ids: tuple[int, ...]
    jited_size: int
    xlated_size: int
    verified_insns: int
    memlock: int
    restricted: bool
    gpl_compatible: bool
    run_time: int  # ns, while kernel.bpf_stats_enabled
    run_count: int
    recursion_misses: int


class KernelMap(NamedTuple):
    """A map, from `struct bpf_map_info`; sizes in bytes."""

    id: int
    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    btf_id: int
    btf_key_type_id: int
    btf_value_type_id: int
    map_extra: int
    memlock: int
    frozen: bool


class KernelLink(NamedTuple):
    """A link, from `struct bpf_link_info`; what does not apply to its type is 0.  `target_obj_id` is what a tracing
    link is attached to, of struct_ops the map."""

    id: int
    program_id: int
    type: int
    attach_type: int = 0
    ifindex: int = 0
    target_obj_id: int = 0
    target_btf_id: int = 0
    cgroup_id: int = 0
    netns_ino: int = 0
    netfilter_pf: int = 0
    netfilter_hooknum: int = 0
    netfilter_priority: int = 0
    netfilter_flags: int = 0
    kprobe_multi_count: int = 0
    kprobe_multi_flags: int = 0
    kprobe_multi_missed: int = 0
    kprobe_address: int = 0
    kprobe_missed: int = 0

    @property
    def detached(self) -> bool:
        """Whether it hangs nowhere any more: somebody detached it by force, or what it was attached to is gone.  Of
        links of other types only their end tells."""
        place = {
            3: self.cgroup_id, 5: self.netns_ino, 6: self.ifindex, 9: self.target_obj_id, 11: self.ifindex,
            13: self.ifindex,
        }  # fmt: skip
        return place.get(self.type) == 0
