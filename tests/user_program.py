# SPDX-License-Identifier: Apache-2.0
"""Programs that tests of uprobes watch: compiled from `tests/programs/`, run, and told how often to call a function."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent / "programs"


def build(made: Path, *sources: str, compiler: str = "gcc", flags: tuple[str, ...] = ()) -> Path:
    """Compile `sources` of tests/programs into `made`."""
    made.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-O1", "-o", str(made), *(str(SOURCES / each) for each in sources), *flags]
    subprocess.run(command, check=True)
    return made


def library(made: Path, *flags: str, compiler: str = "gcc") -> Path:
    return build(
        made, "work.c", compiler=compiler, flags=("-shared", "-fPIC", f"-Wl,-soname,{made.name}", *flags)
    )


def objcopy(*arguments: str | Path) -> None:
    subprocess.run(["objcopy", *map(str, arguments)], check=True)


class Worker:
    """A program of ours that runs; `command` may start it in a container."""

    def __init__(self, *command: str | Path, **options: object) -> None:
        self.process = subprocess.Popen(
            [str(each) for each in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            **options,  # type: ignore[call-overload]
        )
        self._expect("ready")

    @property
    def pid(self) -> int:
        """Its number on the host, also of a program that `unshare --fork` runs in a container."""
        pid: int = self.process.pid
        while os.path.basename(os.readlink(f"/proc/{pid}/exe")) in ("unshare", "busybox", "dash"):
            [pid] = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return pid

    def call(self, times: int) -> None:
        """Have it call its function, and wait until it has."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{times}\n")
        self._expect("done")

    def _expect(self, word: str) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == f"{word}\n", f"{self.process.args} said {line!r}"

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Container:
    """A root directory of its own, with what a program needs to run there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("proc", "old", "etc"):
            (root / folder).mkdir(parents=True)

    def run(self, program: str, *, overlay: bool = False) -> Worker:
        """Run a program of the root with mounts, PIDs and root of its own; with `overlay`, on an overlay of the root,
        as containers have it."""
        mounting = (
            "mount -t tmpfs upper {root}/old && mkdir {root}/old/u {root}/old/w && mount -t overlay -o "
            "lowerdir={root},upperdir={root}/old/u,workdir={root}/old/w overlay {root}"
            if overlay
            else "mount --bind {root} {root}"
        ).format(root=self.root)
        mounting += f" && mount -t proc proc {self.root}/proc"
        script = f"{mounting} && cd {self.root} && pivot_root . old && exec {program}"
        return Worker("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script)
