# SPDX-License-Identifier: Apache-2.0
"""Programs and libraries are read as readelf reads them, and crafted ones do no harm."""

from __future__ import annotations

import lzma
import os
import random
import struct
import sys
import tempfile
import tracemalloc
from contextlib import suppress

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection

from bpfman.bpf import debug_files, executable, symbols
from bpfman.bpf.sight import File, find
from bpfman.errors import InvalidRequest, ObjectError, Unsupported
from tests.user_program import SOURCES, library, objcopy

SEEDS = 400
MOST_MEMORY = 100 << 20  # bytes for a file of some kilobytes


@pytest.fixture(scope="module")
def libc() -> str:
    with find("libc") as file:
        return os.path.realpath(file.path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    """A library with all that is looked at: versions, notes, a run path, a debug file's name, packed symbols."""
    folder = tmp_path_factory.mktemp("whole")
    made = library(
        folder / "libwork.so",
        "-DVERSIONS",
        f"-Wl,--version-script={SOURCES / 'versions.map'}",
        "-Wl,-rpath,$ORIGIN/lib:/odd",
        "-Wl,--build-id",
    )
    debug = folder / "work.debug"
    objcopy("--only-keep-debug", made, debug)
    packed = folder / "packed"
    packed.write_bytes(lzma.compress(debug.read_bytes()))
    objcopy("--add-section", f".gnu_debugdata={packed}", f"--add-gnu-debuglink={debug}", made)
    return made.read_bytes()


def opened(data: bytes):
    """The reader on bytes, as a file that has a name no longer."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return executable.read(file.fileno())


def test_every_function_is_found_where_another_reader_finds_it(libc):
    with open(libc, "rb") as file, executable.read(file.fileno()) as ours:
        theirs, places = ELFFile(file), symbols.functions(ours)
        [table] = [
            each for each in theirs.iter_sections("SHT_DYNSYM") if isinstance(each, SymbolTableSection)
        ]
        functions = {
            each.name: each["st_size"]
            for each in table.iter_symbols()
            if each["st_info"]["type"] == "STT_FUNC" and each["st_value"] and each.name
        }
        for name in random.Random(1).sample(sorted(functions), 60):
            symbol = symbols.find(ours, name)
            assert symbol is not None
            assert symbol.size == functions[name]
            assert symbol.address == places[name]
            [offset] = theirs.address_offsets(symbol.address, 1)
            assert ours.offset_of(symbol.address) == offset
            assert ours.is_code(offset)
        assert set(functions) == set(places)


def test_a_name_that_ends_another_is_not_taken_for_it(libc):
    with open(libc, "rb") as file, executable.read(file.fileno()) as ours:
        whole, end = symbols.find(ours, "getppid"), symbols.find(ours, "ppid")
    assert whole is not None
    assert end is None


def test_the_build_id_is_the_one_in_the_notes(libc):
    with open(libc, "rb") as file, executable.read(file.fileno()) as ours:
        notes = [
            note["n_desc"]
            for section in ELFFile(file).iter_sections()
            if isinstance(section, NoteSection)
            for note in section.iter_notes()
            if note["n_type"] == "NT_GNU_BUILD_ID"
        ]
        assert [ours.build_id()] == notes


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "too short"), (b"#!/bin/sh\n" * 20, "not an ELF file"), (b"\x7fELF" + bytes(100), "32-bit")],
)
def test_what_is_no_program_is_refused(data, words):
    with pytest.raises((ObjectError, Unsupported), match=words):
        opened(data)


def look_at_everything(program: executable.Executable) -> None:
    """All that is asked of a program; what it is refused for stops only that."""
    fd = os.dup(program.fd)
    with File(fd, "/nowhere/program") as file:
        for ask in (
            lambda: symbols.find(program, "shared@OLD"),
            lambda: symbols.find(program, "work"),
            lambda: symbols.functions(program),
            lambda: symbols.names(program),
            lambda: symbols.is_used(program, "puts"),
            program.run_paths,
            lambda: program.is_code(1),
            lambda: [symbols.find(each, "inner") for each in debug_files.of(program, file)],
        ):
            with suppress(InvalidRequest, Unsupported):  # an ObjectError is an InvalidRequest
                ask()


def test_all_is_found_in_a_whole_file(whole):
    """So that damaging it means something."""
    with opened(whole) as program, File(os.dup(program.fd), "/nowhere/program") as file:
        assert program.run_paths() == ["$ORIGIN/lib", "/odd"]
        assert program.build_id()
        old, new = symbols.find(program, "shared@OLD"), symbols.find(program, "shared")
        assert old is not None
        assert new is not None
        assert old.address != new.address
        [packed] = [symbols.find(each, "inner") for each in debug_files.of(program, file)]
        assert packed == symbols.find(program, "inner")


@pytest.mark.parametrize("part", ["headers", "anywhere", "cut"])
def test_a_damaged_file_is_read_or_refused(whole, part):
    """Nothing but our own errors comes out of a file with random bytes in its headers and tables."""
    sections = struct.unpack_from("=Q", whole, 40)[0]
    headers = [*range(4, 64 * 10), *range(sections, len(whole))]
    for seed in range(SEEDS):
        chance, data = random.Random(seed), bytearray(whole)
        for _ in range(chance.randrange(1, 12)):
            at = chance.choice(headers) if part == "headers" else chance.randrange(4, len(data))
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        try:
            with opened(bytes(data[: chance.randrange(len(data))] if part == "cut" else data)) as program:
                look_at_everything(program)
        except (ObjectError, Unsupported):
            pass


def elf(*sections: bytes, data: bytes) -> bytes:
    """A file of 64 bytes of header, the data, and section headers."""
    order = 1 if sys.byteorder == "little" else 2
    identity = b"\x7fELF" + bytes([2, order, 1]) + bytes(9)
    header = struct.pack("=HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 64 + len(data), 0, 64, 56, 0, 64, len(sections), 0)
    return identity + header + data + b"".join(sections)


def section(kind: int, offset: int, size: int, link: int = 0, entry: int = 0) -> bytes:
    return struct.pack("=IIQQQQIIQQ", 0, kind, 0, 0, offset, size, link, 0, 0, entry)


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("one name without end", lambda: b"a" * (4 << 20) + bytes(24 * 20_000)),
        (
            "names that share their text",
            lambda: b"work\0" * 20_000 + struct.pack("=IBBHQQ", 0, 2, 0, 1, 1, 1) * 20_000,
        ),
    ],
)
def test_a_file_that_wants_much_is_given_little(what, data):
    """Twenty thousand symbols, all of whose names begin in one text."""
    content = data()
    names = len(content) - 24 * 20_000
    symbol_table = section(2, 64 + names, 24 * 20_000, 1, 24)
    made = elf(symbol_table, section(3, 64, names), *[symbol_table] * 5_000, data=content)
    tracemalloc.start()
    try:
        with opened(made) as program:
            look_at_everything(program)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY, what
    finally:
        tracemalloc.stop()


def test_a_section_larger_than_any_is_not_read():
    """A sparse file costs its owner nothing."""
    with tempfile.TemporaryFile() as file:
        file.write(elf(section(2, 64, 1 << 34, 0, 24), data=b""))
        file.truncate(1 << 35)
        file.flush()
        with (
            executable.read(file.fileno()) as program,
            pytest.raises(ObjectError, match="more than is looked at"),
        ):
            symbols.find(program, "work")


def test_packed_symbols_that_unpack_without_end_are_left(whole, tmp_path):
    made, packed = tmp_path / "made", tmp_path / "packed"
    made.write_bytes(whole)
    packed.write_bytes(lzma.compress(bytes(100 << 20), preset=0))
    objcopy("--remove-section", ".gnu_debugdata", "--add-section", f".gnu_debugdata={packed}", made)
    with (
        open(made, "rb") as file,
        executable.read(file.fileno()) as program,
        File(os.dup(program.fd), str(made)) as named,
    ):
        assert list(debug_files.of(program, named)) == []


def test_a_file_that_is_truncated_under_us_is_refused(whole):
    """It is read, not mapped: a mapping of it would end this process."""
    with tempfile.TemporaryFile() as file:
        file.write(whole)
        file.flush()
        with executable.read(file.fileno()) as program:
            file.truncate(100)
            with pytest.raises(ObjectError, match="truncated while it was read"):
                symbols.find(program, "work")
