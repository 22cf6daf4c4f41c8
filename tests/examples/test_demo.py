# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.rules.repository import ROOT

pytestmark = [pytest.mark.kernel, pytest.mark.network]

DEMO = [sys.executable, "examples/demo.py"]
DEADLINE = 60  # seconds; it takes two or three on an idle machine


@pytest.fixture
def environment(tmp_path):
    """The demo's temporary directory is below ours, so that what it left would be seen; open to all, for its reader."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    return {**os.environ, "TMPDIR": str(tmp_path)}


def left_behind(folder):
    namespaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    with open("/proc/self/mounts") as mounts:
        mounted = [line for line in mounts if str(folder) in line]
    return (
        [line for line in namespaces.splitlines() if line.startswith(("bpfman-client", "bpfman-server"))],
        mounted,
        os.listdir(folder),
    )


def test_it_tells_what_happens_and_leaves_nothing(environment, tmp_path):
    result = subprocess.run(
        DEMO, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    assert result.stderr == ""
    assert re.search(r"read as uid [1-9]\d+: .*\n +XDP_PASS +5 +490\n", result.stdout)
    assert re.search(r"drop_big_pings +2 +10 +drop=5 pass=5 +drop=5\n", result.stdout)
    assert re.search(r"count_packets +1 +5 +pass=5 +<none>\n", result.stdout)
    assert re.search(r"XDP_DROP +5 +5210\n +XDP_PASS +10 +980\n", result.stdout)
    assert "bpfman lists no program, link, chain or map" in result.stdout
    assert left_behind(tmp_path) == ([], [], [])


@pytest.mark.parametrize(
    "moment", ["$ bpfman program load", "$ bpfman link attach", "$ bpfman chain account on"]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(environment, tmp_path, moment, number):
    demo = subprocess.Popen(
        DEMO, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    with demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith(moment):
                break
        # As a terminal does it: to all processes of the foreground.
        os.killpg(demo.pid, number)
        _, error = demo.communicate(timeout=DEADLINE)
    assert demo.returncode == 1
    assert "everything it made is gone" in error
    assert left_behind(tmp_path) == ([], [], [])


def test_a_failure_is_told_and_leaves_nothing(environment, tmp_path):
    environment["BPFMAN_LOCK_TIMEOUT"] = "nonsense"
    result = subprocess.run(
        DEMO, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    assert result.returncode == 1
    assert "demo: `bpfman program load" in result.stderr
    assert left_behind(tmp_path) == ([], [], [])
