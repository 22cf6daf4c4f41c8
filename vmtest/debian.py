# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel packages, found and downloaded with apt, never installed.

Called by `kernel.py`.  Asks the suites that the machine is set up for, then others of the same mirror, whose package
lists it keeps in a folder of its own: nothing of the machine's apt changes.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from vmtest.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: The newest kernel there is, whatever its number.
NEWEST = "sid"

_SUITES = {
    "5.10": ("bullseye",),
    "6.1": ("bookworm",),
    "6.12": ("bookworm-backports", "trixie"),
    NEWEST: ("sid",),
}
_OTHER_SUITES = ("trixie-backports", "sid")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Apt:
    """apt as the machine has it, or one that knows only `suite`; works in `folder` and leaves its files there.

    A command that fails raises subprocess.CalledProcessError.
    """

    def __init__(self, folder: Path, suite: str | None = None) -> None:
        self.folder = folder
        self._configuration = folder / "apt.conf"
        self._configuration.write_text('APT::Sandbox::User "root";\n')
        if suite is not None:
            self._narrow_to(suite)

    def run(self, *command: str) -> str:
        environment = {**os.environ, "APT_CONFIG": str(self._configuration)}
        return subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, cwd=self.folder, env=environment
        ).stdout

    def newest(self, series: str) -> str | None:
        """The release ("6.1.0-32-cloud-amd64") of the newest kernel of `series` that apt knows."""
        names = self.run("apt-cache", "pkgnames", "linux-image-").split()
        return newest_release(names, series)

    def download(self, release: str) -> list[Path]:
        """The packages of a kernel.  From 7.0 on linux-image- only depends on those with the parts."""
        depends = self.run("apt-cache", "depends", f"linux-image-{release}")
        parts = re.findall(rf"linux-(?:base|binary|modules)-{re.escape(release)}$", depends, re.MULTILINE)
        self.run("apt-get", "-qq", "download", f"linux-image-{release}", *parts)
        return sorted(self.folder.glob("*.deb"))

    def _narrow_to(self, suite: str) -> None:
        mirror = self._mirror()
        sources = self.folder / "sources.list"
        sources.write_text(f"deb [signed-by={_KEYRING}] {mirror} {suite} main\n")
        with self._configuration.open("a") as file:
            file.write(
                f'Dir::State "{self.folder}"; Dir::State::status "/dev/null"; Dir::Cache "{self.folder}";\n'
                f'Dir::Etc::SourceList "{sources}"; Dir::Etc::SourceParts "/dev/null";\n'
            )
        self.run("apt-get", "-qq", "update")

    def _mirror(self) -> str:
        targets = self.run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)")
        # Before the machine's first `apt-get update` nothing has an origin; security and updates have other paths.
        mirror = re.search(r"^(?:Debian)? *(\S+/debian/)$", targets, re.MULTILINE)
        if mirror is None:
            raise MachineError("apt has no Debian mirror to fetch kernels from")
        return mirror[1]


def suites(series: str) -> tuple[str | None, ...]:
    """The suites to ask for a series, in order; None stands for those that the machine is set up for."""
    if series == NEWEST:
        return _SUITES[NEWEST]
    return (None, *_SUITES.get(series, _OTHER_SUITES))


def newest_release(packages: Iterable[str], series: str) -> str | None:
    """Of package names, the newest release of a series; only of the kernels for cloud machines, which have what QEMU
    shows them and no drivers for real devices, and are a tenth of the others' size."""
    numbers = r"\d+\.\d+" if series == NEWEST else re.escape(series)
    pattern = re.compile(rf"linux-image-({numbers}[.+-][^a-z]*(?:deb[0-9.]+)?-cloud-amd64)")
    releases = [match[1] for match in map(pattern.fullmatch, packages) if match]
    return max(releases, key=_numbers, default=None)


def _numbers(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)]
