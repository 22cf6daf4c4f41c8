# SPDX-License-Identifier: Apache-2.0
"""Markers are found where another reader finds them, also in a file whose addresses were moved; crafted notes do no
harm; arguments become what usdt.bpf.h of libbpf reads."""

from __future__ import annotations

import random
import struct
import tempfile

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection

from bpfman.bpf import executable, usdt
from bpfman.bpf.usdt_arguments import MOST_ARGUMENTS, encode, parse
from bpfman.errors import ObjectError, Unsupported

CLASSIC, WITH_INDEX = 208, 304  # bytes of struct __bpf_usdt_spec in libbpf 0.8 to 1.6, and in 1.7


def opened(data: bytes):
    """The reader on bytes, as a file that has a name no longer."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return executable.read(file.fileno())


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def noted(data: bytes) -> list[tuple[int, tuple[int, int, int], str]]:
    """Of each note: where its content is, the addresses in it, provider:name; by pyelftools."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        elf = ELFFile(file)
        section = elf.get_section_by_name(".note.stapsdt")
        assert isinstance(section, NoteSection)
        found = []
        for note in section.iter_notes():
            at = note["n_offset"] + 12 + 8  # behind "stapsdt"
            addresses = struct.unpack_from("=QQQ", data, at)
            provider, name = data[at + 24 : at + note["n_descsz"]].split(b"\0")[:2]
            found.append((at, addresses, f"{provider.decode()}:{name.decode()}"))
        return found


def offset_of(data: bytes, address: int) -> int:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        [offset] = ELFFile(file).address_offsets(address, 1)
        return offset


def test_markers_are_where_another_reader_finds_them(marked):
    data = read(marked)
    notes = noted(data)
    with opened(data) as program:
        assert (
            usdt.names(program) == {"demo:plain", "demo:watched", "demo:strange"} == {n for _, _, n in notes}
        )
        for name in usdt.names(program):
            expected = [
                (offset_of(data, place), offset_of(data, semaphore) if semaphore else 0)
                for _, (place, _, semaphore), each in notes
                if each == name
            ]
            assert [(site.offset, site.semaphore) for site in usdt.sites(program, name)] == sorted(expected)
        assert len(usdt.sites(program, "demo:plain")) == 2
        assert usdt.sites(program, "demo:none") == []


def test_a_file_that_was_moved_after_it_was_linked_has_its_markers_where_they_were(marked):
    """prelink(8) moves all addresses of a file but those in notes: .stapsdt.base tells by how much."""
    data = bytearray(read(marked))
    with opened(bytes(data)) as program:
        before = {name: usdt.sites(program, name) for name in usdt.names(program)}
    for at, (place, base, semaphore), _ in noted(bytes(data)):
        moved = (place - 0x4000, base - 0x4000, semaphore - 0x4000 if semaphore else 0)
        struct.pack_into("=qqq", data, at, *moved)
    with opened(bytes(data)) as program:
        assert {name: usdt.sites(program, name) for name in usdt.names(program)} == before


def test_a_marker_outside_of_the_code_is_refused(marked):
    data = bytearray(read(marked))
    for at, _, _ in noted(bytes(data)):
        struct.pack_into("=Q", data, at, 1 << 40)
    with opened(bytes(data)) as program, pytest.raises(ObjectError, match="in no code of the file"):
        usdt.sites(program, "demo:plain")


@pytest.mark.parametrize("seed", range(200))
def test_damaged_notes_are_read_or_refused(marked, seed):
    chance = random.Random(seed)
    data = bytearray(read(marked))
    first, last = (at for at, *_ in (noted(bytes(data))[index] for index in (0, -1)))
    for _ in range(chance.randrange(1, 20)):
        data[chance.randrange(first - 20, last + 80)] = chance.choice((0, 1, 0xFF, chance.randrange(256)))
    try:
        with opened(bytes(data)) as program:
            for name in usdt.names(program):
                for site in usdt.sites(program, name):
                    parse(site.arguments, "x86_64")
    except (ObjectError, Unsupported):
        pass


