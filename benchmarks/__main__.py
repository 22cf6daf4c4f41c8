# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks`: measure, show each figure as it comes, and write the table where it is wanted."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks import commands, images, kinds, listings, operations, packets, table, trust
from benchmarks.machine import machine
from benchmarks.row import Row

# name -> (what it is about, what measures it, rounds of each measurement)
GROUPS = {
    "commands": ("Commands, as whole processes", commands.rows, 40),
    "operations": ("Operations, in process", operations.rows, 40),
    "kinds": ("Attaching and detaching each kind, in process", kinds.rows, 40),
    "packets": ("Packets", packets.rows, 15),
    "images": ("Images", images.rows, 40),
    "trust": ("Trust in images", trust.rows, 40),
    "listings": ("Looking, on small and large hosts", listings.rows, 40),
}


def main() -> int:
    args = _arguments()
    if os.geteuid() != 0:
        sys.exit("benchmarks: must run as root")
    there = machine()
    print(", ".join(there.values()))
    results = {}
    for name in args.groups or GROUPS:
        about, rows, rounds = GROUPS[name]
        print(f"\n{about} ({table.repeat(name)})")
        results[name] = about, _shown(rows(3 if args.quick else rounds))
    if args.write:
        args.write.write_text(table.markdown(there, results))
    if args.json:
        args.json.write_text(table.as_json(there, results) + "\n")
    missed = sum(row.missed for _, rows in results.values() for row in rows)
    print(f"\n{missed} outside their target" if missed else "\nall within their targets")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure bpfman's speed and memory.")
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"what to measure: {', '.join(GROUPS)} (all)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table as Markdown too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it as JSON too")
    parser.add_argument(
        "--quick", action="store_true", help="few rounds: to see that it runs, not what it costs"
    )
    args = parser.parse_args()
    if unknown := set(args.groups) - set(GROUPS):
        parser.error(f"unknown group {', '.join(sorted(unknown))}")
    return args


def _shown(rows) -> list[Row]:
    shown = []
    for row in rows:
        print(table.line(row), flush=True)
        shown.append(row)
    return shown


if __name__ == "__main__":
    sys.exit(main())
