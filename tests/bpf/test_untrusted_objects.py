# SPDX-License-Identifier: Apache-2.0
"""That reading objects ourselves first is worth it: libbpf is handed nothing that kills it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bpfman.bpf.elf import ElfFile
from bpfman.bpf.object_summary import ObjectSummary
from bpfman.errors import ObjectError
from tests.bpf.crafted import read_object
from tests.bpf.fuzz import refusal

ROUNDS = 1500
# Which are changed how follows from the seed, so the objects are named: another one more would change all.
OBJECTS = ("core_types.o", "globals.o", "map_kinds.o", "probes.o", "two_programs.o", "types.o", "xdp_subprogs.o",
           "xdp_tailcall.o")  # fmt: skip

# Opens each file it is told the name of, and says which came through.
OPENER = """
import sys
from bpfman.syscalls import libbpf
for line in sys.stdin:
    data = open(line.strip(), "rb").read()
    with libbpf.messages():
        try:
            libbpf.call("bpf_object__close", libbpf.open_object(data, "it"))
        except OSError:
            pass
    print(line.strip(), flush=True)
"""


def mutated(source: random.Random, data: bytes) -> bytes:
    """An object with a few words changed where offsets, counts and ids are."""
    elf = ElfFile.parse(data)
    named = {".BTF", ".BTF.ext", ".symtab", ".maps", ".strtab", "license"}
    places = [(s.offset, s.size) for s in elf.sections if s.name in named or s.type == 9]
    places.append((len(data) - 64 * len(elf.sections), 64 * len(elf.sections)))
    out = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 3))):
        start, size = source.choice(places)
        at = start + source.randrange(size)
        out[at] = source.choice(
            (0, 1, 2, 4, 0x80, 0xFF, out[at] ^ 1, (out[at] + 1) & 0xFF, source.randrange(256))
        )
    return bytes(out)


@pytest.mark.parametrize("seed", [1, 2])
def test_libbpf_survives_what_we_let_through(seed, tmp_path):
    source = random.Random(seed)
    passed = []
    for number in range(ROUNDS):
        data = mutated(source, read_object(source.choice(OBJECTS)))
        if not refusal(ObjectError, ObjectSummary.parse, data):
            passed.append(tmp_path / str(number))
            passed[-1].write_bytes(data)
    assert len(passed) > ROUNDS // 10
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    opened = subprocess.run(
        [sys.executable, "-c", OPENER],
        input="\n".join(map(str, passed)),
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert opened.stdout.splitlines() == [str(path) for path in passed], opened.stderr
    assert opened.returncode == 0
