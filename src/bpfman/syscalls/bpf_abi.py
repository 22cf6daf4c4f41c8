# SPDX-License-Identifier: Apache-2.0
"""The structures of bpf(2), as include/uapi/linux/bpf.h has them.

Each `...Attr` is one member of `union bpf_attr`, cut off after the last field we set: the kernel takes what is
missing for zero, so a short one works on every kernel.  Each `...Info` is what BPF_OBJ_GET_INFO_BY_FD fills in:
the kernel writes as much as both sides know.  A test compares every size and offset with the installed headers and
with the running kernel's own BTF.
"""

from __future__ import annotations

import ctypes as c


class ProgLoadAttr(c.Structure):
    _fields_ = [
        ("prog_type", c.c_uint32),
        ("insn_cnt", c.c_uint32),
        ("insns", c.c_uint64),
        ("license", c.c_uint64),
        ("log_level", c.c_uint32),
        ("log_size", c.c_uint32),
        ("log_buf", c.c_uint64),
        ("kern_version", c.c_uint32),
        ("prog_flags", c.c_uint32),
        ("prog_name", c.c_char * 16),
        ("prog_ifindex", c.c_uint32),
        ("expected_attach_type", c.c_uint32),
        ("prog_btf_fd", c.c_uint32),
        ("func_info_rec_size", c.c_uint32),
        ("func_info", c.c_uint64),
        ("func_info_cnt", c.c_uint32),
        ("line_info_rec_size", c.c_uint32),
        ("line_info", c.c_uint64),
        ("line_info_cnt", c.c_uint32),
        ("attach_btf_id", c.c_uint32),
        ("attach_prog_fd", c.c_uint32),
        ("core_relo_cnt", c.c_uint32),
        ("fd_array", c.c_uint64),
    ]


class MapCreateAttr(c.Structure):
    _fields_ = [
        ("map_type", c.c_uint32),
        ("key_size", c.c_uint32),
        ("value_size", c.c_uint32),
        ("max_entries", c.c_uint32),
        ("map_flags", c.c_uint32),
        ("inner_map_fd", c.c_uint32),
        ("numa_node", c.c_uint32),
        ("map_name", c.c_char * 16),
        ("map_ifindex", c.c_uint32),
        ("btf_fd", c.c_uint32),
        ("btf_key_type_id", c.c_uint32),
        ("btf_value_type_id", c.c_uint32),
    ]


class MapElemAttr(c.Structure):
    """BPF_MAP_*_ELEM and BPF_MAP_GET_NEXT_KEY; `value` is `next_key` there."""

    _fields_ = [("map_fd", c.c_uint32), ("key", c.c_uint64), ("value", c.c_uint64), ("flags", c.c_uint64)]


class ObjAttr(c.Structure):
    """BPF_OBJ_PIN and BPF_OBJ_GET."""

    _fields_ = [("pathname", c.c_uint64), ("bpf_fd", c.c_uint32), ("file_flags", c.c_uint32)]


class TestRunAttr(c.Structure):
    _fields_ = [
        ("prog_fd", c.c_uint32),
        ("retval", c.c_uint32),
        ("data_size_in", c.c_uint32),
        ("data_size_out", c.c_uint32),
        ("data_in", c.c_uint64),
        ("data_out", c.c_uint64),
        ("repeat", c.c_uint32),
        ("duration", c.c_uint32),
    ]


class GetIdAttr(c.Structure):
    """BPF_*_GET_NEXT_ID and BPF_*_GET_FD_BY_ID; `id` is `start_id` for the former."""

    _fields_ = [("id", c.c_uint32), ("next_id", c.c_uint32), ("open_flags", c.c_uint32)]


class InfoAttr(c.Structure):
    _fields_ = [("bpf_fd", c.c_uint32), ("info_len", c.c_uint32), ("info", c.c_uint64)]


class BtfLoadAttr(c.Structure):
    _fields_ = [
        ("btf", c.c_uint64),
        ("btf_log_buf", c.c_uint64),
        ("btf_size", c.c_uint32),
        ("btf_log_size", c.c_uint32),
        ("btf_log_level", c.c_uint32),
    ]


