# SPDX-License-Identifier: Apache-2.0
"""What init is told survives whatever folders are called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vmtest.initramfs import settings
from vmtest.kernel import Kernel


@pytest.mark.parametrize("name", ["plain", "with a blank", "it's", "$HOME", "new\nline"])
def test_the_shell_reads_what_was_meant(tmp_path, name):
    kernel = Kernel(tmp_path / name)
    (kernel.folder / "lib" / "modules" / "6.1.0").mkdir(parents=True)
    shares = [Path("/somewhere") / name, Path("/elsewhere")]
    (tmp_path / "settings").write_text(settings(kernel, [Path("a/virtio.ko"), Path("b/overlay.ko")], shares))
    script = """
        . ./settings
        show() { printf "%s\\0" "$1"; }
        for each in "$MODULES" "$KERNEL" "$RELEASE" "$PYTHON"; do show "$each"; done
        share show
    """
    told = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    modules, folder, release, python, *shared = told.removesuffix("\0").split("\0")
    assert (modules, folder, release, python) == (
        "virtio.ko overlay.ko",
        str(kernel.folder),
        "6.1.0",
        sys.executable,
    )
    assert shared == [str(path) for path in shares]


def test_without_shares_there_is_nothing_to_share(tmp_path):
    kernel = Kernel(tmp_path)
    (kernel.folder / "lib" / "modules" / "6.1.0").mkdir(parents=True)
    script = settings(kernel, [], []) + "share false"
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0
