# SPDX-License-Identifier: Apache-2.0
"""The paths that other programs rely on, and the directories that hold them."""

from __future__ import annotations

import os
import subprocess

import pytest

from bpfman.errors import InvalidRequest, ObjectError, StoreError
from bpfman.model.hook import Hook
from bpfman.store.layout import Layout, create, layout_of

XDP = Hook("xdp", 4026531840, 7)
TC = Hook("tc-egress", 4026531840, 7)
TCX = Hook("tcx-ingress", 4026531840, 7)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (lambda rt: rt.lock, ".lock"),
        (lambda rt: rt.database, "db/store.db"),
        (lambda rt: rt.fs, "fs"),
        (lambda rt: rt.program_pin(412), "fs/prog_412"),
        (lambda rt: rt.map_dir(412), "fs/maps/412"),
        (
            lambda rt: rt.map_pin(412, "a_full_name_of_many_letters"),
            "fs/maps/412/a_full_name_of_many_letters",
        ),
        (lambda rt: rt.shared_map("counters"), "fs/shared/counters"),
        (lambda rt: rt.link_pin(3), "fs/links/3"),
        (lambda rt: rt.tcx_pin(TCX, 412), "fs/tcx-ingress/link_4026531840_7_412"),
        (lambda rt: rt.chain_dir(XDP), "fs/xdp/4026531840_7"),
        (lambda rt: rt.chain_link(XDP), "fs/xdp/4026531840_7/link"),
        (lambda rt: rt.chain_program(TC), "fs/tc-egress/4026531840_7/chain"),
        (lambda rt: rt.accounting(TC), "fs/tc-egress/4026531840_7/accounting"),
        (lambda rt: rt.program_dir(412), "programs/412"),
        (lambda rt: rt.bytecode(412), "programs/412/bytecode.o"),
        (lambda rt: rt.provenance(412), "programs/412/provenance.json"),
        (lambda rt: rt.staging, "programs/.staging"),
    ],
)
def test_paths(path, expected):
    assert path(Layout()) == f"/run/bpfman/{expected}"
    assert path(Layout("/elsewhere")) == f"/elsewhere/{expected}"


@pytest.mark.parametrize("name", ["", ".", "..", "../../../etc/x", "a/b", "a\0b"])
def test_a_map_name_cannot_leave_its_directory(name):
    with pytest.raises(ObjectError, match="cannot be pinned"):
        Layout().map_pin(1, name)
    with pytest.raises(ObjectError, match="cannot be pinned"):
        Layout().shared_map(name)


@pytest.mark.parametrize("typed", ["run/bpfman", "", "./x", "~/bpfman", "/run/\0"])
def test_a_relative_runtime_directory_is_refused(typed):
    with pytest.raises(InvalidRequest, match="invalid runtime directory: "):
        layout_of(typed)


@pytest.mark.parametrize("typed", ["/run/x", "/run/x/", "//run/x", "/run/./y/../x"])
def test_a_runtime_directory_is_tidied_as_typed(typed):
    assert layout_of(typed).runtime_dir == "/run/x"


def test_create_makes_directories_that_all_may_read_whatever_the_umask(tmp_path):
    layout = Layout(str(tmp_path / "missing" / "bpfman"))
    before = os.umask(0o077)
    try:
        create(layout)
    finally:
        os.umask(before)
    for path in (layout.runtime_dir, f"{layout.runtime_dir}/db", layout.fs, layout.staging):
        assert os.stat(path).st_mode & 0o7777 == 0o755


def test_create_leaves_what_is_there(layout):
    os.chmod(layout.fs, 0o700)
    create(layout)
    assert os.stat(layout.fs).st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("part", ["", "bpfman", "bpfman/db"])
def test_create_says_when_a_file_is_in_the_way(tmp_path, part):
    runtime = tmp_path / "rt"
    obstacle = runtime / part
    obstacle.parent.mkdir(parents=True, exist_ok=True)
    obstacle.write_text("")
    with pytest.raises(StoreError, match="cannot create") as caught:
        create(Layout(str(runtime / "bpfman")))
    assert "move it away" in caught.value.hint


@pytest.mark.kernel
def test_create_says_when_the_file_system_is_read_only(tmpfs):
    with tmpfs("ro") as path, pytest.raises(StoreError, match="Read-only file system") as caught:
        create(Layout(f"{path}/bpfman"))
    assert "remount" in caught.value.hint


@pytest.mark.kernel
def test_create_says_when_the_file_system_is_full(tmpfs):
    with tmpfs("nr_inodes=3") as path, pytest.raises(StoreError, match="No space left") as caught:
        create(Layout(f"{path}/bpfman"))
    assert "free some space" in caught.value.hint


@pytest.mark.kernel
def test_create_finds_a_directory_that_is_a_mount_point(layout):
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layout.fs], check=True)
    try:
        create(layout)
    finally:
        subprocess.run(["umount", layout.fs], check=True)
