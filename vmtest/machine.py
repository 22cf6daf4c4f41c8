# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with a kernel of our choice and this machine's files.

with Machine(fetch("6.12"), writable=[folder]) as machine:
    print(machine.run(["bpftool", "prog"]).stdout)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
from typing import IO, TYPE_CHECKING

from vmtest import client, initramfs, qemu
from vmtest.errors import MachineError
from vmtest.settings import MEMORY, RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any, Self

    from vmtest.kernel import Kernel

_BOOT_TIMEOUT = 300.0  # seconds; it takes five on an idle machine
_POWER_OFF_TIMEOUT = 5.0


class Machine:
    """Lives as long as the `with` block, and no longer than this process: its children end with it."""

    def __init__(
        self, kernel: Kernel, *, name: str = "", writable: Sequence[Path] = (), memory: int = MEMORY
    ) -> None:
        self.kernel, self.memory = kernel, memory
        self.writable = [folder.resolve() for folder in writable]
        self.folder = folder_of(name or f"{os.getpid()}-{os.urandom(4).hex()}")
        self._children: list[subprocess.Popen[bytes]] = []  # QEMU last
        self._lock: IO[str] | None = None
        self._up = False

    def __enter__(self) -> Self:
        self._lock = self._take_folder()
        try:
            self._boot()
            client.execute(self.folder, ["true"], out=_nothing, err=_nothing, timeout=_BOOT_TIMEOUT)
        except BaseException:
            self._end()
            raise
        self._up = True
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, args: Sequence[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Like subprocess.run(capture_output=True); `options` are those of client.execute()."""
        out, err = bytearray(), bytearray()
        status = client.execute(self.folder, args, out=out.extend, err=err.extend, **options)
        return subprocess.CompletedProcess(args, status, bytes(out), bytes(err))

    def wait(self, timeout: float) -> None:
        """Until the machine has ended by itself.  Raises subprocess.TimeoutExpired."""
        self._children[-1].wait(timeout)

    def _take_folder(self) -> IO[str]:
        """Make the folder ours; what is in it is of a machine whose owner was killed.  The lock's file holds the
        owner's process id, for `background.stop`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = open(self.folder / "lock", "a+")  # noqa: SIM115 - held until the machine ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise MachineError(f"a machine named {self.folder.name} is running") from None
        for leftover in self.folder.iterdir():
            if leftover.name != "lock":
                leftover.unlink()
        lock.truncate(0)
        print(os.getpid(), file=lock, flush=True)
        return lock

    def _boot(self) -> None:
        (self.folder / "initramfs").write_bytes(initramfs.build(self.kernel, self.writable))
        root = self._listen("root")
        self._spawn(qemu.virtiofsd(root), [root])
        ports = [self._listen(f"port{number}") for number in range(client.PORTS)]
        self._spawn(qemu.qemu(self.kernel, self.folder, ports, self.memory), ports)

    def _listen(self, name: str) -> int:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / name))
            listener.listen()
            return listener.detach()

    def _spawn(self, command: list[str], fds: Sequence[int]) -> None:
        """Start a child and give it `fds`.  No terminal's signal reaches it, and it ends with this process."""
        command = ["setpriv", "--pdeathsig", "KILL", *command]
        with open(self.folder / "log", "ab") as log:
            self._children.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=fds,
                    start_new_session=True,
                )
            )
        for fd in fds:
            os.close(fd)

    def _end(self) -> None:
        if self._up:
            with contextlib.suppress(MachineError, OSError):
                client.power_off(self.folder)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(_POWER_OFF_TIMEOUT)
        for child in reversed(self._children):
            child.kill()
            child.wait()
        self._up = False
        shutil.rmtree(self.folder)
        if self._lock is not None:
            self._lock.close()


def folder_of(name: str) -> Path:
    """Where the machine of that name has its sockets."""
    return RUNNING / name


def _nothing(_: bytes) -> None:
    pass
