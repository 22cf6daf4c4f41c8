# SPDX-License-Identifier: Apache-2.0
"""A kernel to boot: an image and its modules, unpacked into the cache once.

Called by `machine.py` and the command line.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vmtest import debian, image
from vmtest.errors import MachineError
from vmtest.settings import CACHE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Kernel(NamedTuple):
    """An unpacked kernel: `folder` holds vmlinux and lib/modules/RELEASE."""

    folder: Path

    @property
    def image(self) -> Path:
        return self.folder / "vmlinux"

    @property
    def modules(self) -> Path:
        return next((self.folder / "lib" / "modules").iterdir())

    @property
    def release(self) -> str:
        """What `uname -r` says in it."""
        return self.modules.name

    def files_of(self, names: Iterable[str]) -> list[Path]:
        """The files of modules and of those they need, in an order to load them; none for what is built in."""
        lines = (line.split(":") for line in (self.modules / "modules.dep").read_text().splitlines())
        needs = {Path(file).stem: [*reversed(others.split()), file] for file, others in lines}
        files = [file for name in names for file in needs.get(name, [])]
        return [self.modules / file for file in dict.fromkeys(files)]


def fetch(series: str, refresh: bool = False) -> Kernel:
    """The kernel of a series, from the cache, or from apt when it is not there or `refresh` wants the newest."""
    kernel = Kernel(CACHE / series)
    with _locked_cache():
        if refresh or not kernel.folder.exists():
            _download(series, kernel.folder)
    return kernel


@contextlib.contextmanager
def _locked_cache() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(series: str, folder: Path) -> None:
    # A suite without the series, or lists older than the mirror's packages: the next suite may do.
    for suite in debian.suites(series):
        with (
            tempfile.TemporaryDirectory(dir=CACHE) as name,
            contextlib.suppress(subprocess.CalledProcessError),
        ):
            apt = debian.Apt(Path(name), suite)
            if release := apt.newest(series):
                made = _unpack(apt.download(release), release, Path(name))
                shutil.rmtree(folder, ignore_errors=True)
                made.rename(folder)
                return
    raise MachineError(f"no package of a {series} kernel could be had from Debian's suites")


def _unpack(packages: Iterable[Path], release: str, work: Path) -> Path:
    for package in packages:
        subprocess.run(["dpkg", "-x", package, work / "packages"], check=True)
    made = work / "made"
    modules = made / "lib" / "modules" / release
    modules.parent.mkdir(parents=True)
    next((work / "packages").glob(f"**/lib/modules/{release}")).rename(modules)
    packed = next(
        path for path in (work / f"packages/boot/vmlinuz-{release}", modules / "vmlinuz") if path.exists()
    )
    (made / "vmlinux").write_bytes(image.elf_of(packed.read_bytes()))
    # Here, as busybox's insmod cannot and the guest would be slow at it.
    subprocess.run(["find", modules, "-name", "*.ko.xz", "-exec", "xz", "-d", "{}", "+"], check=True)
    subprocess.run(["depmod", "-b", made, release], check=True)
    return made
