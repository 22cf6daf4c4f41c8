# SPDX-License-Identifier: Apache-2.0
"""The symbols of a program or library: one by its name, or all functions.

Called for uprobes.  There may be a million symbols, of which one is looked for, and whoever made the file may want us
to use up time and memory: names are searched as one text, and tables are gone through in pieces.  Versions of symbols
are as glibc's linkers write them (Linux Standard Base, Symbol Versioning).
"""

from __future__ import annotations

from struct import Struct

from bpfman.errors import InvalidRequest, ObjectError
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.bpf.executable import Executable, Section

_SYMBOL, _DEFINITION, _NAME = Struct("=IBBHQQ"), Struct("=HHHHIII"), Struct("=II")
_SHT_SYMTAB, _SHT_DYNSYM, _SHT_VERDEF, _SHT_VERSYM = 2, 11, 0x6FFFFFFD, 0x6FFFFFFF
_STB_LOCAL, _STT_FUNC, _STT_TLS, _STT_IFUNC, _SHN_ABS = 0, 2, 6, 10, 0xFFF1
_HIDDEN = 0x8000  # of a version: not what a new program gets that asks for no version
_MOST_FUNCTIONS, _MOST_PLACES, _MOST_VERSIONS = 1 << 21, 1 << 20, 1 << 12
_LONGEST = 1 << 14  # bytes of a name: mangled names of templates are long
_PIECE = 1 << 16  # symbols
_MOST_NAMES = 1 << 26  # bytes of names that are looked at for a near one


class Symbol(NamedTuple):
    """`address` is virtual, `size` 0 where the symbol has none.  `chooses`: it is a function that the dynamic linker
    calls to learn which of several implementations to use (STT_GNU_IFUNC)."""

    name: str
    address: int
    size: int
    chooses: bool = False


class _Found(NamedTuple):
    """A symbol of the right name; `rank` says how likely it is the one that is meant."""

    rank: tuple[bool, ...]
    symbol: Symbol


def find(program: Executable, name: str) -> Symbol | None:
    """The symbol of that name, `foo` or with a version `foo@VERSION`; None when there is none that is defined.

    Of several, functions come before others, the version that programs get today before older ones, global ones
    before those of one source file.  Raises InvalidRequest when that leaves several places."""
    wanted, _, version = name.encode(errors="surrogateescape").partition(b"@")
    found = [
        each
        for table in _tables(program)
        for each in _find(program, table, wanted, version.removeprefix(b"@"))
    ]
    if not found:
        return None
    best = max(found, key=lambda each: each.rank)
    places = {each.symbol.address for each in found if each.rank == best.rank}
    if len(places) > 1:
        raise _ambiguous(program, name, places)
    return best.symbol


def is_used(program: Executable, name: str) -> bool:
    """Whether the file uses a symbol of that name which another one defines."""
    for table in _tables(program):
        places = _places(program.linked(table), name.encode(errors="surrogateescape"))
        for at, _, _, section, _, _ in _symbols(program, table) if places else ():
            if at in places and not section:
                return True
    return False


def functions(program: Executable) -> dict[str, int]:
    """The addresses of all functions by name; where a name has several versions, of today's."""
    found: dict[str, int] = {}
    old: dict[str, int] = {}
    for table in _tables(program):
        text, versions = program.linked(table), _versions(program, table)
        for index, (at, info, _, defined, address, _) in enumerate(_symbols(program, table)):
            if info & 0xF == _STT_FUNC and defined and address and (name := _text(text, at)):
                base, _, version = name.partition("@")
                hidden = (version and version[0] != "@") or _hidden(versions, index)
                (old if hidden else found).setdefault(base, address)
        if len(found) + len(old) > _MOST_FUNCTIONS:
            raise ObjectError("the file has more functions than are looked at")
    return {**old, **found}


def names(program: Executable) -> set[str]:
    """The names of all symbols, for those who look for a near one; of very large tables, none."""
    found: set[str] = set()
    for table in _tables(program):
        text = program.linked(table)
        if len(text) <= _MOST_NAMES:
            found.update(text.decode(errors="replace").split("\0"))
    return found - {""}


def _tables(program: Executable) -> Iterator[Section]:
    """The static table and the dynamic one: the format allows one of each."""
    for kind in (_SHT_SYMTAB, _SHT_DYNSYM):
        tables = (each for each in program.sections if each.type == kind and each.entry == _SYMBOL.size)
        yield from list(tables)[:1]


