# SPDX-License-Identifier: Apache-2.0
"""Archives are what cpio(1), here busybox's, takes them for."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from vmtest.cpio import Archive


@pytest.fixture
def unpacked(tmp_path):
    """`unpacked(archive)`: the folder that it makes."""
    if shutil.which("busybox") is None:
        pytest.skip("needs the command busybox")

    def unpack(archive):
        subprocess.run(["busybox", "cpio", "-i", "--quiet"], input=archive.data(), cwd=tmp_path, check=True)
        return tmp_path

    return unpack


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 100_000])
def test_files_come_out_as_they_went_in(unpacked, size):
    content = os.urandom(size)
    archive = Archive()
    archive.folder("bin")
    archive.file("bin/tool", content, 0o755)
    archive.file("a", b"after it")
    made = unpacked(archive)
    assert (made / "bin/tool").read_bytes() == content
    assert (made / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert (made / "a").read_bytes() == b"after it"


def test_links_lead_where_they_should(unpacked):
    archive = Archive()
    archive.file("busybox", b"tool")
    archive.link("sh", "busybox")
    made = unpacked(archive)
    assert os.readlink(made / "sh") == "busybox"
    assert (made / "sh").read_bytes() == b"tool"


def test_an_archive_may_grow_after_it_was_looked_at(unpacked):
    archive = Archive()
    archive.file("one", b"1")
    before = archive.data()
    archive.file("two", b"2")
    assert len(archive.data()) > len(before)
    assert (unpacked(archive) / "two").read_bytes() == b"2"
