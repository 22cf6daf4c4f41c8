# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bpfman.testing import cgroups, leaks


def test_an_open_namespace_descriptor_is_reported_until_it_is_closed():
    before = leaks.of_process()
    descriptor = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        (left,) = leaks.left_since(before, leaks.of_process)
        assert left.startswith(f"descriptor: {descriptor} is net:[")
    finally:
        os.close(descriptor)
    assert leaks.left_since(before, leaks.of_process) == []


def test_a_child_process_is_reported_until_it_is_reaped():
    before = leaks.of_process()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        (left,) = leaks.left_since(before, leaks.of_process)
        assert left.startswith(f"process: {child.pid} ")
    assert leaks.left_since(before, leaks.of_process) == []


def test_an_ordinary_file_is_nobodys_business(tmp_path):
    before = leaks.of_process()
    with (tmp_path / "file").open("w"):
        assert leaks.left_since(before, leaks.of_process) == []


@pytest.mark.network
def test_a_named_network_namespace_is_reported_until_it_is_removed():
    name = f"bpfman-t-leaks-{os.getpid()}"
    before = leaks.of_machine()
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        left = leaks.left_since(before, leaks.of_machine)
        assert f"network namespace: {name}" in left
        assert f"mount: /run/netns/{name} (nsfs)" in left
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
    assert not [line for line in leaks.left_since(before, leaks.of_machine) if name in line]


@pytest.mark.kernel
def test_a_cgroup_of_a_test_is_reported_until_it_is_removed(cgroup):
    before = leaks.of_machine()
    with cgroups.cgroup() as made:
        assert f"cgroup: {os.path.basename(made)}" in leaks.left_since(before, leaks.of_machine)
        assert os.path.basename(cgroup) in before["cgroup"]
    assert not [line for line in leaks.left_since(before, leaks.of_machine) if line.startswith("cgroup")]


@pytest.mark.kernel
def test_a_pinned_program_is_reported_with_its_pin_and_its_mount(tmp_path):
    """In a mount namespace of its own, so that nothing is mounted where others can see it."""
    script = f"""
import json, subprocess
from bpfman.testing import cgroups, leaks
before = leaks.of_machine()
subprocess.run(["mount", "-t", "bpf", "bpf", "{tmp_path}"], check=True)
subprocess.run(["bpftool", "prog", "load", "tests/objects/xdp_pass.o", "{tmp_path}/pinned"], check=True)
print(json.dumps(leaks.left_since(before, leaks.of_machine)))
"""
    command = ["unshare", "--mount", sys.executable, "-c", script]
    left = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert f"mount: {tmp_path} (bpf)" in left
    assert f"pin: {tmp_path}/pinned" in left
    assert any(line.startswith("program: ") and line.endswith(" xdp xdp_pass") for line in left)
