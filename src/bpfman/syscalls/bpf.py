# SPDX-License-Identifier: Apache-2.0
"""bpf(2): one function for each command we use, raw descriptors and bytes in and out.

Called by `bpf/` only, which wraps descriptors in objects and explains failures.  Raises OSError with the kernel's
errno and nothing else; keeps no state.
"""

from __future__ import annotations

import ctypes as c
import errno
import os

from bpfman.syscalls import bpf_abi as abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_NUMBER = _NUMBERS.get(os.uname().machine, 280)

# enum bpf_cmd
MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, MAP_NEXT_KEY, PROG_LOAD, OBJ_PIN, OBJ_GET = range(8)
PROG_TEST_RUN, PROG_NEXT_ID, MAP_NEXT_ID, PROG_BY_ID, MAP_BY_ID, OBJ_INFO = range(10, 16)
BTF_LOAD, BTF_BY_ID, MAP_FREEZE = 18, 19, 22
LINK_CREATE, LINK_UPDATE, LINK_BY_ID, LINK_NEXT_ID, ENABLE_STATS = 28, 29, 30, 31, 32
LINK_DETACH = 34

F_RDONLY = 1 << 3  # OBJ_GET of a map
F_REPLACE = 1 << 2  # LINK_UPDATE: only if the link runs old_prog_fd (5.7)
F_BEFORE, F_AFTER, F_ID, F_LINK = 1 << 3, 1 << 4, 1 << 5, 1 << 13  # LINK_CREATE of TCX (6.6)
F_XDP_HAS_FRAGS = 1 << 5  # PROG_LOAD (5.18)

_libc = c.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = c.c_long
_syscall.argtypes = (c.c_long, c.c_int, c.c_void_p, c.c_uint)


def call(command: int, attr: c.Structure) -> int:
    """bpf(command, attr).  A signal that arrives meanwhile is handled and the call made again; EAGAIN is the
    verifier's way of saying that a signal is pending."""
    for _ in range(10):
        result: int = _syscall(_NUMBER, command, c.byref(attr), c.sizeof(attr))
        if result >= 0:
            return result
        error = c.get_errno()
        if error not in (4, 11):  # EINTR, EAGAIN
            break
    raise OSError(error, os.strerror(error))


def _address(data: bytes | None) -> int:
    """The address of a bytes object's data, 0 when there is none (what the kernel wants as key of a queue); the caller
    keeps the object alive over the call."""
    return c.cast(c.c_char_p(data), c.c_void_p).value or 0 if data else 0


# programs


def prog_load(
    prog_type: int,
    instructions: bytes,
    license: str,
    *,
    name: str = "",
    expected_attach: int = 0,
    flags: int = 0,
    btf_fd: int = 0,
    func_info: bytes = b"",
    func_info_size: int = 8,
    line_info: bytes = b"",
    log: c.Array[c.c_char] | None = None,
) -> int:
    """BPF_PROG_LOAD.  With `log`, the verifier writes into it (level 1) and ENOSPC says that it was too small."""
    licence = license.encode() + b"\0"
    attr = abi.ProgLoadAttr(
        prog_type=prog_type,
        insn_cnt=len(instructions) // 8,
        insns=_address(instructions),
        license=_address(licence),
        prog_name=name.encode()[:15],
        expected_attach_type=expected_attach,
        prog_flags=flags,
        prog_btf_fd=btf_fd,
    )
    if func_info:
        attr.func_info, attr.func_info_rec_size = _address(func_info), func_info_size
        attr.func_info_cnt = len(func_info) // func_info_size
    if line_info:
        attr.line_info, attr.line_info_rec_size = _address(line_info), 16
        attr.line_info_cnt = len(line_info) // 16
    if log is not None:
        attr.log_buf, attr.log_size, attr.log_level = c.addressof(log), len(log), 1
    return call(PROG_LOAD, attr)


def prog_test_run(prog_fd: int, data: bytes, *, repeat: int = 1, out_size: int = 0) -> tuple[int, int, bytes]:
    """BPF_PROG_TEST_RUN: (verdict, ns a run on average, packet as the program left it)."""
    out = c.create_string_buffer(out_size) if out_size else None
    attr = abi.TestRunAttr(
        prog_fd=prog_fd, data_in=_address(data), data_size_in=len(data), repeat=repeat,
        data_out=c.addressof(out) if out else 0, data_size_out=out_size,
    )  # fmt: skip
    call(PROG_TEST_RUN, attr)
    return attr.retval, attr.duration, out.raw[: attr.data_size_out] if out else b""


# objects by id, their information


def fd_by_id(command: int, object_id: int) -> int:
    """BPF_{PROG,MAP,LINK,BTF}_GET_FD_BY_ID.  OSError ENOENT when there is none."""
    if not 0 < object_id <= 0xFFFFFFFF:  # cut to 32 bits, it would be another's
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return call(command, abi.GetIdAttr(id=object_id))


def ids(command: int) -> Iterator[int]:
    """All ids of BPF_{PROG,MAP,LINK}_GET_NEXT_ID, ascending, as of when each is asked for."""
    attr = abi.GetIdAttr()
    while True:
        try:
            call(command, attr)
        except FileNotFoundError:
            return
        yield attr.next_id
        attr.id = attr.next_id


def info(fd: int, info: c.Structure) -> None:
    """BPF_OBJ_GET_INFO_BY_FD into `info`; what this kernel does not know stays zero."""
    call(OBJ_INFO, abi.InfoAttr(bpf_fd=fd, info_len=c.sizeof(info), info=c.addressof(info)))


