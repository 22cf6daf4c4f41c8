# SPDX-License-Identifier: Apache-2.0
"""The symbols that were stripped from a program: in a debug file beside it, or packed in itself.

Called for uprobes when a file's own tables have no such symbol.  Debug files are found as gdb finds them (its manual,
"Separate Debug Files"): by build id, then by .gnu_debuglink; .gnu_debugdata is a small table compressed with xz.  A
debug file counts only when its build id is the program's, or, where that has none, its checksum is the right one.
"""

from __future__ import annotations

import os
import sys

from bpfman.bpf import executable, sight
from bpfman.bpf.executable import Executable
from bpfman.errors import ObjectError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.sight import File

FOLDER = "/usr/lib/debug"
_MOST_UNPACKED = 1 << 26  # bytes of .gnu_debugdata; unpacking may take as much memory again
_PIECE = 1 << 20  # bytes that are read at a time


def of(program: Executable, file: File, container_pid: int = 0) -> Iterator[Executable]:
    """What has more symbols of the program, the likeliest first; each is open until the next is asked for.

    Looked for where the program is, then among our own files."""
    yield from _packed(program)
    build_id = program.build_id()
    name, checksum = _link(program)
    for place in dict.fromkeys((container_pid, 0)):
        for path in _paths(file, build_id, name):
            if (found := sight.open_in_sight(path, place)) is not None:
                with found:
                    yield from _if_right(found, build_id, checksum)


def _content(program: Executable, section: bytes) -> bytes:
    found = program.named(section)
    return program.contents(found) if found else b""


def _paths(file: File, build_id: str, name: str) -> Iterator[str]:
    if len(build_id) > 4:
        yield f"{FOLDER}/.build-id/{build_id[:2]}/{build_id[2:]}.debug"
    if name:
        real = os.readlink(f"/proc/self/fd/{file.fd}")
        for folder in dict.fromkeys((os.path.dirname(file.path), os.path.dirname(real))):
            if folder.startswith("/"):
                yield from (f"{folder}/{name}", f"{folder}/.debug/{name}", f"{FOLDER}{folder}/{name}")


def _if_right(file: File, build_id: str, checksum: int | None) -> Iterator[Executable]:
    """The debug file, when it is this program's and can be read: what lies there may be of another version."""
    try:
        debug = executable.read(file.fd)
    except (ObjectError, Unsupported):
        return
    with debug:
        if debug.build_id() == build_id if build_id else _checksum(file.fd) == checksum:
            yield debug


def _link(program: Executable) -> tuple[str, int | None]:
    """The name in .gnu_debuglink, with the checksum of the file that is meant; the name is of a file, not a path."""
    data = _content(program, b".gnu_debuglink")
    name = os.fsdecode(data.partition(b"\0")[0])
    if len(data) < 8 or not name or "/" in name or name in (".", ".."):
        return "", None
    return name, int.from_bytes(data[-4:], sys.byteorder)


def _checksum(fd: int) -> int:
    import zlib

    value, at = 0, 0
    while piece := os.pread(fd, _PIECE, at):
        value, at = zlib.crc32(piece, value), at + len(piece)
    return value


def _packed(program: Executable) -> Iterator[Executable]:
    """The table in .gnu_debugdata, unpacked."""
    data = _content(program, b".gnu_debugdata")
    if not data:
        return
    fd = os.memfd_create("debugdata", os.MFD_CLOEXEC)
    try:
        if (table := _unpacked(data)) is not None:
            os.write(fd, table)
            with executable.read(fd) as debug:
                yield debug
    finally:
        os.close(fd)


def _unpacked(data: bytes) -> bytes | None:
    """None for what is damaged, or larger than such a table is."""
    import lzma

    reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_UNPACKED)
    try:
        table = reader.decompress(data, _MOST_UNPACKED)
    except (lzma.LZMAError, MemoryError):
        return None
    return table if reader.eof else None
