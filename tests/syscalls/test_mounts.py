# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from bpfman.errors import KernelRefused
from bpfman.syscalls.mounts import (
    BPF_FS_MAGIC,
    TRACEFS_MAGIC,
    detached,
    filesystem_magic,
    is_bpffs,
    is_mount_point_of,
    mount,
    mounted_type,
    unmount,
)

MS_RDONLY, MS_BIND = 1, 4096


@contextmanager
def mounted(target, fstype="tmpfs", flags=0, data="", source="bpfman-t"):
    mount(source, str(target), fstype, flags, data)
    try:
        yield
    finally:
        unmount(str(target))


def test_what_is_mounted_is_named():
    assert mounted_type("/proc") == "proc"
    assert is_mount_point_of("/proc", "proc")
    assert not is_mount_point_of("/proc", "bpf")


@pytest.mark.parametrize("path", ["/proc/self", "/proc/version", "/nonexistent", "/proc/version/x"])
def test_below_a_mount_or_nowhere_nothing_is_mounted(path):
    assert mounted_type(path) is None


def test_a_path_that_cannot_be_looked_up_is_refused(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(KernelRefused) as refused:
        mounted_type(str(loop))
    assert refused.value.errno == errno.ELOOP


@pytest.mark.kernel
@pytest.mark.parametrize("name", ["plain", "two words", "tab\tnewline\nback\\slash\\040", "caf\udce9", "ünï"])
def test_any_name_of_a_mount_point_is_understood(tmp_path, name):
    target = tmp_path / name
    target.mkdir()
    with mounted(target):
        assert mounted_type(str(target)) == "tmpfs"
    assert mounted_type(str(target)) is None


@pytest.mark.kernel
def test_a_mount_point_is_found_by_a_path_that_is_not_its_plainest(tmp_path, monkeypatch):
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "link").symlink_to(target)
    monkeypatch.chdir(tmp_path)
    with mounted(target):
        for path in (tmp_path / "link", "target", f"{tmp_path}//x/../target/"):
            (tmp_path / "x").mkdir(exist_ok=True)
            assert mounted_type(str(path)) == "tmpfs"


@pytest.mark.kernel
def test_of_stacked_mounts_the_topmost_counts(tmp_path):
    with mounted(tmp_path, "tmpfs"):
        with mounted(tmp_path, "bpf"):
            assert mounted_type(str(tmp_path)) == "bpf"
        assert mounted_type(str(tmp_path)) == "tmpfs"


@pytest.mark.kernel
def test_a_mount_that_another_hides_does_not_count(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    with mounted(inner, "bpf"):
        with mounted(tmp_path):
            assert mounted_type(str(inner)) is None
            inner.mkdir()
            assert mounted_type(str(inner)) is None
        assert mounted_type(str(inner)) == "bpf"


@pytest.mark.kernel
def test_a_bind_mount_is_a_mount_of_its_type(tmp_path):
    with mounted(tmp_path, "none", MS_BIND, source="/proc"):
        assert mounted_type(str(tmp_path)) == "proc"


@pytest.mark.kernel
def test_flags_and_data_reach_the_kernel(tmp_path):
    with mounted(tmp_path, "tmpfs", MS_RDONLY, "mode=0710"):
        assert tmp_path.stat().st_mode & 0o777 == 0o710
        with pytest.raises(OSError, match="Read-only"):
            (tmp_path / "file").touch()


@pytest.mark.kernel
def test_file_systems_are_told_by_their_magic(tmp_path):
    with mounted(tmp_path, "bpf"):
        assert filesystem_magic(str(tmp_path)) == BPF_FS_MAGIC
    assert filesystem_magic(str(tmp_path)) != BPF_FS_MAGIC
    assert filesystem_magic("/proc") == 0x9FA0


def test_the_magic_of_nothing_is_refused():
    with pytest.raises(KernelRefused) as refused:
        filesystem_magic("/nonexistent")
    assert refused.value.errno == errno.ENOENT


@pytest.mark.kernel
def test_what_the_kernel_refuses_to_mount_or_unmount_is_told(tmp_path):
    with pytest.raises(KernelRefused, match=f"mount nonesuch at {tmp_path}: No such device"):
        mount("x", str(tmp_path), "nonesuch")
    with pytest.raises(KernelRefused) as refused:
        unmount(str(tmp_path))
    assert refused.value.errno == errno.EINVAL


@pytest.mark.kernel
def test_a_detached_file_system_can_be_read_and_nobody_sees_it():
    before = Path("/proc/self/mountinfo").read_text()
    root = detached("tracefs")
    try:
        assert Path("/proc/self/mountinfo").read_text() == before
        assert filesystem_magic(f"/proc/self/fd/{root}") == TRACEFS_MAGIC
        with open(os.open("events/syscalls/sys_enter_kill/id", os.O_RDONLY, dir_fd=root)) as file:
            assert int(file.read()) > 0
        with pytest.raises(OSError, match="Read-only") as refused:
            os.open("tracing_on", os.O_WRONLY, dir_fd=root)
        assert refused.value.errno == errno.EROFS
    finally:
        os.close(root)


@pytest.mark.kernel
def test_a_file_system_that_the_kernel_lacks_is_refused():
    with pytest.raises(KernelRefused, match="detached nonesuch") as refused:
        detached("nonesuch")
    assert refused.value.errno == errno.ENODEV


@pytest.mark.kernel
def test_a_bpf_file_system_is_known_by_its_look(tmp_path):
    target, other, link = tmp_path / "fs", tmp_path / "other", tmp_path / "link"
    for each in (target, other):
        each.mkdir()
    link.symlink_to(target)
    assert not is_bpffs(str(target))
    with mounted(target, "bpf"):
        (target / "below").mkdir()
        assert is_bpffs(str(target))
        assert not is_bpffs(str(target / "below"))
        assert not is_bpffs(str(link))
        with mounted(target):
            assert not is_bpffs(str(target))
        with mounted(other, flags=MS_BIND, source=str(target / "below")):
            assert is_bpffs(str(other))
    with mounted(other):
        assert not is_bpffs(str(other))
    assert not is_bpffs(str(tmp_path / "nowhere"))
    assert not is_bpffs("/proc/version/x")
