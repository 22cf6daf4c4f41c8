# SPDX-License-Identifier: Apache-2.0
"""The folders are the architecture: imports go one way (.importlinter says which)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules.repository import ROOT, SOURCE

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the package in `folder`/bpfman against the repository's contracts."""
    command = [str(LINT_IMPORTS), "--no-cache", "--config", str(ROOT / ".importlinter")]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_imports_go_downwards():
    result = lint_imports(SOURCE.parent)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("model/bad", "import bpfman.bpf", "A layer imports only layers below it"),
        ("bpf/bad", "import bpfman.store", "A layer imports only layers below it"),
        ("chain/bad", "def late():\n    import bpfman.bpf.link", "A layer imports only layers below it"),
        ("unplaced/__init__", "", "A layer imports only layers below it"),
        ("bpf/bad", "from ctypes import c_int", "ctypes is used in syscalls only"),
        ("manager/bad", "import sqlite3", "sqlite3 is used in store only"),
        ("cli/bad", "import grpc", "gRPC is used in rpc and daemon only"),
        ("manager/bad", "import kubernetes.client", "Kubernetes clients are used in k8s only"),
        ("manager/bad", "from opentelemetry import sdk", "OpenTelemetry is used in telemetry only"),
    ],
)
def test_the_contracts_bite(tmp_path, module, line, contract):
    """A package of the same folders, empty but for one import that is not allowed."""
    copy = tmp_path / "bpfman"
    for folder in [SOURCE, *(path.parent for path in SOURCE.rglob("__init__.py"))]:
        (copy / folder.relative_to(SOURCE)).mkdir(exist_ok=True, parents=True)
        (copy / folder.relative_to(SOURCE) / "__init__.py").touch()
    (copy / "errors.py").touch()
    bad = copy / f"{module}.py"
    bad.parent.mkdir(exist_ok=True)
    bad.write_text(line + "\n")

    result = lint_imports(tmp_path)

    assert result.returncode == 1, result.stdout + result.stderr
    broken = re.findall(r"([^\n]+(?:\n[^\n]+)?) BROKEN", result.stdout)
    assert [text for text in broken if contract in text], result.stdout
