# SPDX-License-Identifier: Apache-2.0
"""What `pip install bpfman` puts on a machine."""

from __future__ import annotations

import re
import zipfile

import pytest

from tests.rules.repository import ROOT, run_module


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    result = run_module(
        "pip",
        "wheel",
        str(ROOT),
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--quiet",
        "-w",
        str(folder),
    )
    assert result.returncode == 0, result.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_it_is_pure(wheel):
    assert wheel.filename.endswith("-py3-none-any.whl")


def test_it_holds_the_package_its_types_and_its_licences_and_nothing_else(wheel):
    folders = {name.split("/")[0] for name in wheel.namelist()}
    assert folders == {"bpfman", "bpfman-0.1.0.dist-info"}
    assert "bpfman/py.typed" in wheel.namelist()
    assert "bpfman-0.1.0.dist-info/licenses/LICENSE" in wheel.namelist()


def test_it_brings_the_command_and_needs_few_other_packages(wheel):
    assert b"bpfman = bpfman.cli.main:main" in wheel.read("bpfman-0.1.0.dist-info/entry_points.txt")
    needed = [
        re.match(r"Requires-Dist: ([\w.-]+)", line)[1]  # type: ignore[index]
        for line in wheel.read("bpfman-0.1.0.dist-info/METADATA").decode().splitlines()
        if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]
    assert needed == ["backports-zstd", "cryptography", "pyyaml", "rfc3161-client", "urllib3"]