# struct __bpf_usdt_arg_spec: val_off, arg_type, reg_off, arg_signed, arg_bitshift
X86_64 = [
    ("-4@$-9", (-9, 0, 0, 1, 32)),
    ("8@$0x10", (16, 0, 0, 0, 0)),
    ("8@%rdi", (0, 1, 112, 0, 0)),
    ("-4@%eax", (0, 1, 80, 1, 32)),
    ("1@%sil", (0, 1, 104, 0, 56)),
    ("-2@%r10w", (0, 1, 56, 1, 48)),
    ("2@%bx", (0, 1, 40, 0, 48)),
    ("8@%rip", (0, 1, 128, 0, 0)),
    ("8@(%rsp)", (0, 2, 152, 0, 0)),
    ("-4@-20(%rbp)", (-20, 2, 32, 1, 32)),
    ("1@+0x8(%r15)", (8, 2, 0, 0, 56)),
]
AARCH64 = [
    ("-4@9", (9, 0, 0, 1, 32)),
    ("-8@#-1", (-1, 0, 0, 1, 0)),
    ("8@x0", (0, 1, 0, 0, 0)),
    ("-4@w30", (0, 1, 240, 1, 32)),
    ("8@[sp, 16]", (16, 2, 248, 0, 0)),
    ("-1@[x2, -3]", (-3, 2, 16, 1, 56)),
    ("4@[x19]", (0, 2, 152, 0, 32)),
]
CASES = [("x86_64", *case) for case in X86_64] + [("aarch64", *case) for case in AARCH64]


@pytest.mark.parametrize(("machine", "text", "fields"), CASES)
def test_an_argument_is_described_as_the_program_reads_it(machine, text, fields):
    value = encode(parse(text, machine), 7, CLASSIC)
    assert struct.unpack_from("=qIhBB", value) == fields
    assert struct.unpack_from("=Qh", value, MOST_ARGUMENTS * 16) == (7, 1)
    assert len(value) == CLASSIC

    newer = encode(parse(text, machine), 7, WITH_INDEX)
    offset, kind, register, signed, shift = struct.unpack_from("=qB5xhBB", newer)
    assert (offset, kind, register, signed, shift) == fields
    assert len(newer) == WITH_INDEX


def test_several_arguments_keep_their_order():
    arguments = parse("8@%rdi -4@8(%rsp, %rax, 4) 1@$3", "x86_64")
    value = encode(arguments, 0, WITH_INDEX)
    assert struct.unpack_from("=qBxHxxhBB", value, 24) == (8, 3, 80 | 2 << 12, 152, 1, 32)
    assert struct.unpack_from("=Qh", value, MOST_ARGUMENTS * 24) == (0, 3)
    with pytest.raises(Unsupported, match="two registers"):
        encode(arguments, 0, CLASSIC)


@pytest.mark.parametrize("text", ["8@name(%rip)", "8f@%xmm0", "8@%st", "4@%cr3", "4@(%rbp,%rax,3)", "8@[x0]"])
def test_what_no_program_can_read_is_told(text):
    with pytest.raises(Unsupported, match="in a place that programs cannot read"):
        parse(f"8@%rdi {text}", "x86_64")


@pytest.mark.parametrize("text", ["%rdi", "3@%rdi", "8@", "@", "-@%rdi", "8@$99999999999999999999"])
def test_what_makes_no_sense_is_told(text):
    with pytest.raises((ObjectError, Unsupported)):
        parse(text, "x86_64")


def test_more_arguments_than_a_program_can_read_are_told():
    assert len(parse("8@%rdi " * 12, "x86_64")) == 12
    with pytest.raises(Unsupported, match="13 arguments"):
        parse("8@%rdi " * 13, "x86_64")
