# SPDX-License-Identifier: Apache-2.0
"""Programs and libraries are read as readelf reads them, and crafted ones do no harm."""

from __future__ import annotations

import os
import random
import sys
import tempfile

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection

from bpfman.bpf import executable
from bpfman.bpf.sight import find
from bpfman.errors import ObjectError, Unsupported


@pytest.fixture(scope="module")
def libc() -> str:
    with find("libc") as file:
        return os.path.realpath(file.path)


def opened(data: bytes):
    """The reader on bytes, as a file that has a name no longer."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return executable.read(file.fileno())


def test_every_function_is_found_where_another_reader_finds_it(libc):
    with open(libc, "rb") as file, executable.read(file.fileno()) as ours:
        theirs = ELFFile(file)
        [table] = [
            each for each in theirs.iter_sections("SHT_DYNSYM") if isinstance(each, SymbolTableSection)
        ]
        functions = {
            each.name: (each["st_value"], each["st_size"])
            for each in table.iter_symbols()
            if each["st_info"]["type"] == "STT_FUNC" and each["st_value"] and each.name
        }
        some = random.Random(1).sample(sorted(functions), 60)
        for name in some:
            symbol = ours.symbol(name)
            assert symbol is not None
            [offset] = theirs.address_offsets(symbol.address, 1)
            assert ours.offset_of(symbol.address) == offset
            assert ours.is_code(offset)
        assert set(functions) <= set(ours.functions())


def test_a_name_that_ends_another_is_not_taken_for_it(libc):
    with open(libc, "rb") as file, executable.read(file.fileno()) as ours:
        whole, end = ours.symbol("getppid"), ours.symbol("ppid")
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


@pytest.mark.parametrize("seed", range(200))
def test_a_damaged_file_is_read_or_refused(seed):
    """Nothing but our own errors comes out of a file with random bytes in its headers and tables."""
    chance = random.Random(seed)
    with open(os.path.realpath(sys.executable), "rb") as file:
        data = bytearray(file.read(1 << 16))
    for _ in range(chance.randrange(1, 12)):
        data[chance.randrange(4, 512 if chance.random() < 0.7 else len(data))] = chance.randrange(256)
    try:
        with opened(bytes(data)) as program:
            program.symbol("main")
            program.build_id()
            program.run_paths()
            program.functions()
            program.is_code(1)
    except (ObjectError, Unsupported):
        pass
