# SPDX-License-Identifier: Apache-2.0
"""`python -m soak`: put bpfman under load, say what happens, and whether all was as it must be.

Exit status: 0 when all was, 1 when something was not, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.machine import machine
from bpfman.errors import BpfmanError
from soak import at_once, clients, interfaces, lasting, page, programs, traffic
from soak.figure import Figure, Wrong
from soak.scale import SHORT
from soak.scale import lasting as lasting_minutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soak.scale import Scale

MINUTES = 4.0
INTERRUPTED = 128 + signal.SIGINT
# name -> (what it is, what does it)
LOADS: dict[str, tuple[str, Callable[[Scale, Callable[[str], None]], Iterator[Figure]]]] = {
    "clients": ("Many clients, every kind of program", clients.figures),
    "at_once": ("Many commands at once", at_once.figures),
    "programs": ("Many programs", programs.figures),
    "interfaces": ("Many interfaces", interfaces.figures),
    "traffic": ("Many members on a hook, changed while packets pass", traffic.figures),
    "lasting": ("A process that lives long", lasting.figures),
}


def main() -> int:
    args = _arguments()
    if os.geteuid() != 0:
        sys.exit("soak: must run as root")
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )  # so that everything is cleaned up
    scale, there = SHORT if args.short else lasting_minutes(args.minutes), machine()
    print(", ".join(there.values()))
    try:
        results = {name: (LOADS[name][0], _load(name, scale)) for name in args.loads or LOADS}
    except KeyboardInterrupt:
        print("\nsoak: interrupted; nothing is left behind")
        return INTERRUPTED
    if args.write:
        args.write.write_text(page.markdown(there, results))
    wrong = [f"{name}: {each.what}" for name, (_, all_) in results.items() for each in all_ if not each.right]
    print("\nWRONG:\n  " + "\n  ".join(wrong) if wrong else "\nall as it must be")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description="Put bpfman under load and see that it holds.")
    parser.add_argument("loads", nargs="*", metavar="LOAD", help=f"which: {', '.join(LOADS)} (all)")
    what = "how long the loads without an end of their own take together (%(default)g); the others take as long again"
    parser.add_argument("--minutes", type=float, default=MINUTES, help=what)
    parser.add_argument("--short", action="store_true", help="a little of everything, to see that it works")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the figures as Markdown too")
    args = parser.parse_args()
    if unknown := set(args.loads) - set(LOADS):
        parser.error(f"unknown load {', '.join(sorted(unknown))}")
    return args


def _load(name: str, scale: Scale) -> list[Figure]:
    """Its figures, each shown as it comes; what goes wrong is one of them."""
    about, act = LOADS[name]
    print(f"\n{about} (make soak ARGS={name})", flush=True)
    began, found = time.monotonic(), []

    def say(text: str) -> None:
        print(f"  {time.monotonic() - began:5.0f} s  {text}", flush=True)

    try:
        for figure in act(scale, say):
            found.append(figure)
            print(page.line(figure), flush=True)
    except (Wrong, BpfmanError) as error:
        traceback.print_exc()
        found.append(Figure(f"{type(error).__name__}: {error}", "", "nothing wrong", right=False))
    return found


if __name__ == "__main__":
    sys.exit(main())
