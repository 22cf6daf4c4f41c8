# SPDX-License-Identifier: Apache-2.0
"""Writing a cpio archive of the `newc` sort, as the kernel takes it for an initramfs.

Called by `initramfs.py`.  The format is in the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat

_MAGIC = b"070701"
_END = "TRAILER!!!"


class Archive:
    """Grows by what is added to it; `data()` is the whole."""

    def __init__(self) -> None:
        self._data = bytearray()

    def folder(self, name: str) -> None:
        self._add(name, stat.S_IFDIR | 0o755)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self._add(name, stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def data(self) -> bytes:
        whole = Archive()
        whole._data = self._data.copy()
        whole._add(_END, 0)
        return bytes(whole._data)

    def _add(self, name: str, mode: int, content: bytes = b"") -> None:
        # Inode, mode, owner, group, links, time, size, four device numbers, length of the name, checksum.  An offset
        # makes a number of its own for each file.
        fields = (len(self._data), mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        self._data += _MAGIC + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        self._pad()
        self._data += content
        self._pad()

    def _pad(self) -> None:
        self._data += bytes(-len(self._data) % 4)
