# SPDX-License-Identifier: Apache-2.0
"""A program without privilege that reads a map: prints the packets and bytes of each verdict.

    examples/reader.py PIN OBJECT [USER]

PIN is the map's, which root must have made readable (see demo.py); OBJECT is the file that the map was loaded from,
whose BTF names the types: the kernel itself tells them to root only.  With USER it becomes that user first, for good.
"""

from __future__ import annotations

import codecs
import ctypes
import os
import pwd
import sys

from bpfman.bpf.btf import Btf
from bpfman.bpf.decode import Decoder
from bpfman.bpf.elf import ElfFile
from bpfman.bpf.map import Map
from bpfman.syscalls import bpf, bpf_abi

RDONLY = 1 << 3  # BPF_F_RDONLY: the right to read the pin is enough


def give_up_root(user: str) -> None:
    codecs.lookup(
        "ascii"
    )  # imports it; where Python is installed in a folder of root's, that must happen now
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)


def open_to_read(pin: str) -> Map:
    path = ctypes.create_string_buffer(os.fsencode(pin))
    attributes = bpf_abi.ObjAttr(pathname=ctypes.addressof(path), file_flags=RDONLY)
    return Map(bpf.call(bpf.OBJ_GET, attributes))


def types_of(object_file: str) -> Btf:
    with open(object_file, "rb") as file:
        elf = ElfFile.parse(file.read())
    return Btf.parse(elf.data(elf.section(".BTF")))


def main() -> None:
    pin, object_file, *user = sys.argv[1:]
    if user:
        give_up_root(user[0])
    with open_to_read(pin) as totals:
        types = types_of(object_file)
        keys = Decoder(types, totals.info.btf_key_type_id)
        values = Decoder(types, totals.info.btf_value_type_id)
        print(f"read as uid {os.getuid()}:  {'verdict':<12}{'packets':>8}{'bytes':>8}")
        for key in sorted(totals.raw_keys()):
            cpus = [values.decode(value) for value in totals.split(totals.lookup(key))]
            packets, size = (sum(cpu[field] for cpu in cpus) for field in ("packets", "bytes"))
            print(f"{'':<20}{keys.decode(key):<12}{packets:>8}{size:>8}")


if __name__ == "__main__":
    main()
