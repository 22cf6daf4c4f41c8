# SPDX-License-Identifier: Apache-2.0
"""Tar archives of every common form are read as tarfile reads them; crafted ones are refused."""

from __future__ import annotations

import io
import subprocess
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.errors import InvalidRequest, MalformedImage
from bpfman.images import limits
from bpfman.images.tar import read_entries, write_tar
from tests.images.samples import tar


def read(data: bytes) -> dict[str, bytes]:
    return {each.name: data[each.offset : each.offset + each.size] for each in read_entries(data, "it")}


FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
FILES = {"a.o": b"first", "dir/b.o": b"x" * 1000, "empty": b"", "d" * 90 + "/" + "f" * 90: b"far"}


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_is_read(form):
    assert read(tar(FILES, FORMATS[form])) == FILES


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_names_that_are_long_or_not_ascii(form):
    files = {"x" * 300: b"long", "é/ü.o": b"letters", "\udcff.o": b"bytes"}
    assert read(tar(files, FORMATS[form])) == files


@pytest.mark.parametrize("form", ["ustar", "gnu", "posix", "v7", "oldgnu"])
def test_what_gnu_tar_writes(tmp_path, form):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.o").write_bytes(b"contents")
    command = ["tar", f"--format={form}", "-C", str(tmp_path), "-cf", "-", "sub"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    assert [(each.name, each.kind) for each in read_entries(data, "it")] == [
        ("sub/", "directory"),
        ("sub/a.o", "file"),
    ]
    assert read(data)["sub/a.o"] == b"contents"


def test_kinds_have_words():
    kinds = {
        tarfile.SYMTYPE: "symbolic link",
        tarfile.LNKTYPE: "hard link",
        tarfile.CHRTYPE: "character device",
        tarfile.BLKTYPE: "block device",
        tarfile.FIFOTYPE: "pipe",
        tarfile.DIRTYPE: "directory",
        b"Z": "entry of an unknown type",
    }
    entries = []
    for kind in kinds:
        entry = tarfile.TarInfo(f"name-{kind.decode()}")
        entry.type, entry.linkname = kind, "x" * 150
        entries.append(entry)
    assert [each.kind for each in read_entries(tar(entries), "it")] == list(kinds.values())


def header(name: bytes = b"a.o", size: bytes = b"0", flag: bytes = b"0") -> bytearray:
    made = bytearray(512)
    made[: len(name)] = name
    made[124 : 124 + len(size)] = size
    made[156:157] = flag
    made[257:265] = b"ustar\x0000"
    return summed(made)


def summed(made: bytearray) -> bytearray:
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return made


def records(*pairs: tuple[str, str]) -> bytes:
    made = b""
    for key, value in pairs:
        rest = f" {key}={value}\n".encode()
        length = len(rest) + len(str(len(rest) + len(str(len(rest)))))
        made += str(length).encode() + rest
    return made


def extended(contents: bytes, flag: bytes = b"x") -> bytes:
    return bytes(header(b"pax", b"%o" % len(contents), flag)) + contents.ljust(512, b"\0") + bytes(header())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bytes(header())[:300], "is cut off"),
        (bytes(header(size=b"1000")) + b"short", "ends within 'a.o'"),
        (b"x" * 512, "checksum is wrong"),
        (bytes(header(size=b"99")), "makes no sense"),
        (bytes(header(size=b"-7")), "makes no sense"),
        (bytes(header(size=b"\xff" * 12)), "makes no sense"),  # GNU's way to say -1
        (bytes(header(size=b"\x80" + b"\xff" * 11)), "makes no sense"),
        (bytes(header(size=b"zz")), "makes no sense"),
        (extended(b"99 path=x\n"), "pax record"),
        (extended(b"path=x\n"), "pax record"),
        (extended(b"0 path=x\n"), "pax record"),
        (extended(records(("size", "-5"))), "a size that makes no sense"),
        (extended(records(("size", "1e3"))), "a size that makes no sense"),
        (extended(records(("size", "9" * 15))), "a size that makes no sense"),
        (extended(records(("size", "100000"))), "ends within"),
        (extended(records(("GNU.sparse.major", "1"))), "sparse files"),
        (extended(records(("path", "x")), b"g"), "one name or size"),
        (extended(records(("path", "x\0y"))), "no usable name"),
        (bytes(header(size=b"%o" % (1 << 20), flag=b"x")) + bytes(1 << 20), "an extension of 1048576 bytes"),
    ],
)
def test_what_makes_no_sense_is_refused(data, said):
    with pytest.raises(MalformedImage) as refused:
        list(read_entries(data, "it"))
    assert said in str(refused.value)


def test_extensions_without_an_entry_are_bounded():
    with pytest.raises(MalformedImage, match="more than 10000 entries"):
        list(read_entries(bytes(header(flag=b"L")) * (limits.MAX_TAR_ENTRIES + 1), "it"))


def test_a_comment_for_all_is_let_pass():
    """git archive writes one."""
    assert read(extended(records(("comment", "0123abc")), b"g")) == {"a.o": b""}


def test_what_follows_the_end_is_not_read():
    assert read(tar({"a.o": b"x"}) + b"garbage" * 100) == {"a.o": b"x"}
    assert read(b"") == {}


@given(st.binary(max_size=1100))
def test_garbage_raises_nothing_else(data):
    with suppress(MalformedImage):
        list(read_entries(data, "it"))


@given(st.data())
def test_damage_raises_nothing_else_and_stays_within_the_archive(data):
    whole = bytearray(tar(FILES, data.draw(st.sampled_from(list(FORMATS.values())))))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, 4096))
        whole[at] = data.draw(st.integers(0, 255))
        block = at // 512 * 512
        whole[block : block + 512] = summed(whole[block : block + 512])
    try:
        for each in read_entries(bytes(whole), "it"):
            assert 0 <= each.offset <= each.offset + each.size <= len(whole)
    except MalformedImage:
        pass


# writing


def test_ours_is_read_by_tarfile_and_by_ourselves():
    files = [("a.o", b"first"), ("b/c.o", b"y" * 513)]
    data = write_tar(files, mtime=1_700_000_000)
    assert read(data) == dict(files)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member, (name, contents) in zip(archive, files, strict=True):
            assert (member.name, member.mode, member.uid, member.gid, member.mtime) == (
                name,
                0o644,
                0,
                0,
                1_700_000_000,
            )
            file = archive.extractfile(member)
            assert file is not None
            assert file.read() == contents


def test_a_name_that_is_too_long_is_refused():
    with pytest.raises(InvalidRequest, match="too long"):
        write_tar([("x" * 101, b"")], 0)
