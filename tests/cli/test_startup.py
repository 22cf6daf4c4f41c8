# SPDX-License-Identifier: Apache-2.0
"""A command is a process: what it imports is most of what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Each of these takes a tenth of what a listing may take, or more.
HEAVY = (
    "argparse asyncio contextlib dataclasses datetime enum importlib.metadata inspect json logging pathlib re shutil "
    "signal subprocess tempfile textwrap typing urllib difflib bpfman.cli.help bpfman.cli.link bpfman.cli.map"
).split()


def imported_by(code: str) -> set[str]:
    script = f"{code}\nimport sys; print('imported:', *sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("imported:")[2].split())


@pytest.fixture(scope="module")
def before() -> set[str]:
    """What the interpreter and its environment import by themselves."""
    return imported_by("")


@pytest.mark.kernel
@pytest.mark.parametrize("line", ["program list", "link list", "program list -q --type xdp -m a=b"])
def test_listings_import_little(before, tmp_path, line):
    argv = ["--runtime-dir", str(tmp_path), *line.split()]
    loaded = imported_by(f"from bpfman.cli.main import main; assert main({argv}) == 0") - before
    assert "bpfman.manager" in loaded
    heavy = [
        name for name in HEAVY if name in loaded and not (name.endswith(".link") and line.startswith("link"))
    ]
    assert heavy == []


def test_parsing_imports_nothing_but_declarations(before):
    code = "from bpfman.cli.main import main; assert main(['program', 'list', '--attached', '--unattached']) != 0"
    parsed = imported_by("from bpfman.cli import main; import bpfman.cli.program.list") - before
    assert [name for name in HEAVY if name in parsed] == []
    assert "bpfman.manager" not in parsed
    assert "bpfman.cli.program.load" not in imported_by(code)
