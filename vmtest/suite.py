# SPDX-License-Identifier: Apache-2.0
"""The tests, on other kernels: what `make test-vm` and .ci/run are about.

Called by the command line.  One start of pytest in each machine does all its tests, as everything is ten times slower
there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from vmtest import client, plugin, results
from vmtest.kernel import fetch
from vmtest.machine import Machine
from vmtest.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

_PYTEST = (sys.executable, "-m", "pytest", "-p", "vmtest.plugin")
# The cache and /tmp/pytest-of-root are the machine's, where other tests change them meanwhile.
_IN_GUEST = ("-p", "no:cacheprovider", "--basetemp=/run/pytest", "-q")
_CHOSEN = "--chosen-for-vm"
_TIMEOUT = 3600.0


def test_all(series: Sequence[str], arguments: Sequence[str], at_once: int) -> int:
    """The tests on each kernel, some kernels at a time, each line of output behind the kernel's name.

    Each runs in a process of its own, which a signal from the terminal reaches too.  Returns 0 when all passed.
    """
    room = threading.Semaphore(at_once)
    failed: list[str] = []

    def test_one(name: str) -> None:
        command = [sys.executable, "-u", "-m", "vmtest", "test", name, "--", *arguments]
        with (
            room,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT) as child,
        ):
            assert child.stdout is not None
            for line in child.stdout:
                print(f"{name:5}| {line.decode(errors='replace').rstrip()}", flush=True)
        if child.returncode != 0:
            failed.append(name)

    threads = [threading.Thread(target=test_one, args=(name,)) for name in series]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in failed:
        print(f"vmtest: the tests failed on {name}", file=sys.stderr)
    return 1 if failed else 0


def test(series: str, arguments: Sequence[str]) -> int:
    """The tests on one kernel: those chosen for it, and then its results are written down; or what `arguments` have
    pytest run.  Returns pytest's exit status, or 1 when the results contradict vmtest/features.py."""
    kernel = fetch(series)
    seen = ROOT / "build" / "vmtest" / f"{series}.json"
    seen.unlink(missing_ok=True)
    what = [*arguments] if arguments else [_CHOSEN, f"--features-seen={seen}", *files_with_chosen_tests()]
    # The checkout can be changed by the guest: a file there which the machine replaces is not stale in the guest.
    with Machine(kernel, writable=[ROOT]) as machine:
        print(f"{kernel.release} is up", flush=True)
        status = client.execute(
            machine.folder,
            [*_PYTEST, *_IN_GUEST, *what],
            out=_write_out,
            err=_write_out,
            env={
                **os.environ,
                "CI": "true",
            },  # a skip or a thing left behind fails, as the guest is nobody else's
            cwd=ROOT,
            timeout=_TIMEOUT,
        )
    if status == 0 and not arguments:
        return _record(series, results.read(seen))
    return status


def files_with_chosen_tests() -> list[str]:
    """The files that may hold some, by their text: the guest would take half a minute to collect the others."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(file.relative_to(ROOT)) for file in files if plugin.may_hold_chosen(file)]


def _record(series: str, seen: results.Results) -> int:
    wrong = seen.contradictions()
    for line in wrong:
        print(line)
    if not wrong:
        seen.write(results.FOLDER / f"{series}.json")
    return 1 if wrong else 0


def _write_out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