def prog_info(fd: int) -> tuple[abi.ProgInfo, tuple[int, ...]]:
    """A program's information and the ids of its maps."""
    room = 64
    while True:
        map_ids = (c.c_uint32 * room)()
        result = abi.ProgInfo(nr_map_ids=room, map_ids=c.addressof(map_ids))
        info(fd, result)
        if result.nr_map_ids <= room:
            return result, tuple(map_ids[: result.nr_map_ids])
        room = result.nr_map_ids


def prog_func_info(fd: int) -> tuple[int, int, bytes]:
    """(BTF id, record size, func_info) of a loaded program; (0, 0, b"") for one without BTF."""
    first = abi.ProgInfo()
    info(fd, first)
    if not first.btf_id or not first.nr_func_info:
        return first.btf_id, 0, b""
    size = first.func_info_rec_size
    buffer = c.create_string_buffer(first.nr_func_info * size)
    second = abi.ProgInfo(
        nr_func_info=first.nr_func_info, func_info_rec_size=size, func_info=c.addressof(buffer)
    )
    info(fd, second)
    return first.btf_id, size, buffer.raw


def map_info(fd: int) -> abi.MapInfo:
    result = abi.MapInfo()
    info(fd, result)
    return result


def link_info(fd: int) -> abi.LinkInfo:
    result = abi.LinkInfo()
    info(fd, result)
    return result


def btf_data(fd: int) -> bytes:
    """The raw BTF behind a BTF descriptor."""
    first = abi.BtfInfo()
    info(fd, first)
    buffer = c.create_string_buffer(first.btf_size)
    second = abi.BtfInfo(btf=c.addressof(buffer), btf_size=first.btf_size)
    info(fd, second)
    return buffer.raw


def btf_load(data: bytes, log: c.Array[c.c_char] | None = None) -> int:
    attr = abi.BtfLoadAttr(btf=_address(data), btf_size=len(data))
    if log is not None:
        attr.btf_log_buf, attr.btf_log_size, attr.btf_log_level = c.addressof(log), len(log), 1
    return call(BTF_LOAD, attr)


# pins


def obj_pin(fd: int, path: str) -> None:
    name = os.fsencode(path) + b"\0"
    call(OBJ_PIN, abi.ObjAttr(pathname=_address(name), bpf_fd=fd))


def obj_get(path: str, *, read_only: bool = False) -> int:
    """`read_only` asks for a descriptor that cannot write: maps only."""
    name = os.fsencode(path) + b"\0"
    return call(OBJ_GET, abi.ObjAttr(pathname=_address(name), file_flags=F_RDONLY if read_only else 0))


# maps


def map_create(
    map_type: int, key_size: int, value_size: int, max_entries: int, *, flags: int = 0, name: str = "",
    btf_fd: int = 0, key_type: int = 0, value_type: int = 0,
) -> int:  # fmt: skip
    return call(
        MAP_CREATE,
        abi.MapCreateAttr(
            map_type=map_type, key_size=key_size, value_size=value_size, max_entries=max_entries, map_flags=flags,
            map_name=name.encode()[:15], btf_fd=btf_fd, btf_key_type_id=key_type, btf_value_type_id=value_type,
        ),
    )  # fmt: skip


def map_lookup(fd: int, key: bytes, value_size: int) -> bytes:
    """OSError ENOENT when the key is not there.  `value_size` is for all possible CPUs in per-CPU maps."""
    value = c.create_string_buffer(value_size)
    call(MAP_LOOKUP, abi.MapElemAttr(map_fd=fd, key=_address(key), value=c.addressof(value)))
    return value.raw


def map_update(fd: int, key: bytes, value: bytes, flags: int = 0) -> None:
    call(MAP_UPDATE, abi.MapElemAttr(map_fd=fd, key=_address(key), value=_address(value), flags=flags))


def map_delete(fd: int, key: bytes) -> None:
    call(MAP_DELETE, abi.MapElemAttr(map_fd=fd, key=_address(key)))


def map_next_key(fd: int, key: bytes | None, key_size: int) -> bytes:
    """The key behind `key`, the first one for None; OSError ENOENT at the end."""
    following = c.create_string_buffer(key_size)
    call(MAP_NEXT_KEY, abi.MapElemAttr(map_fd=fd, key=_address(key), value=c.addressof(following)))
    return following.raw


# links


def link_create(
    prog_fd: int,
    target: int,
    attach_type: int,
    *,
    flags: int = 0,
    relative: int = 0,
    expected_revision: int = 0,
) -> int:
    """`target` is an interface index or a descriptor, as the attach type wants."""
    return call(
        LINK_CREATE,
        abi.LinkCreateAttr(
            prog_fd=prog_fd, target_fd=target, attach_type=attach_type, flags=flags, relative=relative,
            expected_revision=expected_revision,
        ),
    )  # fmt: skip


def link_update(link_fd: int, new_prog_fd: int, old_prog_fd: int) -> None:
    """One atomic switch; EPERM when the link does not run `old_prog_fd`."""
    call(
        LINK_UPDATE,
        abi.LinkUpdateAttr(
            link_fd=link_fd, new_prog_fd=new_prog_fd, flags=F_REPLACE, old_prog_fd=old_prog_fd
        ),
    )


def link_detach(link_fd: int) -> None:
    """Detach by force, whoever else holds the link (5.9; EOPNOTSUPP for perf event links)."""
    call(LINK_DETACH, abi.LinkDetachAttr(link_fd=link_fd))
