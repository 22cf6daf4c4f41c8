# SPDX-License-Identifier: Apache-2.0
"""A descriptor that belongs to an object: closed at the end of `with`, or when its owner is closed.

The base of programs, maps and links.  A descriptor that is forgotten fails the test run.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Descriptor:
    """Owns `fd`.  Closing twice is harmless; using it after closing raises OSError (EBADF) from the kernel."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
