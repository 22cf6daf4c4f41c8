# SPDX-License-Identifier: Apache-2.0
"""The object of a layer is found in every form there is, and a layer made to do harm is refused."""

from __future__ import annotations

import gzip
import tarfile

import pytest
from backports import zstd

from bpfman.errors import ImageTooLarge, MalformedImage, NoBytecode
from bpfman.images import limits
from bpfman.images.layer import object_in
from tests.images.conftest import OBJECTS
from tests.images.samples import tar

LITTLE = (OBJECTS / "xdp_counter.o").read_bytes()
BIG = (OBJECTS / "xdp_counter.be.o").read_bytes()


def find(blob: bytes, byteorder="little", preferred: str = "") -> bytes:
    return object_in(blob, byteorder, preferred, "the layer")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("wrap", [bytes, lambda data: tar({"xdp_counter.o": data})], ids=["bare", "tar"])
def test_an_object_is_found_in_every_form(pack, wrap):
    assert find(pack(wrap(LITTLE))) == LITTLE


def test_it_is_found_by_what_it_is_and_by_its_name():
    assert find(tar({"README": b"text", "deep/er/program": LITTLE})) == LITTLE
    assert find(tar({"README": b"text", "not-elf.o": b"checked by whoever knows ELF"})).startswith(b"checked")


def test_of_several_the_one_of_this_byte_order():
    both = tar({"be.o": BIG, "el.o": LITTLE})
    assert find(both) == LITTLE
    assert find(both, "big") == BIG


def test_of_several_the_one_that_the_image_names():
    several = tar({"a.o": b"\x7fELF\2\1first", "b.o": b"\x7fELF\2\1second"})
    assert find(several) == b"\x7fELF\2\1first"
    assert find(several, preferred="/b.o") == b"\x7fELF\2\1second"
    assert find(several, preferred="c.o") == b"\x7fELF\2\1first"


def test_one_of_the_wrong_byte_order_is_still_found():
    """To be refused by who can say why."""
    assert find(tar({"be.o": BIG})) == BIG


@pytest.mark.parametrize(
    "blob", [tar({}), tar({"README": b"text"}), gzip.compress(tar({"a": b""})), gzip.compress(b"")]
)
def test_a_layer_without_any_says_so(blob):
    with pytest.raises(NoBytecode, match=r"no BPF bytecode \(\.o file\) found in image"):
        find(blob)


@pytest.mark.parametrize("name", ["../evil.o", "a/../../evil.o", "/etc/evil.o", "a/..", "./../x"])
def test_paths_that_leave_are_refused(name):
    with pytest.raises(MalformedImage, match="leads out of it"):
        find(tar({"good.o": LITTLE, name: LITTLE}))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "character device"),
        (tarfile.BLKTYPE, "block device"),
        (tarfile.FIFOTYPE, "pipe"),
    ],
)
def test_links_and_devices_are_refused(kind, word):
    entry = tarfile.TarInfo("meter.o")
    entry.type, entry.linkname = kind, "/etc/shadow"
    with pytest.raises(MalformedImage, match=f"has a {word}, 'meter.o'"):
        find(tar([entry]))


def test_directories_are_let_pass():
    folder = tarfile.TarInfo("dir")
    folder.type = tarfile.DIRTYPE
    file = tarfile.TarInfo("dir/meter.o")
    file.size = 4
    assert find(tar([folder, folder, file])) == b"xxxx"


@pytest.mark.parametrize("again", ["meter.o", "./meter.o", "x/../meter.o"])
def test_one_name_is_one_file(again):
    file, other = tarfile.TarInfo("meter.o"), tarfile.TarInfo(again)
    with pytest.raises(MalformedImage, match=r"twice|leads out"):
        find(tar([file, other]))


@pytest.mark.parametrize("wrap", [bytes, gzip.compress, lambda data: tar({"a.o": data})])
def test_an_object_that_is_too_large_is_refused(wrap):
    with pytest.raises(ImageTooLarge, match="more than the 16777216"):
        find(wrap(b"\x7fELF" + bytes(limits.MAX_OBJECT)))


@pytest.mark.parametrize(
    "blob", [b"no layer at all", b"\x1f\x8b\x08garbage", b"x" * 2000, gzip.compress(b"y" * 2000)]
)
def test_what_is_no_layer_is_refused(blob):
    with pytest.raises(MalformedImage, match="the layer"):
        find(blob)
