# SPDX-License-Identifier: Apache-2.0
"""Keys and values of maps, as text and as JSON.

Text is what `bpfman map set` takes: what was printed can be typed back.
"""

from __future__ import annotations

from bpfman.cli.render.kernel_json import map_json
from bpfman.cli.render.layout import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from bpfman.bpf.map import Map


def plain(value: Any) -> Any:
    """A decoded value as JSON has it; bytes as hexadecimal text."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


def shown(value: Any) -> str:
    """A decoded value in one line of text."""
    value = plain(value)
    if isinstance(value, str) and value.isprintable() and value and value == value.strip('" '):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)


def totalled(values: Sequence[Any]) -> Any:
    """One value of the values of all CPUs: numbers are added, in structs and arrays each part by itself.  What cannot
    be added (text, bytes) is the first CPU's."""
    first = values[0]
    if isinstance(first, dict):
        return {name: totalled([value[name] for value in values]) for name in first}
    if isinstance(first, list):
        return [totalled(parts) for parts in zip(*values, strict=True)]
    return sum(values) if isinstance(first, int | float) and not isinstance(first, bool) else first


def entry_table(entries: Sequence[tuple[Any, Any]], *, per_cpu: bool) -> list[str]:
    if not per_cpu:
        return table(("KEY", "VALUE"), [(shown(key), shown(value)) for key, value in entries])
    rows = [
        (shown(key), str(cpu), shown(value)) for key, values in entries for cpu, value in enumerate(values)
    ]
    return table(("KEY", "CPU", "VALUE"), rows)


def value_lines(value: Any, *, per_cpu: bool) -> list[str]:
    if not per_cpu:
        return [shown(value)]
    return table(("CPU", "VALUE"), [(str(cpu), shown(one)) for cpu, one in enumerate(value)])


def entries_json(opened: Map, entries: Sequence[tuple[Any, Any]]) -> dict[str, object]:
    keys, values = opened.types
    about = {"key_type": keys.describe(), "value_type": values.describe(), "per_cpu": opened.per_cpu}
    return {
        "map": map_json(opened.info) | about,
        "entries": [{"key": plain(key), "value": plain(value)} for key, value in entries],
    }
