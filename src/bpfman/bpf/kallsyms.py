# SPDX-License-Identifier: Apache-2.0
"""The names of the functions of the running kernel and its modules, from /proc/kallsyms.

Read to explain a failure and to expand patterns: 100,000 lines take some 50 ms.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LISTS = "/proc/kallsyms lists the functions of this kernel and its modules"
_PADDING = ("__pfx_", "__cfi_")  # the room that compilers leave before functions


def functions() -> set[str]:
    """The functions' names; none where /proc/kallsyms cannot be read."""
    return {name for name, _ in _lines()}


def missing(names: Iterable[str]) -> set[str]:
    """Those that are there no longer; none where nobody can tell."""
    known = functions()
    return {name for name in names if known and name.rpartition(":")[2] not in known}


def modules_with(function: str) -> list[str]:
    """Where there is a function of that name, a word each: `vmlinux` is the kernel itself."""
    return [module.strip("[]") or "vmlinux" for name, module in _lines() if name == function]


def hint(function: str) -> str:
    """What to do about a function that is not there."""
    module = _exporting(function)
    how = f"`modprobe {module}`" if module else "`modprobe MODULE`"
    return f"{_LISTS}; a function of a module is there while the module is loaded: {how}"


def _lines() -> Iterator[tuple[str, str]]:
    """(name, [module]) of each function."""
    try:
        with open("/proc/kallsyms", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        # ADDRESS TYPE NAME [MODULE]: the type of functions is t, T, w or W
        fields = line.split(None, 3)
        if len(fields) > 2 and fields[1] in "tTwW" and not fields[2].startswith(_PADDING):
            yield fields[2], fields[3] if len(fields) > 3 else ""


def _exporting(function: str) -> str:
    """The module that is known to have it: depmod lists the functions that modules offer to others."""
    wanted = f"alias symbol:{function} "
    try:
        with open(
            f"/lib/modules/{os.uname().release}/modules.symbols", encoding="ascii", errors="replace"
        ) as file:
            return next((line[len(wanted) :].strip() for line in file if line.startswith(wanted)), "")
    except OSError:
        return ""
