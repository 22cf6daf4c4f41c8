# SPDX-License-Identifier: Apache-2.0
"""Libraries are found by name, here, in a process and in a container, and nothing outside of it is."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bpfman.bpf import processes, sight
from bpfman.errors import ProcessNotFound, TargetNotFound

NO_PROCESS = 4_194_303


@pytest.mark.parametrize(
    ("query", "name", "same"),
    [
        ("libc", "libc.so.6", True),
        ("libc", "libc-2.31.so", True),
        ("libc", "libcrypt.so.1", False),
        ("libc.so.6", "libc.so.6", True),
        ("libc.so", "libc.so.6", False),
    ],
)
def test_names_match_as_promised(query, name, same):
    assert sight.matches(query, name) is same


def test_a_library_is_found_by_name_and_by_path():
    with sight.find("libc") as by_name, sight.find(by_name.path) as by_path:
        assert os.path.sameopenfile(by_name.fd, by_path.fd)


def test_what_a_process_has_mapped_comes_first():
    with sight.find("libc", pid=os.getpid()) as file:
        assert str(os.fstat(file.fd).st_ino) in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize("data", [b"", b"glibc-ld.so.cache1.1", b"ld.so-1.7.0\0" * 9])
def test_a_cache_that_is_none_has_no_libraries(data):
    assert list(sight.cached(data)) == []


def test_a_crafted_cache_does_no_harm():
    header = b"glibc-ld.so.cache1.1" + struct.pack("=II", 0xFFFFFFFF, 0) + bytes(20)
    entries = struct.pack("=IIIIQ", 0x0303, 0xFFFFFFF0, 0xFFFFFFF0, 0, 0) * 3
    assert set(sight.cached(header + entries)) <= {("", "")}


def test_near_names_are_suggested():
    with pytest.raises(TargetNotFound, match="did you mean"):
        sight.find("libcc")
    with pytest.raises(TargetNotFound, match="/etc/passwd"):
        sight.find("/etc/passwdd")


def test_a_process_that_is_gone():
    with pytest.raises(ProcessNotFound, match="does not exist"):
        sight.find("libc", container_pid=NO_PROCESS)
    with pytest.raises(ProcessNotFound):
        processes.own_number(NO_PROCESS)


@pytest.fixture
def container(tmp_path):
    """A process with a root, mounts and PIDs of its own, and its library where only its own cache says."""
    for folder in ("bin", "etc", "proc", "old", "opt/odd", "lib64", "lib"):
        (tmp_path / "root" / folder).mkdir(parents=True)
    root = tmp_path / "root"
    with sight.find("libc") as libc:
        shutil.copy(libc.path, root / "opt/odd/libc.so.6")
    loader = next(
        path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(path)
    )
    shutil.copy(loader, f"{root}{loader}")
    shutil.copy("/usr/bin/sleep", root / "bin/sleep")
    (root / "etc/ld.so.conf").write_text("/opt/odd\n")
    subprocess.run(["ldconfig", "-r", root, "-f", "/etc/ld.so.conf", "-C", "/etc/ld.so.cache"], check=True)
    (root / "escape").symlink_to("/../../../../etc/passwd")
    script = f"mount --bind {root} {root} && cd {root} && pivot_root . old && exec /bin/sleep 60"
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
    process = subprocess.Popen(command)
    try:
        yield _child(process)
    finally:
        process.kill()
        process.wait()


def _child(process: subprocess.Popen) -> int:
    """The host's number of the container's first process, once its library is mapped."""
    deadline = time.monotonic() + 10
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    while time.monotonic() < deadline and process.poll() is None:
        with open(children, encoding="ascii") as file:
            for pid in file.read().split():
                with suppress(OSError):
                    if "/opt/odd/libc.so.6" in Path(f"/proc/{pid}/maps").read_text():
                        return int(pid)
    raise AssertionError("the container did not start")


@pytest.mark.kernel
class TestContainer:
    def test_its_own_cache_is_asked(self, container):
        with sight.find("libc", container_pid=container) as file:
            assert file.path == "/opt/odd/libc.so.6"
            assert os.readlink(file.name).endswith("/opt/odd/libc.so.6")

    def test_its_own_files_are_meant(self, container):
        with sight.find("/bin/sleep", container_pid=container) as theirs, sight.find("/bin/sleep") as ours:
            assert not os.path.sameopenfile(theirs.fd, ours.fd)

    def test_what_it_has_mapped_is_found_without_a_path_of_ours(self, container):
        with sight.find("libc", pid=container) as file:
            assert file.path == "/opt/odd/libc.so.6"

    def test_nothing_outside_of_it_is(self, container):
        for path in ("/escape", "/../../etc/hostname", "/usr/bin/sleep"):
            with pytest.raises(TargetNotFound):
                sight.find(path, container_pid=container)
