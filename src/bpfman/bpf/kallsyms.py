# SPDX-License-Identifier: Apache-2.0
"""The functions of the running kernel and its modules, from /proc/kallsyms.

Read to explain a failure, to expand patterns and to check an offset: 100,000 lines take some 50 ms.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LISTS = "/proc/kallsyms lists the functions of this kernel and its modules"
_PADDING = ("__pfx_", "__cfi_")  # the room that compilers leave before functions
_PATH = "/proc/kallsyms"
_FUNCTIONS = "tTwW"  # the types of functions


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


def sizes(function: str) -> list[int]:
    """How many bytes the functions of that name (of one module, for `module:name`) have, up to the next symbol; none
    where the kernel does not tell addresses, or nothing comes behind."""
    module, _, name = function.rpartition(":")
    lines = [line.split() for line in _text()]
    found = []
    for start, kind, symbol, *where in lines:
        if symbol == name and kind in _FUNCTIONS and (not module or where == [f"[{module}]"]):
            at = int(start, 16)
            behind = [int(each[0], 16) for each in lines if each[3:] == where and each[0] > start]
            if at and behind:
                found.append(min(behind) - at)
    return found


def hint(function: str) -> str:
    """What to do about a function that is not there."""
    module = _exporting(function)
    how = f"`modprobe {module}`" if module else "`modprobe MODULE`"
    return f"{_LISTS}; a function of a module is there while the module is loaded: {how}"


def _lines() -> Iterator[tuple[str, str]]:
    """(name, [module]) of each function."""
    for line in _text():
        fields = line.split(None, 3)
        if len(fields) > 2 and fields[1] in _FUNCTIONS and not fields[2].startswith(_PADDING):
            yield fields[2], fields[3] if len(fields) > 3 else ""


def _text() -> list[str]:
    """The lines, ADDRESS TYPE NAME [MODULE] each."""
    try:
        with open(_PATH, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


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
