# SPDX-License-Identifier: Apache-2.0
"""The C library: one handle, and the system calls that have no wrapper in it.

Called by the other modules of this folder only.  `check` raises OSError, which they turn into an error of
`bpfman.errors`; nothing above this folder sees it.
"""

from __future__ import annotations

import ctypes
import os

from bpfman.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def check(result: int, what: str) -> int:
    """`result` of a call that answers -1 for failure; raises OSError with the call's errno, about `what`."""
    if result >= 0:
        return result
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), what)


def syscall(number: int, *arguments: Any) -> int:
    """The raw result of system call `number`, for `check`.  Integers are passed as 64 bits, signed or not; what
    else ctypes takes (bytes, None, byref) is passed as a pointer."""
    words = (ctypes.c_long(word) if isinstance(word, int) else word for word in arguments)
    result: int = libc.syscall(ctypes.c_long(number), *words)
    return result


def syscall_number(x86_64: int, aarch64: int) -> int:
    """The number of a system call that is older than the common numbering of 2019 (those from 424 on are equal
    everywhere).  Raises Unsupported on other machines."""
    machine = os.uname().machine
    numbers = {"x86_64": x86_64, "aarch64": aarch64}
    if machine not in numbers:
        raise Unsupported(f"system calls of {machine} are not known", "run bpfman on x86-64 or arm64")
    return numbers[machine]
