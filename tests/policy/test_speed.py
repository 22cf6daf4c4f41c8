# SPDX-License-Identifier: Apache-2.0
"""A cached image is loaded by what was decided before, and that costs next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from bpfman.images.transport.location import parse_location
from bpfman.manager.configuration import read_config
from bpfman.manager.trust import machine_rules
from tests.policy.test_trusting import KEYS, Machine
from tests.trust.authority import IDENTITY, ISSUER

RULES = f"""{KEYS}
trusted_root = "{{}}/root.json"
[[signing.trusted_identities]]
certificate_identity = "{IDENTITY}"
certificate_oidc_issuer = "{ISSUER}"
[[signing.scopes]]
scope = "<host>/acme"
forbid = ["write-user-memory"]
"""
SCRIPT = """\
import sys
from bpfman.cli.main import main
status = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(status)
"""
HEAVY = {"ssl", "_ssl", "_hashlib", "cryptography", "rfc3161_client", "sigstore", "urllib3", "yaml", "socket",
         "http.client", "subprocess", "logging", "bpfman.images.registry", "bpfman.images.trust.verifying"}  # fmt: skip


@pytest.fixture
def machine(small, environment, home, tmp_path):
    made = Machine(small, environment, home, tmp_path)
    (tmp_path / "root.json").write_bytes(b"{}")  # is not read for a signature by a key
    made.put(by="acme")
    return made.says(RULES.replace('trusted_root = "{}/root.json"\n', ""))


def test_the_verdict_on_a_cached_image_is_at_hand(machine):
    """The bound is far above what it takes, for machines that do something else, too."""
    machine.says(RULES)
    rules = machine_rules(
        read_config(str(machine.config)), str(machine.config), machine.environment, str(machine.folder)
    )
    location = parse_location(f"{machine.registry.host}/acme/meter")
    rules.policy(location)
    begun = time.perf_counter()
    for _ in range(20):
        rules.policy(location)
    assert (time.perf_counter() - begun) / 20 < 0.005


@pytest.mark.kernel
def test_loading_a_cached_image_imports_nothing_that_verifies(machine, manager, tmp_path):
    name = f"{machine.registry.host}/acme/meter"
    flags = ["--config", str(machine.config), "--runtime-dir", manager.layout.runtime_dir,
             "--image-cache-dir", str(tmp_path / "cache")]  # fmt: skip
    modules = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *flags, "program", "load", "image", name, "--programs", "xdp:xdp_stats"],
            env={**os.environ, **machine.environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        modules.append(set(done.stderr.split()))
    assert {"cryptography", "urllib3"} <= modules[0]
    assert modules[1] & HEAVY == set()
