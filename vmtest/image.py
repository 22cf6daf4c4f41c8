# SPDX-License-Identifier: Apache-2.0
"""Taking the ELF file out of a bzImage: QEMU boots it directly (PVH), a second sooner than through its decompressor.

Called by `kernel.py`.  Field offsets are those of the x86 boot protocol (Documentation/arch/x86/boot.rst, 2.08).
"""

from __future__ import annotations

import struct
import subprocess

_SETUP_SECTORS, _PAYLOAD_OFFSET, _PAYLOAD_LENGTH = 0x1F1, 0x248, 0x24C
_TOOLS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x02\x21\x4c\x18": "lz4"}


def elf_of(image: bytes) -> bytes:
    """The kernel's ELF file, or the image itself where that is not to be had: it boots too."""
    payload = _payload(image)
    tool = _TOOLS.get(payload[:4])
    if tool is None:
        return image
    elf = subprocess.run([tool, "-dc"], input=payload, capture_output=True, check=False).stdout
    return elf if elf.startswith(b"\x7fELF") else image


def _payload(image: bytes) -> bytes:
    (offset,) = struct.unpack_from("<I", image, _PAYLOAD_OFFSET)
    (length,) = struct.unpack_from("<I", image, _PAYLOAD_LENGTH)
    start = ((image[_SETUP_SECTORS] or 4) + 1) * 512 + offset  # 0 means 4, for boot loaders of old
    return image[start : start + length - 4]  # without the size of what it holds, which follows it
