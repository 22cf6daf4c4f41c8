# SPDX-License-Identifier: Apache-2.0
"""Finds a program or library by its name, where we see it or where a process in a container does.

Order: what a process has mapped (also a file that was deleted or replaced since), an absolute path, the process's
DT_RUNPATH, /etc/ld.so.cache in its new format, and the directories of musl and of systems without a cache.  Called for
uprobes.

Another mount namespace is looked at through /proc/PID/root, with openat2(2) keeping every path inside: nobody has to
enter it, so this works in a process with threads.
"""

from __future__ import annotations

import os
import struct

from bpfman.bpf import processes
from bpfman.bpf.descriptor import Descriptor
from bpfman.errors import InvalidRequest, KernelRefused, ObjectError, TargetNotFound, Unsupported
from bpfman.syscalls import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CACHE = "/etc/ld.so.cache"
_MAGIC = b"glibc-ld.so.cache1.1"
_FLAGS = {"x86_64": 0x0300, "aarch64": 0x0A00}  # glibc's sysdeps/generic/ldconfig.h, FLAG_*_LIB64
_DIRECTORIES = ("/lib64", "/usr/lib64", "/lib", "/usr/local/lib", "/usr/lib")
_MOST = 16 << 20  # bytes of a cache
_LONGEST = 4096  # bytes of a path (PATH_MAX)


class File(Descriptor):
    """A file that was found; `path` is where, `name` what the kernel can open it by while this is open."""

    def __init__(self, fd: int, path: str, name: str = "") -> None:
        super().__init__(fd)
        self.path = path
        self.name = name or f"/proc/self/fd/{fd}"


def find(target: str, pid: int = 0, container_pid: int = 0) -> File:
    """The file that `target` means.  Raises TargetNotFound, with near names, or ProcessNotFound."""
    if pid and (mapped := _mapped(target, pid)) is not None:
        return mapped
    if "\0" in target or len(target) > _LONGEST:
        raise InvalidRequest("a target is the path or the name of a file")
    roots = _roots(container_pid)
    try:
        for root in roots:
            if (found := _find_below(root, target, container_pid or pid)) is not None:
                return found
        raise _not_found(target, roots[0], container_pid)
    finally:
        for root in roots:
            if root is not None:
                os.close(root)


def open_in_sight(path: str, container_pid: int = 0) -> File | None:
    """The file at an absolute path, or None."""
    roots = _roots(container_pid)
    try:
        return next((found for root in roots if (found := _open(root, path)) is not None), None)
    finally:
        for root in roots:
            if root is not None:
                os.close(root)


def matches(query: str, name: str) -> bool:
    """Whether a library's file name is the one asked for: `libc` is libc.so.6 and libc-2.31.so, `libc.so.6` itself."""
    return name == query if ".so" in query else name.startswith((f"{query}.so", f"{query}-"))


def is_musl(query: str, name: str) -> bool:
    """Whether musl's one library is meant, which is the dynamic linker as well, by the name of a part of it."""
    return query in ("libc", "libm", "libpthread") and name == f"ld-musl-{os.uname().machine}.so.1"


def _roots(container_pid: int) -> list[int | None]:
    """The directories to take for "/": None is our own; of a container, its process's and then its namespace's, which
    differ where the process changed its root without a namespace's help (chroot)."""
    if not container_pid:
        return [None]
    path = processes.directory(container_pid) + "/root"
    try:
        own = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return [own, files.top_of(own)]
    except OSError as error:
        hint = "looking into another process's files needs CAP_SYS_PTRACE and CAP_SYS_ADMIN"
        what = f"look into the mount namespace of process {container_pid}"
        raise KernelRefused(what, error.errno or 0, hint) from None


def _find_below(root: int | None, target: str, pid: int) -> File | None:
    if target.startswith("/"):
        return _open(root, target)
    for path in _candidates(root, target, pid):
        if (found := _open(root, path)) is not None:
            return found
    return None


def _candidates(root: int | None, target: str, pid: int) -> Iterator[str]:
    machine = os.uname().machine
    if pid:
        yield from _in_directories(root, _run_paths(pid), target)
    yield from (path for name, path in cached(_read(root, _CACHE)) if matches(target, name))
    musl = _read(root, f"/etc/ld-musl-{machine}.path").decode(errors="replace").replace("\n", ":")
    yield from _in_directories(root, [each for each in musl.split(":") if each], target)
    yield from _in_directories(
        root, [*(f"{each}/{machine}-linux-gnu" for each in _DIRECTORIES), *_DIRECTORIES], target
    )
    yield from (f"/lib/{name}" for name in _list(root, "/lib") if is_musl(target, name))


def _in_directories(root: int | None, directories: list[str], target: str) -> Iterator[str]:
    for directory in directories:
        yield from (f"{directory}/{name}" for name in _list(root, directory) if matches(target, name))


