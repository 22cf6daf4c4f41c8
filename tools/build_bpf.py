# SPDX-License-Identifier: Apache-2.0
"""Compiles the BPF programs of the repository: C in, stripped objects with BTF out.

    tools/build_bpf.py            write every object and which compiler made it
    tools/build_bpf.py --check    compile into a temporary folder and name the objects that are not the same

Run by `make objects`, and by tests/rules/test_objects.py with --check.  The objects are committed, so that running
and testing bpfman needs no compiler.  `tests/bpf_src/NAME.bpf.c` becomes `tests/objects/NAME.o`; anywhere else in
FOLDERS the object lies beside its source.  A source may say how it wants to be built:

    // build: be        also for big-endian machines, as NAME.be.o
    // build: no-btf    without BTF

The bytes depend on the compiler's version, and on nothing of the machine: paths are mapped away and DWARF is
stripped.  So a check is only fair with the major version that is on record in tests/objects/COMPILER; with another,
it exits with 3 and says so.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tests" / "bpf_src"
OBJECTS = ROOT / "tests" / "objects"
COMPILER = OBJECTS / "COMPILER"
FOLDERS = (
    SOURCES,
    ROOT / "examples",
    ROOT / "src" / "bpfman" / "testing",
    ROOT / "benchmarks",
    ROOT / "soak",
)

EXIT_STALE, EXIT_OTHER_COMPILER = 1, 3


class Target(NamedTuple):
    """One object to be made."""

    source: Path
    object: Path
    endian: str  # clang's target: bpfel or bpfeb
    btf: bool


def directives(source: Path) -> set[str]:
    """What the `// build:` lines of a source ask for."""
    found = re.findall(r"^// build: (.+)$", source.read_text(), re.MULTILINE)
    asked = {word for line in found for word in line.split()}
    if unknown := asked - {"be", "no-btf"}:
        sys.exit(f"{source}: unknown build directive {', '.join(sorted(unknown))}")
    return asked


def targets() -> Iterator[Target]:
    """Every object of the repository, in order of its source's path."""
    for source in sorted(path for folder in FOLDERS for path in folder.rglob("*.bpf.c")):
        asked = directives(source)
        folder = OBJECTS if source.parent == SOURCES else source.parent
        name = source.name.removesuffix(".bpf.c")
        btf = "no-btf" not in asked
        yield Target(source, folder / f"{name}.o", "bpfel", btf)
        if "be" in asked:
            yield Target(source, folder / f"{name}.be.o", "bpfeb", btf)


def compiler_version() -> str:
    """`clang 14.0.6`, without the name of the distribution that built it."""
    try:
        said = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        sys.exit("clang is not installed; `make objects` installs it")
    match = re.search(r"clang version (\d+\.\d+\.\d+)", said)
    return f"clang {match[1]}" if match else sys.exit(f"cannot read clang's version from: {said}")


def major(version: str) -> str:
    """`clang 14` of `clang 14.0.6`."""
    return version.split(".")[0].strip()


def include_flags() -> list[str]:
    """Where the kernel's asm/ headers are: clang knows the folder of the machine, not of its BPF target."""
    multiarch = sysconfig.get_config_var("MULTIARCH")
    return ["-idirafter", f"/usr/include/{multiarch}"] if multiarch else []


def compile_to(target: Target, output: Path) -> None:
    """Compile and strip one object; the compiler's own messages go to the person."""
    command = ["clang", "-O2", "-target", target.endian, "-mcpu=v3", "-Wall", "-Werror", *include_flags()]
    if target.btf:
        command += ["-g", f"-ffile-prefix-map={ROOT}=.", "-fdebug-compilation-dir=."]
    subprocess.run([*command, "-c", str(target.source), "-o", str(output)], check=True)
    subprocess.run(["llvm-strip", "-g", str(output)], check=True)


def build() -> None:
    OBJECTS.mkdir(exist_ok=True)
    for target in targets():
        compile_to(target, target.object)
        print(target.object.relative_to(ROOT))
    COMPILER.write_text(compiler_version() + "\n")


def stale(folder: Path) -> list[Path]:
    """The objects that differ from what their source compiles to now, or are missing."""
    fresh = folder / "fresh.o"
    wrong = []
    for target in targets():
        compile_to(target, fresh)
        if not target.object.exists() or target.object.read_bytes() != fresh.read_bytes():
            wrong.append(target.object)
    return wrong


def check() -> int:
    recorded, present = COMPILER.read_text().strip(), compiler_version()
    if major(recorded) != major(present):
        print(f"the objects were made with {recorded}; {present} makes other bytes, so nothing was compared")
        return EXIT_OTHER_COMPILER
    with tempfile.TemporaryDirectory() as folder:
        wrong = stale(Path(folder))
    for path in wrong:
        print(f"{path.relative_to(ROOT)} is not what its source compiles to; run `make objects`")
    return EXIT_STALE if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="compile the repository's BPF programs")
    parser.add_argument("--check", action="store_true", help="compare with what is committed, write nothing")
    if parser.parse_args().check:
        return check()
    build()
    return 0


if __name__ == "__main__":
    sys.exit(main())
