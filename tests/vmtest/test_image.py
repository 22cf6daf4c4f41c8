# SPDX-License-Identifier: Apache-2.0
"""The ELF file is found in a bzImage as the x86 boot protocol describes it."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest

from vmtest.image import elf_of

ELF = b"\x7fELF" + bytes(range(256)) * 40


def image(payload: bytes, setup_sectors: int = 3, offset: int = 64) -> bytes:
    """A bzImage: a boot sector, `setup_sectors` of setup code (0 stands for 4), then the code with the payload."""
    head = bytearray(((setup_sectors or 4) + 1) * 512)
    head[0x1F1] = setup_sectors
    struct.pack_into("<II", head, 0x248, offset, len(payload))
    return bytes(head) + bytes(offset) + payload + b"the decompressor goes on here"


def packed(tool: str, data: bytes = ELF) -> bytes:
    if shutil.which(tool) is None:
        pytest.skip(f"needs the command {tool}")
    options = ["-l"] if tool == "lz4" else []  # the legacy frames of kernels
    made = subprocess.run([tool, "-c", *options], input=data, capture_output=True, check=True).stdout
    return made + struct.pack("<I", len(data))  # as the kernel's build appends it


@pytest.mark.parametrize("setup_sectors", [0, 3, 39])
@pytest.mark.parametrize("tool", ["zstd", "lz4"])
def test_it_is_unpacked(tool, setup_sectors):
    assert elf_of(image(packed(tool), setup_sectors)) == ELF


def test_an_image_packed_otherwise_is_taken_as_it_is():
    other = image(b"\x1f\x8b" + bytes(100))
    assert elf_of(other) == other


def test_what_unpacks_to_something_else_is_taken_as_it_is():
    other = image(packed("zstd", b"no ELF file"))
    assert elf_of(other) == other
