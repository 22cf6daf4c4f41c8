# SPDX-License-Identifier: Apache-2.0
"""Functions of the libraries that this process itself runs with, as the dynamic linker has bound them.

Called by `bpf/place.py` for functions with several implementations (IFUNC): which one this machine's processor gets,
only the dynamic linker knows.
"""

from __future__ import annotations

import ctypes as c


def address_of(name: str) -> int:
    """Where a function is in our memory; 0 when none of our libraries has it."""
    try:
        return c.cast(c.CDLL(None)[name], c.c_void_p).value or 0
    except (AttributeError, ValueError):
        return 0
