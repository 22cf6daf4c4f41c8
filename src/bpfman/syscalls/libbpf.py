# SPDX-License-Identifier: Apache-2.0
"""The system's libbpf.so.1, by ctypes: one table of the functions we call, checked when one is first used.

Called by `bpf/object.py` (to open, relocate and load an object) and `chain/types.py` (to merge BTFs).  Importing
this module loads nothing: commands that only look never open the library.  Failures come out as OSError with the
errno that libbpf gave, and `messages()` tells what it printed meanwhile.
"""

from __future__ import annotations

import ctypes as c
import os
from _thread import _local, allocate_lock  # `threading` would take 3 ms
from contextlib import contextmanager

from bpfman.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_SONAME = "libbpf.so.1"

# What a function's result means: a pointer that is NULL on failure (with errno set), a status that is negative
# errno on failure, or a plain value.
POINTER, STATUS, STRING, NOTHING = "pointer", "status", "string", "nothing"
NUMBER, COUNT, FLAG = "number", "count", "flag"
_RESTYPE = {
    POINTER: c.c_void_p,
    STATUS: c.c_int,
    STRING: c.c_char_p,
    NOTHING: None,
    NUMBER: c.c_uint32,
    COUNT: c.c_size_t,
    FLAG: c.c_bool,  # of which C leaves all but the lowest byte undefined
}

_P, _S, _U32, _INT, _SIZE, _BOOL = c.c_void_p, c.c_char_p, c.c_uint32, c.c_int, c.c_size_t, c.c_bool

_FUNCTIONS: dict[str, tuple[str, tuple[type, ...]]] = {
    "bpf_object__open_mem": (POINTER, (_P, _SIZE, _P)),
    "bpf_object__load": (STATUS, (_P,)),
    "bpf_object__close": (NOTHING, (_P,)),
    "bpf_object__next_program": (NUMBER, (_P, _P)),
    "bpf_object__next_map": (NUMBER, (_P, _P)),
    "bpf_program__name": (STRING, (_P,)),
    "bpf_program__set_autoload": (STATUS, (_P, _BOOL)),
    "bpf_program__set_type": (STATUS, (_P, _INT)),
    "bpf_program__set_expected_attach_type": (STATUS, (_P, _INT)),
    "bpf_program__set_flags": (STATUS, (_P, _U32)),
    "bpf_program__flags": (NUMBER, (_P,)),
    "bpf_program__set_attach_target": (STATUS, (_P, _INT, _S)),
    "bpf_program__set_log_buf": (STATUS, (_P, _P, _SIZE)),
    "bpf_program__fd": (STATUS, (_P,)),
    "bpf_program__insns": (POINTER, (_P,)),
    "bpf_program__insn_cnt": (COUNT, (_P,)),
    "bpf_map__name": (STRING, (_P,)),
    "bpf_map__fd": (STATUS, (_P,)),
    "bpf_map__is_internal": (FLAG, (_P,)),
    "bpf_map__pin_path": (STRING, (_P,)),
    "bpf_map__set_pin_path": (STATUS, (_P, _S)),
    "bpf_map__reuse_fd": (STATUS, (_P, _INT)),
    "bpf_map__initial_value": (POINTER, (_P, c.POINTER(_SIZE))),
    "bpf_map__set_map_flags": (STATUS, (_P, _U32)),
    "bpf_map__autocreate": (FLAG, (_P,)),
    "bpf_map__set_autocreate": (STATUS, (_P, _BOOL)),
    "bpf_map__type": (NUMBER, (_P,)),
    "bpf_map__key_size": (NUMBER, (_P,)),
    "bpf_map__value_size": (NUMBER, (_P,)),
    "bpf_map__max_entries": (NUMBER, (_P,)),
    "bpf_map__map_flags": (NUMBER, (_P,)),
    "btf__new": (POINTER, (_P, _U32)),
    "btf__new_empty": (POINTER, ()),
    "btf__free": (NOTHING, (_P,)),
    "btf__add_btf": (STATUS, (_P, _P)),
    "btf__add_int": (STATUS, (_P, _S, _SIZE, _INT)),
    "btf__add_ptr": (STATUS, (_P, _INT)),
    "btf__add_struct": (STATUS, (_P, _S, _U32)),
    "btf__add_func_proto": (STATUS, (_P, _INT)),
    "btf__add_func_param": (STATUS, (_P, _S, _INT)),
    "btf__add_func": (STATUS, (_P, _S, _INT, _INT)),
    "btf__raw_data": (POINTER, (_P, c.POINTER(_U32))),
    "libbpf_set_print": (POINTER, (_P,)),
    "libbpf_version_string": (STRING, ()),
}
# Iterators give NULL at the end, which is no failure; they are pointers all the same.
for _name in ("bpf_object__next_program", "bpf_object__next_map"):
    _FUNCTIONS[_name] = ("iterator", _FUNCTIONS[_name][1])
_RESTYPE["iterator"] = c.c_void_p

BTF_FUNC_STATIC, BTF_FUNC_GLOBAL = 0, 1
BTF_INT_SIGNED = 1


class OpenOpts(c.Structure):
    """`struct bpf_object_open_opts` of libbpf 1.0; later ones have more behind it, which stays zero."""

    _fields_ = [
        ("sz", c.c_size_t),
        ("object_name", c.c_char_p),
        ("relaxed_maps", c.c_bool),
        ("pin_root_path", c.c_char_p),
        ("unused", c.c_uint32),
        ("kconfig", c.c_char_p),
        ("btf_custom_path", c.c_char_p),
        ("kernel_log_buf", c.c_void_p),
        ("kernel_log_size", c.c_size_t),
        ("kernel_log_level", c.c_uint32),
    ]


