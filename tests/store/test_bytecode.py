# SPDX-License-Identifier: Apache-2.0
"""A copy of an object appears whole or not at all, and nothing is left of one that failed."""

from __future__ import annotations

import json
import os
import signal

import pytest

from bpfman.errors import StoreError
from bpfman.store.bytecode import Provenance, clear_staging, publish, remove, stale_staging
from bpfman.store.layout import Layout, create
from bpfman.store.lock import Lock

SOURCE = Provenance("count_packets", "./count.o", "file", 1_789_374_180)

PUBLISH_ON_AND_ON = """
import sys
from bpfman.store.bytecode import Provenance, publish
from bpfman.store.layout import Layout
layout = Layout(sys.argv[1])
print("begun", flush=True)
while True:
    for letter in (b"a", b"b"):
        publish(layout, 1, letter * 300_000, Provenance(letter.decode(), "", "unknown", 0))
"""


def content(layout, program_id):
    with open(layout.bytecode(program_id), "rb") as file:
        return file.read()


def test_a_copy_is_what_was_given_with_a_note_on_its_origin(layout):
    before = os.umask(0o077)
    try:
        publish(layout, 412, b"\x7fELF\x00\xff", SOURCE)
    finally:
        os.umask(before)
    assert content(layout, 412) == b"\x7fELF\x00\xff"
    with open(layout.provenance(412), encoding="utf-8") as file:
        assert json.load(file) == {
            "version": 1,
            "program_id": 412,
            "program_name": "count_packets",
            "source": "./count.o",
            "source_kind": "file",
            "loaded_at": "2026-09-14T08:23:00Z",
        }
    assert os.stat(layout.program_dir(412)).st_mode & 0o7777 == 0o755
    assert os.stat(layout.bytecode(412)).st_mode & 0o7777 == 0o644
    assert stale_staging(layout) == ()


def test_an_id_given_away_again_replaces_what_was_left(layout):
    publish(layout, 1, b"old", SOURCE)
    with open(f"{layout.program_dir(1)}/else", "w"):
        pass
    publish(layout, 1, b"new", SOURCE)
    assert content(layout, 1) == b"new"
    assert sorted(os.listdir(layout.program_dir(1))) == ["bytecode.o", "provenance.json"]
    assert stale_staging(layout) == ()


def test_removing_leaves_the_others(layout):
    publish(layout, 1, b"one", SOURCE)
    publish(layout, 2, b"two", SOURCE)
    remove(layout, 1)
    assert not os.path.exists(layout.program_dir(1))
    assert content(layout, 2) == b"two"
    assert stale_staging(layout) == ()


def test_removing_what_is_gone_is_no_error(layout):
    remove(layout, 1)
    remove(Layout("/nowhere/at/all"), 1)


def test_a_directory_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(StoreError, match=f"cannot keep a copy of the object in {tmp_path}/none/programs/1"):
        publish(Layout(f"{tmp_path}/none"), 1, b"", SOURCE)
    assert stale_staging(Layout(f"{tmp_path}/none")) == ()


@pytest.mark.kernel
def test_a_full_disk_leaves_nothing_behind_and_the_old_copy_in_place(tmpfs):
    with tmpfs("size=1m") as path:
        layout = Layout(f"{path}/bpfman")
        create(layout)
        publish(layout, 1, b"old", SOURCE)
        with pytest.raises(StoreError, match="No space left") as caught:
            publish(layout, 1, bytes(2_000_000), SOURCE)
        assert "free some space" in caught.value.hint
        assert content(layout, 1) == b"old"
        assert stale_staging(layout) == ()


def test_a_publisher_killed_at_any_time_leaves_a_whole_copy_or_none(layout, lock, python):
    """And whatever it leaves in the staging directory is found and cleared."""
    for _ in range(5):
        publisher = python(PUBLISH_ON_AND_ON, layout.runtime_dir)
        assert publisher.stdout.readline() == "begun\n"
        while not os.path.exists(layout.bytecode(1)):
            assert publisher.poll() is None
        publisher.send_signal(signal.SIGKILL)
        publisher.wait()
        if os.path.exists(layout.program_dir(1)):
            assert content(layout, 1) in (b"a" * 300_000, b"b" * 300_000)
            assert os.path.exists(layout.provenance(1))
        assert all(path.startswith(f"{layout.staging}/") for path in stale_staging(layout))
        clear_staging(layout, lock)
        assert stale_staging(layout) == ()


def test_clearing_needs_the_held_lock_of_this_directory(layout):
    with pytest.raises(ValueError, match="needs the held lock"):
        clear_staging(layout, Lock("/elsewhere/.lock"))


def test_clearing_does_not_follow_links(layout, lock, tmp_path):
    (tmp_path / "precious").mkdir()
    os.symlink(tmp_path / "precious", f"{layout.staging}/pub-1-x")
    clear_staging(layout, lock)
    assert (tmp_path / "precious").is_dir()
    assert stale_staging(layout) == ()
