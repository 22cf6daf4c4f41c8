# SPDX-License-Identifier: Apache-2.0
"""Everything that reaches stdout goes through here, so that a full disk or a closed pipe is told as what it is.

Bytes are written, not text: paths and names may hold bytes that are no UTF-8, and the locale is not asked.
"""

from __future__ import annotations

import os
import sys

from bpfman.errors import BpfmanError


class OutputClosed(Exception):
    """Whoever read stdout has gone (`| head`): there is nobody to tell."""


def emit(text: str) -> None:
    """Write text to stdout, now."""
    data = text.encode("utf-8", "surrogateescape")  # what argv and the file system gave, byte for byte
    try:
        if sys.stdout is None:
            raise BpfmanError("cannot write the output: stdout is closed")
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        raise OutputClosed from None
    except OSError as error:
        _forget_stdout()
        raise BpfmanError(f"cannot write the output: {error.strerror}") from None


def emit_lines(rows: list[str]) -> None:
    """One line each; nothing at all for none."""
    if rows:
        emit("\n".join(rows) + "\n")


def emit_json(value: object) -> None:
    """One JSON document: two spaces of indentation, one newline at its end."""
    emit(_json_text(value, indent=2))


def emit_json_line(value: object) -> None:
    """One JSON document in a line of its own, for streams of them."""
    emit(_json_text(value, indent=None))


def _json_text(value: object, indent: int | None) -> str:
    import json

    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # A file name that is no UTF-8 has no place in JSON: U+FFFD stands for its bytes, as in Go's encoder.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") + "\n"


def _forget_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's own flush at exit does not fail a second time."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
