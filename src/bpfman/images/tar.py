# SPDX-License-Identifier: Apache-2.0
"""Reads tar archives that strangers made, in memory, and writes ones that are the same everywhere.

Called with layers and image archives.  Nothing is ever extracted: an entry is a name and a range of bytes.  The
standard library's reader is not used on purpose: it follows sizes and offsets that an archive makes up (CVE-2025-8194),
and importing it takes longer than reading a layer.

Formats: POSIX ustar and pax (IEEE Std 1003.1, pax), GNU's long names.  Sparse and multi-volume archives are refused.
"""

from __future__ import annotations

from bpfman.errors import InvalidRequest, MalformedImage
from bpfman.images.digest import shown
from bpfman.images.limits import MAX_TAR_ENTRIES
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_BLOCK = 512
_LONGEST_NAME = 4096  # PATH_MAX
_MOST_RECORDS = 1 << 16  # bytes of pax records of one entry
_KINDS = {
    "0": "file", "\0": "file", "7": "file", "1": "hard link", "2": "symbolic link", "3": "character device",
    "4": "block device", "5": "directory", "6": "pipe",
}  # fmt: skip


class Entry(NamedTuple):
    """One entry; its contents are `size` bytes at `offset` of the archive.  `kind` is a word for people."""

    name: str
    kind: str
    offset: int
    size: int


def read_entries(data: bytes, what: str) -> Iterator[Entry]:
    """The entries of an archive in their order.  MalformedImage, also while iterating."""
    at = count = 0
    override: dict[str, str] = {}
    while (header := data[at : at + _BLOCK]).strip(b"\0"):
        count += 1
        if count > MAX_TAR_ENTRIES:
            raise MalformedImage(f"{what} has more than {MAX_TAR_ENTRIES} entries")
        entry, flag = _read_header(header, at, override, what)
        if entry.offset + entry.size > len(data):
            raise MalformedImage(f"{what} ends within {shown(entry.name)}", "it is truncated")
        contents = data[entry.offset : entry.offset + entry.size] if flag in "xgLK" else b""
        at = entry.offset + -(-entry.size // _BLOCK) * _BLOCK
        if flag == "x":
            override |= _read_records(contents, what)
        elif flag == "L":
            override["path"] = _text(contents.rstrip(b"\0"))
        elif flag == "g":
            _check_global(_read_records(contents, what), what)
        elif flag != "K":  # the target of a link whose name is long: nobody follows it
            yield entry
            override = {}


def _read_header(header: bytes, at: int, override: Mapping[str, str], what: str) -> tuple[Entry, str]:
    where = f"{what}, tar entry at byte {at}"
    if len(header) < _BLOCK:
        raise MalformedImage(f"{where} is cut off", "it is truncated, or no tar archive")
    _check_sum(header, where)
    flag = header[156:157].decode("latin-1")
    is_extension = flag in "xgLK"
    known: Mapping[str, str] = {} if is_extension else override
    name = known.get("path") or _name_of(header)
    size = _decimal(known["size"], where) if "size" in known else _number(header[124:136], where)
    kind = "extension" if is_extension else _KINDS.get(flag, "entry of an unknown type")
    if is_extension and size > _MOST_RECORDS:
        raise MalformedImage(f"{where} has an extension of {size} bytes")
    if len(name) > _LONGEST_NAME or "\0" in name:
        raise MalformedImage(f"{where} has no usable name")
    if kind == "file" and name.endswith("/"):  # tar before POSIX
        kind = "directory"
    has_contents = kind in ("file", "extension", "entry of an unknown type")
    return Entry(name, kind, at + _BLOCK, size if has_contents else 0), flag


def _check_sum(header: bytes, where: str) -> None:
    """The sum of the header's bytes, its own field taken as blanks."""
    expected = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    if not header[148:156].strip(b" \0").isdigit() or _number(header[148:156], where) != expected:
        raise MalformedImage(
            f"{where} is no tar header: its checksum is wrong", "it is damaged, or no tar archive"
        )


def _number(field: bytes, where: str) -> int:
    """Octal text, or GNU's big-endian number behind a set bit."""
    if field[:1] >= b"\x80":
        number = (
            int.from_bytes(field, "big", signed=True)
            if field[0] == 0xFF
            else int.from_bytes(field[1:], "big")
        )
    else:
        digits = field.split(b"\0", 1)[0].strip() or b"0"
        number = int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else -1
    if not 0 <= number < 1 << 40:
        raise MalformedImage(f"{where} has a number that makes no sense: {field!r}")
    return number


def _decimal(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise MalformedImage(f"{where} has a size that makes no sense: {shown(text)}")
    return int(text)


def _name_of(header: bytes) -> str:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0]
    if header[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    return _text(name)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _read_records(contents: bytes, what: str) -> dict[str, str]:
    """pax: `LENGTH KEY=VALUE\\n`, LENGTH counting the whole record in decimal."""
    found: dict[str, str] = {}
    while contents:
        digits, _, _ = contents[:20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = contents[:length]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not equals or not record.endswith(b"\n") or len(record) != length:
            raise MalformedImage(f"{what} has a pax record that makes no sense")
        found[_text(key)] = _text(value)
        contents = contents[length:]
    if any(key.startswith("GNU.sparse") for key in found):
        raise MalformedImage(f"{what} has sparse files, which layers do not have")
    return found


def _check_global(records: Mapping[str, str], what: str) -> None:
    """Comments are all that is known to be said of a whole archive; git does so."""
    if {"path", "size", "linkpath"} & set(records):
        raise MalformedImage(f"{what} gives all its entries one name or size")


def write_tar(files: Iterable[tuple[str, bytes]], mtime: int) -> bytes:
    """An archive of plain files, mode 0644, owned by root; `mtime` is seconds since the epoch."""
    archive = bytearray()
    for name, data in files:
        archive += _header(name, len(data), mtime) + data + bytes(-len(data) % _BLOCK)
    return bytes(archive + bytes(2 * _BLOCK))


def _header(name: str, size: int, mtime: int) -> bytes:
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) > 100:
        raise InvalidRequest(f'the name "{name}" is too long for an image', "at most 100 bytes")
    header = b"".join(
        (encoded.ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size, b"%011o\0" % mtime,
         b" " * 8, b"0", bytes(100), b"ustar\x0000", bytes(64), b"0000000\0", b"0000000\0", bytes(167))
    )  # fmt: skip
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]