_lock = allocate_lock()
_library: c.CDLL | None = None
_printed = _local()
_PRINT = c.CFUNCTYPE(c.c_int, c.c_int, c.c_void_p, c.c_void_p)


def _load() -> c.CDLL:
    global _library
    with _lock:
        if _library is None:
            try:
                library = c.CDLL(os.environ.get("BPFMAN_LIBBPF", _SONAME), use_errno=True)
            except OSError as error:
                raise Unsupported(
                    f"libbpf 1.0 or newer is needed to load programs, and {_SONAME} cannot be opened: {error}",
                    "install it: `apt install libbpf1` (Debian, Ubuntu) or `dnf install libbpf` (Fedora, RHEL)",
                ) from None
            _set_print(library)
            _library = library
    return _library


def function(name: str) -> Callable[..., Any]:
    """The C function, its types set from the table.  Unsupported when this libbpf does not have it."""
    library = _load()
    try:
        found: Any = getattr(library, name)
    except AttributeError:
        version = library.libbpf_version_string
        version.restype = c.c_char_p
        raise Unsupported(
            f"libbpf {(version() or b'?').decode()} is too old: it has no {name}",
            "install libbpf 1.0 or newer",
        ) from None
    kind, found.argtypes = _FUNCTIONS[name]
    found.restype = _RESTYPE[kind]
    return found  # type: ignore[no-any-return]


def call(name: str, *args: object) -> int:
    """Call a function that gives a pointer, a status or a number; OSError on failure."""
    result = function(name)(*args)
    kind = _FUNCTIONS[name][0]
    if kind == STATUS and result < 0:
        raise OSError(-result, os.strerror(-result))
    if kind == POINTER and not result:
        error = c.get_errno()
        raise OSError(error, os.strerror(error))
    return result or 0


def text(name: str, *args: object) -> str | None:
    """Call a function that gives a string; None for NULL."""
    result = function(name)(*args)
    return result.decode(errors="replace") if result is not None else None


def iterate(name: str, container: int) -> Iterator[int]:
    """The handles that a `…__next_…` function walks."""
    following = function(name)
    handle = following(container, None)
    while handle:
        yield handle
        handle = following(container, handle)


@contextmanager
def messages() -> Iterator[list[str]]:
    """Collect the warnings that libbpf prints in this thread while the body runs; it prints nothing otherwise."""
    collected: list[str] = []
    _printed.lines = collected
    try:
        yield collected
    finally:
        _printed.lines = None


def _set_print(library: c.CDLL) -> None:
    # A va_list reaches a callback as a pointer on x86-64 (an array) and on arm64 (a large struct, by reference).
    library.libbpf_set_print.argtypes = (c.c_void_p,)
    library.libbpf_set_print.restype = c.c_void_p
    library.libbpf_set_print(c.cast(_print, c.c_void_p))


def _collect(level: int, template: int, arguments: int) -> int:
    lines = getattr(_printed, "lines", None)
    if lines is None or level > 0:  # LIBBPF_WARN is 0
        return 0
    buffer = c.create_string_buffer(4096)
    _vsnprintf(buffer, len(buffer), template, arguments)
    lines.append(buffer.value.decode(errors="replace").strip().removeprefix("libbpf: "))
    return 0


_print = _PRINT(_collect)  # kept alive as long as libbpf may call it
_vsnprintf = c.CDLL(None).vsnprintf
_vsnprintf.argtypes = (c.c_void_p, c.c_size_t, c.c_void_p, c.c_void_p)


def open_object(data: bytes, name: str) -> int:
    """bpf_object__open_mem.  libbpf copies nothing: keep `data` alive as long as the object."""
    options = OpenOpts(sz=c.sizeof(OpenOpts), object_name=name.encode(errors="replace"))
    return call("bpf_object__open_mem", c.cast(c.c_char_p(data), c.c_void_p), len(data), c.byref(options))


def initial_value(map_handle: int) -> tuple[int, int]:
    """The address and size of a global-data map's initial value, before the object is loaded."""
    size = _SIZE()
    return call("bpf_map__initial_value", map_handle, c.byref(size)), size.value


def new_btf(data: bytes) -> int:
    """btf__new: a BTF handle of its own copy of `data`."""
    return call("btf__new", c.cast(c.c_char_p(data), c.c_void_p), len(data))


def raw_data(btf: int) -> bytes:
    """The bytes of a BTF handle."""
    size = _U32()
    return read(call("btf__raw_data", btf, c.byref(size)), size.value)


def read(address: int, size: int) -> bytes:
    """Bytes of libbpf's memory."""
    return c.string_at(address, size)


def write(address: int, data: bytes) -> None:
    """Put bytes into libbpf's memory (the initial value of a map)."""
    c.memmove(address, data, len(data))


class LogBuffer:
    """Room for a verifier log: 16 MiB of address space, real only as far as it is written."""

    SIZE = 16 << 20

    def __init__(self) -> None:
        import mmap

        self._memory = mmap.mmap(-1, self.SIZE)
        self.array = (c.c_char * self.SIZE).from_buffer(self._memory)

    @property
    def address(self) -> int:
        return c.addressof(self.array)

    def text(self) -> str:
        end = self._memory.find(b"\0")
        return self._memory[: max(end, 0)].decode(errors="replace")
