# SPDX-License-Identifier: Apache-2.0
"""Changes of a map's entries, a line each, for `bpfman map watch`."""

from __future__ import annotations

import time

from bpfman.cli.output import emit_json_line, emit_lines
from bpfman.cli.render.entries import plain, shown, totalled
from bpfman.cli.render.times import rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bpfman.bpf.map import Map


def change_printer(
    opened: Map, output: str, *, total: bool
) -> Callable[[bytes, bytes | None, bytes | None], None]:
    """A function that prints one change: key, old and new value as they lie in memory, None for an absent one."""

    def value_of(data: bytes | None) -> Any:
        if data is None:
            return None
        value = opened.decode_value(data)
        return totalled(value) if total and opened.per_cpu else value

    def show(key: bytes, old: bytes | None, new: bytes | None) -> None:
        change = (opened.types[0].decode(key), value_of(old), value_of(new))
        if output == "json":
            emit_json_line(
                {"time": _now(), **dict(zip(("key", "old", "new"), map(plain, change), strict=True))}
            )
        else:
            key_text, old_text, new_text = map(_text, change)
            emit_lines([f"{_now()}  {key_text}: {old_text} -> {new_text}"])

    return show


def _now() -> str:
    return rfc3339(int(time.time()))


def _text(value: Any) -> str:
    return "none" if value is None else shown(value)
