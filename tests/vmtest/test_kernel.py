# SPDX-License-Identifier: Apache-2.0
"""An unpacked kernel: its release, and the modules to load."""

from __future__ import annotations

import pytest

from vmtest.kernel import Kernel

RELEASE = "6.1.0-56-cloud-amd64"
# As depmod writes it: a module, then what it needs, what is needed first last.
DEPENDS = """\
kernel/fs/fuse/fuse.ko:
kernel/fs/fuse/virtiofs.ko: kernel/fs/fuse/fuse.ko kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio_ring.ko:
"""


@pytest.fixture
def kernel(tmp_path):
    modules = tmp_path / "lib" / "modules" / RELEASE
    modules.mkdir(parents=True)
    (modules / "modules.dep").write_text(DEPENDS)
    return Kernel(tmp_path)


def test_its_release_is_the_name_of_its_modules_folder(kernel):
    assert kernel.release == RELEASE


def test_modules_come_after_those_they_need_and_once(kernel):
    names = [path.name for path in kernel.files_of(["virtiofs", "virtio"])]
    assert names == ["virtio_ring.ko", "virtio.ko", "fuse.ko", "virtiofs.ko"]


def test_modules_are_files_of_the_kernel(kernel):
    [path] = kernel.files_of(["fuse"])
    assert path == kernel.modules / "kernel/fs/fuse/fuse.ko"


def test_what_is_built_in_needs_no_file(kernel):
    assert kernel.files_of(["overlay"]) == []