def _symbols(program: Executable, table: Section) -> Iterator[tuple[int, ...]]:
    data = program.contents(table)
    yield from _SYMBOL.iter_unpack(memoryview(data)[: len(data) // _SYMBOL.size * _SYMBOL.size])


def _find(program: Executable, table: Section, wanted: bytes, version: bytes) -> Iterator[_Found]:
    """Names may share their ends, so the text is searched first, and then who begins there."""
    text = program.linked(table)
    places = _places(text, wanted)
    if not places:
        return
    versions = _versions(program, table)
    known = _version_names(program) if version and versions else {}
    data = program.contents(table)
    for index, at in enumerate(_name_offsets(data)):
        if at in places:
            _, info, _, defined, address, size = _SYMBOL.unpack_from(data, index * _SYMBOL.size)
            kind = info & 0xF
            if not defined or not address or kind == _STT_TLS or defined == _SHN_ABS:
                continue
            own = text[at + len(wanted) : at + len(wanted) + _LONGEST].partition(b"\0")[0]
            number = versions[index] if index < len(versions) else 0
            if version and version not in (own.strip(b"@"), known.get(number & ~_HIDDEN)):
                continue
            old = number & _HIDDEN or (own.startswith(b"@") and not own.startswith(b"@@"))
            rank = (kind in (_STT_FUNC, _STT_IFUNC), not old, number > 1, info >> 4 != _STB_LOCAL)
            name = wanted.decode(errors="replace")
            yield _Found(rank, Symbol(name, address, size, kind == _STT_IFUNC))


def _places(text: bytes, wanted: bytes) -> set[int]:
    """Where a name begins that is, or ends in, the wanted one; also with a version (name@@GLIBC_2.2.5)."""
    found: set[int] = set()
    for end in (b"\0", b"@"):
        at = text.find(wanted + end)
        while at >= 0:
            found.add(at)
            if len(found) > _MOST_PLACES:
                raise ObjectError("the ELF file has more symbols of that name than are looked at")
            at = text.find(wanted + end, at + 1)
    return found


def _name_offsets(data: bytes) -> Iterator[int]:
    """The first word of each symbol."""
    size = _PIECE * _SYMBOL.size
    for at in range(0, len(data) // _SYMBOL.size * _SYMBOL.size, size):
        piece = memoryview(data)[at : at + size]
        whole = piece[: len(piece) // _SYMBOL.size * _SYMBOL.size].cast("I")
        yield from whole[:: _SYMBOL.size // 4].tolist()


def _versions(program: Executable, table: Section) -> memoryview:
    """The number of each symbol's version, where the table has versions."""
    if table.type == _SHT_DYNSYM:
        for section in program.sections:
            if section.type == _SHT_VERSYM:
                data = program.contents(section)
                return memoryview(data)[: len(data) & ~1].cast("H")
    return memoryview(b"").cast("H")


def _hidden(versions: memoryview, index: int) -> bool:
    return index < len(versions) and bool(versions[index] & _HIDDEN)


def _version_names(program: Executable) -> dict[int, bytes]:
    """The names of the versions that the file itself defines, by number."""
    found: dict[int, bytes] = {}
    for section in [each for each in program.sections if each.type == _SHT_VERDEF][:1]:
        data, text, at = program.contents(section), program.linked(section), 0
        while at + _DEFINITION.size <= len(data) and len(found) < _MOST_VERSIONS:
            _, _, number, _, _, name_at, following = _DEFINITION.unpack_from(data, at)
            if at + name_at + _NAME.size <= len(data):
                name = _NAME.unpack_from(data, at + name_at)[0]
                found[number] = text[name : name + _LONGEST].partition(b"\0")[0]
            if following < _DEFINITION.size:
                break
            at += following
    return found


def _text(names: bytes, at: int) -> str:
    end = names.find(b"\0", at, at + _LONGEST)
    return names[at:end].decode(errors="replace") if end >= 0 else ""


def _ambiguous(program: Executable, name: str, addresses: set[int]) -> InvalidRequest:
    offsets = []
    for address in sorted(addresses)[:8]:
        try:
            offsets.append(str(program.offset_of(address)))
        except ObjectError:
            continue
    return InvalidRequest(
        f"{len(addresses)} places in the file have the symbol {name}",
        f"choose one by its offset in the file, with --offset alone: {', '.join(offsets)}",
    )
