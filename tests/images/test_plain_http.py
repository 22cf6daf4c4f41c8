# SPDX-License-Identifier: Apache-2.0
"""What has no TLS stays on this machine, whatever a resolver says that a name of loopback is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.rules.repository import ROOT

pytestmark = pytest.mark.network

FETCH = """
from bpfman.errors import RegistryFailed
from bpfman.images.reference import parse_reference
from bpfman.images.registry.registry import Registry
from tests.images.samples import put_image
from tests.images.small_registry import small_registry

with small_registry(name={address!r}) as small:
    put_image(small, b"x")
    port = small.host.rpartition(":")[2]
    with Registry(parse_reference(f"registry.localhost:{{port}}/acme/meter")) as registry:
        try:
            print(registry.manifest().digest[:7])
        except RegistryFailed as error:
            print(error, len(small.seen))
"""


def fetch_from(address: str, tmp_path) -> str:
    """Fetch from a registry at `address`, which registry.localhost is the name of, in a network of its own."""
    (tmp_path / "hosts").write_text(f"{address} registry.localhost\n")
    (tmp_path / "fetch.py").write_text(FETCH.format(address=address))
    script = f"""
        mount --bind {tmp_path}/hosts /etc/hosts
        ip link set lo up
        ip address add {address}/32 dev lo
        exec {sys.executable} {tmp_path}/fetch.py"""
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    command = ["unshare", "--mount", "--net", "sh", "-ec", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    return done.stdout.strip()


def test_a_name_of_loopback_is_asked_without_tls(tmp_path):
    assert fetch_from("127.0.0.7", tmp_path) == "sha256:"


def test_one_that_leads_to_another_machine_is_not(tmp_path):
    said = fetch_from("192.0.2.7", tmp_path)
    assert "its name leads to 192.0.2.7, another machine" in said
    assert said.endswith(" 0")  # nothing was asked
