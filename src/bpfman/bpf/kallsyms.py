# SPDX-License-Identifier: Apache-2.0
"""The names of the functions of the running kernel and its modules, from /proc/kallsyms.

Read to explain a failure and to expand patterns: 100,000 lines take some 50 ms.
"""

from __future__ import annotations

HINT = "/proc/kallsyms lists the functions of this kernel and its modules"


def functions() -> set[str]:
    """The functions' names; none where /proc/kallsyms cannot be read."""
    try:
        with open("/proc/kallsyms", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return set()
    # ADDRESS TYPE NAME [MODULE]: the type of functions is t, T, w or W
    return {fields[2] for line in lines if (fields := line.split(None, 3)) and fields[1] in "tTwW"}
