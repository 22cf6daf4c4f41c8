# SPDX-License-Identifier: Apache-2.0
"""`bpfman version`: which bpfman this is, for a bug report.

The version is the installed package's.  In a checkout of the sources git says which commit it is; elsewhere nothing
does, and nothing is made up.
"""

from __future__ import annotations

import os

from bpfman.cli.command import Command
from bpfman.cli.output import emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments

_UNKNOWN = "unknown"


def run(args: Arguments) -> None:
    import platform

    fields = {
        "Version": _version(),
        **_git(),
        "Python version": platform.python_version(),
        "Platform": f"{platform.system().lower()}/{platform.machine()}",
    }
    width = max(map(len, fields)) + 1
    emit_lines([f"{label + ':':<{width}} {value}" for label, value in fields.items()])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bpfman")
    except PackageNotFoundError:
        return "(devel)"


def _git() -> dict[str, str]:
    commit = _ask_git("rev-parse", "HEAD")
    state = _UNKNOWN if commit == _UNKNOWN else "dirty" if _ask_git("status", "--porcelain") else "clean"
    return {
        "Git commit": commit,
        "Git branch": _ask_git("rev-parse", "--abbrev-ref", "HEAD"),
        "Git state": state,
        "Build date": _UNKNOWN,
    }


def _ask_git(*words: str) -> str:
    """What git says of the sources that this module is part of; unknown outside a checkout."""
    import subprocess

    sources = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    if not os.path.exists(os.path.join(sources, ".git")):
        return _UNKNOWN
    try:
        done = subprocess.run(["git", "-C", sources, *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return _UNKNOWN
    return done.stdout.strip()


COMMAND = Command(
    run,
    description="Prints the version, what it was built from, and what it runs on.",
    examples=[("Which bpfman is this?", "bpfman version")],
    needs_root=False,
)
