# SPDX-License-Identifier: Apache-2.0
"""The table as text for a terminal, as Markdown for the documentation, as JSON for a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchmarks.row import Row

HEAD = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by `python -m benchmarks --write docs/benchmarks.md`; do not edit. -->
# Benchmarks

As measured by `make bench ARGS='--write docs/benchmarks.md'`. Figures in x are ratios and hold on other machines;
the others are this machine's. No test asserts them; a row outside its target says MISSED.

Attaching to XDP has a part that is not bpfman's: on x86-64, from Linux 6.2 on, the kernel ends each change of what an
XDP hook runs by waiting until no processor can be in the program before (`synchronize_rcu` in
`kernel/bpf/dispatcher.c`). That takes two or more ticks, so 8 ms and more on a kernel that ticks 250 times a second.
Packets do not wait: the new program runs before the wait begins. `link attach xdp` and "attach ... as member" include
it; what is left is told beside them. TCX, raw tracepoints and uprobes wait alike when they are attached.

So has detaching a probe: the kernel waits for whoever may still run the program (`perf_event_detach_bpf_prog`,
`uprobe_unregister_sync`), which takes some tens of milliseconds, about 100 for a uprobe. The program runs for nobody
new by then, and other changes do not wait.
"""


def repeat(group: str) -> str:
    return f"make bench ARGS={group}"


def line(row: Row) -> str:
    """A row as text; complete by itself, so that it can be shown as soon as it is measured."""
    return f"  {row.what:<72} {row.figure:>12}  {row.goal:<10} {row.verdict:<6}  {row.how}".rstrip()


def markdown(machine: Mapping[str, str], groups: Mapping[str, tuple[str, Iterable[Row]]]) -> str:
    """`groups`: name -> (what it is about, rows)."""
    parts = [HEAD, "".join(f"- {name}: {value}\n" for name, value in machine.items())]
    for group, (about, rows) in groups.items():
        head = f"## {about}\n\nAgain: `{repeat(group)}`\n\n| | measured | target | | how |\n|---|---:|---|---|---|\n"
        parts.append(head + "".join(_cells(row) for row in rows))
    return "\n".join(parts)


def _cells(row: Row) -> str:
    return f"| {row.what} | {row.figure} | {row.goal} | {row.verdict} | {row.how} |\n"


def as_json(machine: Mapping[str, str], groups: Mapping[str, tuple[str, Iterable[Row]]]) -> str:
    rows = [
        {"group": group, **row._asdict(), "missed": row.missed, "command": repeat(group)}
        for group, (_, rows) in groups.items()
        for row in rows
    ]
    return json.dumps({"machine": dict(machine), "rows": rows}, indent=2, ensure_ascii=False)
