# SPDX-License-Identifier: Apache-2.0
"""A program without privilege that reads a map: prints the packets and bytes of each verdict.

    examples/reader.py PIN OBJECT [USER]

PIN is the map's, which root must have made readable (see demo.py); OBJECT is the file that the map was loaded from,
whose BTF names the types: the kernel itself tells them to root only.  With USER it becomes that user first, for good.
"""

from __future__ import annotations

import importlib
import os
import pwd
import sys

import bpfman

# Imported when first used, which is too late for us where Python is installed in a folder that only root may enter.
NEEDED = ("bpfman.bpf.map", "bpfman.bpf.btf", "bpfman.bpf.decode", "bpfman.bpf.elf", "encodings.ascii")


def give_up_root(user: str) -> None:
    for module in NEEDED:
        importlib.import_module(module)
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)


def main() -> None:
    pin, object_file, *user = sys.argv[1:]
    if user:
        give_up_root(user[0])
    with bpfman.Map.pinned(pin, types_from=object_file) as totals:
        print(f"read as uid {os.getuid()}:  {'verdict':<12}{'packets':>8}{'bytes':>8}")
        for verdict, cpus in sorted(totals.items()):
            packets, size = (sum(cpu[field] for cpu in cpus) for field in ("packets", "bytes"))
            print(f"{'':<20}{verdict:<12}{packets:>8}{size:>8}")


if __name__ == "__main__":
    main()
