# SPDX-License-Identifier: Apache-2.0
"""The initramfs of a guest: busybox, the modules it needs to reach the machine's files, `init.sh` and `agent.py`.

Called by `machine.py`.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vmtest.cpio import Archive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmtest.kernel import Kernel

_HERE = Path(__file__).resolve().parent
_FOLDERS = ("bin", "dev", "proc", "modules", "lower", "rw", "new")
_APPLETS = ("sh", "mount", "umount", "mkdir", "ln", "insmod", "switch_root", "hostname", "ifconfig")
_MODULES = ("virtio_pci", "virtio_console", "virtiofs", "overlay")


def build(kernel: Kernel, writable: Sequence[Path]) -> bytes:
    """The archive, uncompressed.  `writable` are the folders that the guest may change."""
    modules = kernel.files_of(_MODULES)
    archive = Archive()
    for folder in _FOLDERS:
        archive.folder(folder)
    archive.file("bin/busybox", Path(shutil.which("busybox") or "/bin/busybox").read_bytes(), 0o755)
    for applet in _APPLETS:
        archive.link(f"bin/{applet}", "busybox")
    for module in modules:
        archive.file(f"modules/{module.name}", module.read_bytes())
    archive.file("agent", (_HERE / "agent.py").read_bytes())
    archive.file("init", (_HERE / "init.sh").read_bytes(), 0o755)
    archive.file("settings", settings(kernel, modules, writable).encode())
    return archive.data()


def settings(kernel: Kernel, modules: Sequence[Path], writable: Sequence[Path]) -> str:
    """What `init.sh` is to know, as shell."""
    shares = [f'    "$1" {shlex.quote(str(folder))}' for folder in writable]
    return "\n".join(
        (
            f"MODULES={shlex.quote(' '.join(module.name for module in modules))}",
            f"KERNEL={shlex.quote(str(kernel.folder))}",
            f"RELEASE={shlex.quote(kernel.release)}",
            f"PYTHON={shlex.quote(sys.executable)}",
            "share() {",
            "    :",
            *shares,
            "}\n",
        )
    )