def _run_paths(pid: int) -> list[str]:
    """DT_RUNPATH of a process's program."""
    from bpfman.bpf import executable

    try:
        link = processes.directory(pid) + "/exe"
        origin = os.path.dirname(_as_seen_by(pid, os.readlink(link)))
        with (
            Descriptor(os.open(link, os.O_RDONLY | os.O_CLOEXEC)) as file,
            executable.read(file.fd) as program,
        ):
            paths = program.run_paths()
    except (OSError, ObjectError, Unsupported):
        return []
    return [each.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for each in paths]


def _as_seen_by(pid: int, path: str) -> str:
    """A path that the kernel gave us, from the process's own root."""
    top = os.readlink(processes.directory(pid) + "/root").rstrip("/")
    return path.removeprefix(top) if path.startswith(f"{top}/") else path


def _mapped(target: str, pid: int) -> File | None:
    """What the process itself has mapped by that name, opened by its mapping: its path may mean another file here, or
    another one by now."""
    found = processes.directory(pid)
    mapped = list(processes.mappings(found))
    for same in _likenesses(target):
        for each in mapped:
            if same(each.path) and (opened := _open_mapping(found, each)) is not None:
                return opened
    return None


def _likenesses(target: str) -> tuple[Callable[[str], bool], ...]:
    """When a path is the one that is asked for, in the order to try."""
    if target.startswith("/"):
        return (lambda path: path == target,)
    return (
        lambda path: matches(target, os.path.basename(path)),
        lambda path: is_musl(target, os.path.basename(path)),
    )


def _open_mapping(proc: str, mapping: processes.Mapping) -> File | None:
    """The mapped file itself; where that may not be had (CAP_SYS_ADMIN), what is at its path now, unless it moved."""
    opened = _open(None, f"{proc}/map_files/{mapping.start:x}-{mapping.end:x}")
    if opened is not None:
        return File(opened.fd, mapping.path, _path_here(opened.fd, mapping.path))
    if mapping.deleted:
        return None
    try:
        root = os.open(f"{proc}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    with Descriptor(root):
        return _open(root, mapping.path)


def _open(root: int | None, path: str) -> File | None:
    """A regular file; None where there is none that can be read."""
    import stat

    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, flags) if root is None else files.open_below(root, path, flags)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return File(fd, path, os.path.realpath(path) if root is None and not path.startswith("/proc/") else "")


def _path_here(fd: int, path: str) -> str:
    """The path, when it is the same file here: nicer to read in what the kernel lists than a descriptor."""
    try:
        return os.path.realpath(path) if os.path.samestat(os.stat(path), os.fstat(fd)) else ""
    except OSError:
        return ""


def _read(root: int | None, path: str) -> bytes:
    found = _open(root, path)
    if found is None:
        return b""
    with found, open(found.fd, "rb", closefd=False) as file:
        return file.read(_MOST)


def _list(root: int | None, path: str) -> list[str]:
    try:
        fd = (
            os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if root is None
            else files.open_below(root, path, os.O_RDONLY | os.O_DIRECTORY)
        )
    except (OSError, ValueError):
        return []
    try:
        return sorted(os.listdir(fd))
    finally:
        os.close(fd)


def cached(data: bytes) -> Iterator[tuple[str, str]]:
    """(name, path) of the libraries in an ld.so.cache of the new format that are for this machine; none of any other.

    The layout is glibc's struct cache_file_new: 48 bytes of header, 24 an entry, offsets from the header's start."""
    start = data.find(_MAGIC)
    if start < 0 or len(data) < start + 48:
        return
    count = min(struct.unpack_from("=I", data, start + 20)[0], (len(data) - start - 48) // 24)
    wanted = _FLAGS.get(os.uname().machine, 0)
    for index in range(count):
        flags, name, path = struct.unpack_from("=III", data, start + 48 + index * 24)
        if flags & 0xFF00 == wanted:
            yield _text(data, start + name), _text(data, start + path)


def _text(data: bytes, at: int) -> str:
    return os.fsdecode(data[at : data.find(b"\0", at)]) if at < len(data) else ""


def _not_found(target: str, root: int | None, container_pid: int) -> TargetNotFound:
    from bpfman.bpf.near import near

    where = f" in the mount namespace of process {container_pid}" if container_pid else ""
    if target.startswith("/"):
        names = [f"{os.path.dirname(target)}/{name}" for name in _list(root, os.path.dirname(target))]
        what = f'file "{target}" does not exist{where}, or is no regular file'
    else:
        names = [name for name, _ in cached(_read(root, _CACHE))]
        what = f'library "{target}" not found{where}'
    alike = near(target, names)
    hint = processes.double(container_pid) if container_pid else ""
    if not target.startswith("/"):
        hint = hint or "give an absolute path, or a library that `ldconfig -p` lists"
    return TargetNotFound(what + (f"; did you mean: {', '.join(alike)}?" if alike else ""), hint)
