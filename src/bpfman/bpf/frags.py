# SPDX-License-Identifier: Apache-2.0
"""XDP programs that take packets in several buffers (`xdp.frags`, since Linux 5.18), where the kernel has none.

Called by `bpf/object.py` after a failed load, to explain it: such a kernel says "Invalid argument" and nothing else.
"""

from __future__ import annotations

import os
import struct

from bpfman.errors import Unsupported
from bpfman.model.kinds import ATTACH_XDP, PROG_XDP
from bpfman.syscalls import bpf

_PASS = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)  # r0 = XDP_PASS; exit


def supported() -> bool:
    """Whether the kernel loads the smallest program with the flag."""
    try:
        fd = bpf.prog_load(PROG_XDP, _PASS, "GPL", expected_attach=ATTACH_XDP, flags=bpf.F_XDP_HAS_FRAGS)
    except OSError:
        return False
    os.close(fd)
    return True


def unsupported(name: str) -> Unsupported:
    """The error for a program that wants them."""
    return Unsupported(
        f'program "{name}" takes packets in several buffers, and this kernel has no xdp.frags, which came with Linux '
        "5.18",
        'build it with SEC("xdp"): it then runs where packets fit into one buffer (an MTU of some 3,500 bytes)',
    )
