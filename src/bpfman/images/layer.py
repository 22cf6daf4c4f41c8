# SPDX-License-Identifier: Apache-2.0
"""Finds the object in a layer: bare, packed, or in a tar archive.

Called with one blob whose digest was checked.  Nothing is written anywhere; yet what would be dangerous to extract
(paths that leave, links, devices) is refused, for an archive that has such was not made to be a bytecode image.
"""

from __future__ import annotations

from bpfman.errors import ImageTooLarge, MalformedImage, NoBytecode
from bpfman.images.compression import unpack
from bpfman.images.digest import shown
from bpfman.images.limits import MAX_OBJECT
from bpfman.images.tar import read_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.platform import ByteOrder
    from bpfman.images.tar import Entry

_ELF = b"\x7fELF"
_ELF_DATA = {"little": 1, "big": 2}  # EI_DATA, the sixth byte
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257


def object_in(blob: bytes, byteorder: ByteOrder, preferred: str, what: str) -> bytes:
    """The object's bytes.  Of several, that named `preferred`, else the first of this byte order, else the first.

    NoBytecode, MalformedImage, ImageTooLarge."""
    data = blob if blob.startswith(_ELF) else unpack(blob, what)
    if data.startswith(_ELF):
        return _bounded(data, what)
    if data[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] != _TAR_MAGIC and not data.strip(b"\0"):
        raise _none(what)
    found = _candidates(data, what)
    if not found:
        raise _none(what)
    named = [each for each in found if preferred and _base(each.name) == _base(preferred)]
    ordered = [
        each for each in found if data[each.offset + 5 : each.offset + 6] == bytes([_ELF_DATA[byteorder]])
    ]
    chosen = next(iter([*named, *ordered, *found]))
    return _bounded(data[chosen.offset : chosen.offset + chosen.size], f"{_base(chosen.name)} in {what}")


def _candidates(data: bytes, what: str) -> list[Entry]:
    """Files that are named or begin like objects; every entry is looked at, so that none can hide behind the first."""
    found, names = [], set()
    for entry in read_entries(data, what):
        path = _checked_path(entry, what)
        if path in names and entry.kind != "directory":
            raise MalformedImage(f"{what} has {shown(entry.name)} twice")
        names.add(path)
        if entry.kind == "file" and (path.endswith(".o") or data[entry.offset : entry.offset + 4] == _ELF):
            found.append(entry)
    return found


def _checked_path(entry: Entry, what: str) -> str:
    parts = [part for part in entry.name.split("/") if part not in ("", ".")]
    if entry.name.startswith("/") or ".." in parts:
        raise MalformedImage(f"{what} has an entry that leads out of it: {shown(entry.name)}", _CRAFTED)
    if entry.kind not in ("file", "directory"):
        raise MalformedImage(f"{what} has a {entry.kind}, {shown(entry.name)}", _CRAFTED)
    return "/".join(parts)


_CRAFTED = "bytecode images hold plain files; nothing of this one was used"


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _bounded(data: bytes, what: str) -> bytes:
    if len(data) > MAX_OBJECT:
        raise ImageTooLarge(
            f"{what} has {len(data)} bytes, more than the {MAX_OBJECT} that an object may have"
        )
    return data


def _none(what: str) -> NoBytecode:
    return NoBytecode(
        f"no BPF bytecode (.o file) found in image: {what} has none",
        "is this a bytecode image, and no other?",
    )
