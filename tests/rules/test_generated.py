# SPDX-License-Identifier: Apache-2.0
"""What is made from something else is committed, and is what it would be if it were made now."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from tests.rules.repository import run
from tools import build_bpf


def test_generated_files_are_fresh():
    result = run(sys.executable, "tools/generate.py", "--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_bpf_source_has_its_objects_and_every_object_its_source():
    committed = {path for folder in build_bpf.FOLDERS for path in folder.rglob("*.o")}
    committed |= set(build_bpf.OBJECTS.glob("*.o"))
    assert committed == {target.object for target in build_bpf.targets()}


def test_bpf_objects_are_what_their_sources_compile_to():
    if not shutil.which("clang") or not shutil.which("llvm-strip"):
        pytest.skip("clang and llvm-strip are not installed (`make objects` installs them)")
    result = run(sys.executable, "tools/build_bpf.py", "--check")
    if result.returncode == build_bpf.EXIT_OTHER_COMPILER and os.environ.get("CI") != "true":
        pytest.skip(result.stdout.strip())
    assert result.returncode == 0, result.stdout + result.stderr
