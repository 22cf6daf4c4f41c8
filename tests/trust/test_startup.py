# SPDX-License-Identifier: Apache-2.0
"""What was verified once is loaded again without what verifies, and without the network."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.trust.authority import IDENTITY, ISSUER

pytestmark = pytest.mark.kernel

_SCRIPT = """\
import sys
from bpfman.cli.main import main
status = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(status)
"""
COSTLY = ("cryptography", "rfc3161_client", "_ssl", "urllib3", "yaml", "http.client")


def loading(node, image: str) -> set[str]:
    """The modules that one command imports."""
    where = ("--runtime-dir", node.manager.layout.runtime_dir, "--image-cache-dir", str(node.cache))
    words = ("program", "load", "image", image, "--programs", "xdp:xdp_stats", "--config", str(node.config))
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *words, *where],
        env={**os.environ, **node.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_a_cached_image_costs_no_import_of_what_verifies(scene, node):
    scene.bundle(scene.entry())
    node.believe(scene.root, IDENTITY, ISSUER)
    assert set(COSTLY) & loading(node, scene.name)
    assert not set(COSTLY) & loading(node, scene.name)
    assert [event.cached for event in node.events()] == [False, True]


def test_nor_with_a_policy_json(scene, node):
    node.require(scene.name, {"type": "insecureAcceptAnything"})
    loading(node, scene.name)
    assert not set(COSTLY) & loading(node, scene.name)
