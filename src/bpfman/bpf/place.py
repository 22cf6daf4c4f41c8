# SPDX-License-Identifier: Apache-2.0
"""The place in a program or library that a symbol and an offset mean, as the offset in the file that the kernel takes.

Called for uprobes.  Where a symbol means no place, or not the one that somebody expects, the error says which to take.
"""

from __future__ import annotations

import os

from bpfman.bpf import debug_files, executable, processes, symbols
from bpfman.errors import InvalidRequest, ObjectError, SymbolNotFound, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.executable import Executable
    from bpfman.bpf.sight import File
    from bpfman.bpf.symbols import Symbol


def offset_in(file: File, target: str, symbol: str, offset: int, container_pid: int = 0) -> int:
    """The place in the file: `offset` bytes behind a symbol, or behind the beginning where none is given."""
    if not symbol:
        _check_offset(file, target, offset)
        return offset
    with executable.read(file.fd) as program:
        found = _find(program, file, symbol, container_pid)
        if found is None:
            raise _unknown(program, file, target, symbol, container_pid)
        if found.chooses:
            return _implementation(program, file, target, symbol) + offset
        if found.size and offset >= found.size:
            raise InvalidRequest(
                f"offset {offset} is past the end of {symbol} ({found.size} bytes) in {target}"
            )
        return _in_code(program, target, symbol, found.address + offset)


def functions_in(file: File, container_pid: int = 0) -> dict[str, int]:
    """The places of all functions, by name; those of debug files too when the file is stripped."""
    with executable.read(file.fd) as program:
        found = symbols.functions(program)
        if not program.has_symbols():
            for debug in debug_files.of(program, file, container_pid):
                found = {**symbols.functions(debug), **found}
        places = ((name, _offset(program, address)) for name, address in found.items())
        return {name: offset for name, offset in places if offset is not None}


def _find(program: Executable, file: File, symbol: str, container_pid: int) -> Symbol | None:
    if (found := symbols.find(program, symbol)) is not None:
        return found
    tables = debug_files.of(program, file, container_pid)
    return next((found for each in tables if (found := symbols.find(each, symbol)) is not None), None)


def _in_code(program: Executable, target: str, symbol: str, address: int) -> int:
    offset = _offset(program, address)
    if offset is None:
        raise InvalidRequest(
            f"{symbol} in {target} is no code: it is in no part of the file that is mapped for execution",
            "a probe is put on an instruction: give a function",
        )
    return offset


def _offset(program: Executable, address: int) -> int | None:
    """None for what is no code."""
    try:
        return program.offset_of(address)
    except ObjectError:
        return None


def _implementation(program: Executable, file: File, target: str, symbol: str) -> int:
    """What runs when a function with several implementations is called, which the dynamic linker chooses when a
    program starts.  For the libraries that we run with ourselves it has chosen."""
    from bpfman.syscalls import own_libraries

    address = own_libraries.address_of(symbol)
    if address and (found := processes.own_place(address, file.fd)):
        return found
    named = sorted(name for name in symbols.functions(program) if f"{symbol}_" in name)
    raise InvalidRequest(
        f"{symbol} in {target} has several implementations, of which the dynamic linker chooses one when a program "
        "starts (IFUNC): the symbol is where it chooses, not what runs",
        f"give an implementation: {', '.join(named[:6])}"
        if named
        else "give an implementation by its file offset, with --offset alone, or a function that calls it",
    )


def _check_offset(file: File, target: str, offset: int) -> None:
    size = os.fstat(file.fd).st_size
    if offset >= size:
        raise InvalidRequest(f"offset {offset} is past the end of {target} ({size} bytes)")
    try:
        with executable.read(file.fd) as program:
            if program.is_code(offset):
                return
    except Unsupported:  # 32-bit: the kernel will tell
        return
    raise InvalidRequest(
        f"offset {offset} of {target} is not in its code",
        "without --fn-name, --offset counts from the beginning of the file, not from an address",
    )


def _unknown(program: Executable, file: File, target: str, symbol: str, container_pid: int) -> Exception:
    from bpfman.bpf.near import symbol_not_found

    if symbols.is_used(program, symbol):
        return SymbolNotFound(
            f"symbol {symbol} is used in {target}, not defined there",
            f"give the library that it comes from: `ldd {target}` lists those it is linked with",
        )
    known = symbols.names(program)
    for debug in debug_files.of(program, file, container_pid):
        known |= symbols.names(debug)
    if not program.has_symbols():
        hint = f"{target} is stripped: install its debug symbols ({debug_files.FOLDER}), or give --offset"
    else:
        hint = f"`readelf -sW {target}` lists the symbols"
    return symbol_not_found(f"symbol in {target}", symbol, known, hint)