class LinkCreateAttr(c.Structure):
    """`relative` and `expected_revision` are TCX's (`link_create.tcx`), `cookie` is `link_create.perf_event`'s,
    in the same place as `relative`."""

    _fields_ = [
        ("prog_fd", c.c_uint32),
        ("target_fd", c.c_uint32),
        ("attach_type", c.c_uint32),
        ("flags", c.c_uint32),
        ("relative", c.c_uint32),
        ("expected_revision", c.c_uint64),
    ]


class LinkUpdateAttr(c.Structure):
    _fields_ = [
        ("link_fd", c.c_uint32),
        ("new_prog_fd", c.c_uint32),
        ("flags", c.c_uint32),
        ("old_prog_fd", c.c_uint32),
    ]


class LinkDetachAttr(c.Structure):
    _fields_ = [("link_fd", c.c_uint32)]


class ProgInfo(c.Structure):
    _fields_ = [
        ("type", c.c_uint32),
        ("id", c.c_uint32),
        ("tag", c.c_uint8 * 8),
        ("jited_prog_len", c.c_uint32),
        ("xlated_prog_len", c.c_uint32),
        ("jited_prog_insns", c.c_uint64),
        ("xlated_prog_insns", c.c_uint64),
        ("load_time", c.c_uint64),
        ("created_by_uid", c.c_uint32),
        ("nr_map_ids", c.c_uint32),
        ("map_ids", c.c_uint64),
        ("name", c.c_char * 16),
        ("ifindex", c.c_uint32),
        ("gpl_compatible", c.c_uint32, 1),
        ("netns_dev", c.c_uint64),
        ("netns_ino", c.c_uint64),
        ("nr_jited_ksyms", c.c_uint32),
        ("nr_jited_func_lens", c.c_uint32),
        ("jited_ksyms", c.c_uint64),
        ("jited_func_lens", c.c_uint64),
        ("btf_id", c.c_uint32),
        ("func_info_rec_size", c.c_uint32),
        ("func_info", c.c_uint64),
        ("nr_func_info", c.c_uint32),
        ("nr_line_info", c.c_uint32),
        ("line_info", c.c_uint64),
        ("jited_line_info", c.c_uint64),
        ("nr_jited_line_info", c.c_uint32),
        ("line_info_rec_size", c.c_uint32),
        ("jited_line_info_rec_size", c.c_uint32),
        ("nr_prog_tags", c.c_uint32),
        ("prog_tags", c.c_uint64),
        ("run_time_ns", c.c_uint64),
        ("run_cnt", c.c_uint64),
        ("recursion_misses", c.c_uint64),
        ("verified_insns", c.c_uint32),
    ]


class MapInfo(c.Structure):
    _fields_ = [
        ("type", c.c_uint32),
        ("id", c.c_uint32),
        ("key_size", c.c_uint32),
        ("value_size", c.c_uint32),
        ("max_entries", c.c_uint32),
        ("map_flags", c.c_uint32),
        ("name", c.c_char * 16),
        ("ifindex", c.c_uint32),
        ("btf_vmlinux_value_type_id", c.c_uint32),
        ("netns_dev", c.c_uint64),
        ("netns_ino", c.c_uint64),
        ("btf_id", c.c_uint32),
        ("btf_key_type_id", c.c_uint32),
        ("btf_value_type_id", c.c_uint32),
        ("map_extra", c.c_uint64),
    ]


class LinkInfo(c.Structure):
    """`rest` is the union of what each type tells; `bpf/link` reads from it what it knows."""

    _fields_ = [("type", c.c_uint32), ("id", c.c_uint32), ("prog_id", c.c_uint32), ("rest", c.c_uint64 * 8)]


class BtfInfo(c.Structure):
    _fields_ = [
        ("btf", c.c_uint64),
        ("btf_size", c.c_uint32),
        ("id", c.c_uint32),
        ("name", c.c_uint64),
        ("name_len", c.c_uint32),
        ("kernel_btf", c.c_uint32),
    ]
