# SPDX-License-Identifier: Apache-2.0
"""How far a download is, in one line of a terminal that is gone when the command is done.

Nothing is shown where stderr is no terminal, or for what takes less than a moment, as bytecode mostly does.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self, TextIO

_MOMENT = 0.3  # seconds before anything is shown, and a third of it between two changes
_WIDTH = 24


class Progress:
    """Called with a digest, the size in bytes, and how many have come; in `with`."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.visible = stream is not None and stream.isatty()
        self._next = time.monotonic() + _MOMENT
        self._shown = 0

    def __call__(self, digest: str, size: int, done: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _MOMENT / 3
        full = _WIDTH * done // max(size, 1)
        self._show(
            f"{digest[:19]} [{'#' * full}{'.' * (_WIDTH - full)}] {megabytes(done)} of {megabytes(size)}"
        )

    def say(self, text: str) -> None:
        """Why nothing moves, as much of it as fits into the line."""
        import shutil

        self._show(text[: shutil.get_terminal_size().columns - 1])

    def _show(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write("\r" + text.ljust(self._shown))
            self._stream.flush()
            self._shown = len(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.wipe()

    def wipe(self) -> None:
        """What comes next begins at the line's beginning."""
        if self._shown:
            self._show("")
            self._show("")


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
