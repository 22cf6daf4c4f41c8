# SPDX-License-Identifier: Apache-2.0
"""Reads the markers (USDT) that makers of programs and libraries put into them, for `link/usdt.py`.

A marker is an instruction that does nothing, and an ELF note (section .note.stapsdt, as sys/sdt.h of SystemTap makes
it) that tells where it is, where its semaphore is and where its arguments are.  The file may be anybody's: every
offset is checked, and whatever is wrong is an ObjectError.
"""

from __future__ import annotations

import struct

from bpfman.errors import ObjectError
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.executable import Executable

_OWNER, _TYPE = b"stapsdt", 3
_BASE = ".stapsdt.base"
_ADDRESSES = struct.Struct(
    "=QQQ"
)  # of the instruction, of .stapsdt.base when it was linked, of the semaphore
_MOST = 1 << 17  # notes of a file; large programs have some thousands
_LONGEST = 4096  # bytes of one note's names and arguments


class Site(NamedTuple):
    """One place of a marker.  `offset` is in the file; so is `semaphore`, a 16-bit counter of who watches, 0 where
    there is none; `arguments` are as the note has them, such as `-4@%eax 8@8(%rsp)`."""

    offset: int
    semaphore: int
    arguments: str


def sites(program: Executable, marker: str) -> list[Site]:
    """Every place of `provider:name`, each once; none where the file does not have the marker."""
    found: dict[int, Site] = {}
    for name, addresses, arguments in _markers(program):
        if name == marker:
            site = _site(program, addresses, arguments)
            found.setdefault(site.offset, site)
    return [found[offset] for offset in sorted(found)]


def names(program: Executable) -> set[str]:
    """The markers of a file, as `provider:name`."""
    return {name for name, _, _ in _markers(program)}


def _markers(program: Executable) -> Iterator[tuple[str, bytes, str]]:
    for count, (owner, kind, content) in enumerate(program.notes()):
        if count >= _MOST:
            raise ObjectError(f"the ELF file has more than {_MOST} notes")
        if owner == _OWNER and kind == _TYPE:
            yield _marker(bytes(content[: _ADDRESSES.size + _LONGEST]))


def _marker(content: bytes) -> tuple[str, bytes, str]:
    texts = content[_ADDRESSES.size :].split(b"\0")
    if len(texts) < 4:  # three of them, each ended by NUL
        raise ObjectError("a USDT note of the ELF file is truncated")
    provider, name, arguments = (text.decode(errors="replace") for text in texts[:3])
    return f"{provider}:{name}", content[: _ADDRESSES.size], arguments


def _site(program: Executable, addresses: bytes, arguments: str) -> Site:
    place, base, semaphore = _ADDRESSES.unpack(addresses)
    moved = 0
    if base and (now := program.address_of_section(_BASE)):
        # Who moved the file's addresses later (prelink) did not change its notes.
        moved = now - base
    return Site(
        program.offset_of(place + moved & 0xFFFFFFFFFFFFFFFF),
        program.offset_of_data(semaphore + moved & 0xFFFFFFFFFFFFFFFF) if semaphore else 0,
        arguments,
    )
