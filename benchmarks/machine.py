# SPDX-License-Identifier: Apache-2.0
"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import time

from benchmarks.place import in_memory


def machine() -> dict[str, str]:
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "kernel": f"{platform.release()} ({platform.machine()})",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "runtime directory": f"in {in_memory()}, a tmpfs",
        "load": f"{os.getloadavg()[0]:.1f} in the minute before",
    }


def emulated() -> bool:
    """Whether the processor is software, whose times mean nothing."""
    return "QEMU" in _processor() or "TCG" in _processor()


def _processor() -> str:
    with open("/proc/cpuinfo") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else "unknown processor"
