# SPDX-License-Identifier: Apache-2.0
"""`bpfman map watch`: the changes of a map, a line each, until interrupted."""

from __future__ import annotations

import time

from bpfman.cli.command import Argument, Command, Flag, UsageError
from bpfman.cli.flags import OUTPUT
from bpfman.cli.map.which import KEY, MAP, PROGRAM, TOTAL, open_map
from bpfman.errors import MapNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.bpf.map import Map
    from bpfman.cli.command import Arguments


def _interval(text: str) -> float:
    from bpfman.store.durations import parse_duration

    seconds = parse_duration(text)
    if not seconds:
        raise UsageError("the interval must be longer than 0")
    return seconds


def run(args: Arguments) -> None:
    from bpfman.cli.render.changes import change_printer

    try:
        with open_map(args) as opened:
            show = change_printer(opened, args.output, total=args.total)
            key = None if args.key is None else opened.types[0].parse(args.key)
            _watch(lambda: _entries(opened, key), args.interval, show)
    except KeyboardInterrupt:
        return  # the way to end it


def _watch(
    entries: Callable[[], dict[bytes, bytes]],
    interval: float,
    show: Callable[[bytes, bytes | None, bytes | None], None],
) -> None:
    before = entries()
    while True:
        time.sleep(interval)
        now = entries()
        for key in {**before, **now}:
            if before.get(key) != now.get(key):
                show(key, before.get(key), now.get(key))
        before = now


def _entries(opened: Map, only: bytes | None) -> dict[bytes, bytes]:
    """Raw keys and values as they are now; of one key, nothing while it is absent."""
    found = {}
    for key in opened.raw_keys() if only is None else [only]:
        try:
            found[key] = opened.lookup(key)
        except MapNotFound:
            continue
    return found


COMMAND = Command(
    run,
    arguments=[MAP, Argument(KEY.key, KEY.metavar, "Only this key.", optional=True)],
    flags=[
        Flag(
            "interval",
            "i",
            "DURATION",
            "How often to look, such as 500ms (default 1s).",
            parse=_interval,
            default=1.0,
        ),
        PROGRAM,
        TOTAL,
        OUTPUT,
    ],
    description="""\
Prints a line for each entry that is not what it was an interval before: the time, the key, the old value and the \
new one; "none" stands for an absent entry. With -o json, each line is a JSON document. Ends with Ctrl-C.""",
    examples=[
        ("See counters move", "bpfman map watch pkt_totals --total"),
        ("One key, four times a second", "bpfman map watch pkt_totals 2 --interval 250ms"),
    ],
)
