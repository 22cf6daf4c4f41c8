# SPDX-License-Identifier: Apache-2.0
"""What a person can set by environment variables, and where things lie."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Unpacked kernels, a folder for each series.
CACHE = Path(os.environ.get("VMTEST_CACHE") or Path.home() / ".cache" / "bpfman-vmtest")

#: A folder for each virtual machine that runs: its sockets, logs and locks.  Short, as sockets' paths are limited.
RUNNING = Path(os.environ.get("VMTEST_RUN") or f"/tmp/bpfman-vmtest-{os.getuid()}")

#: QEMU's accelerator.  Emulation (tcg) works everywhere and is some ten times slower than the machine; kvm is for
#: those who know that theirs works, as a /dev/kvm alone does not say so.
ACCELERATOR = os.environ.get("VMTEST_ACCEL") or "tcg"

#: MiB of memory of a virtual machine.
MEMORY = 2048
