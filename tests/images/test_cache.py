# SPDX-License-Identifier: Apache-2.0
"""The cache keeps images by content, finds only what is whole, and survives death, damage and full disks."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from bpfman.errors import CacheError
from bpfman.images.cache import Cache, Entry
from bpfman.images.cache.entry import directory_of
from bpfman.images.cache.files import changing
from bpfman.images.contents import Image
from bpfman.images.digest import digest_of, hex_of
from bpfman.images.labels import Labels
from bpfman.images.manifest import (
    OCI_INDEX,
    OCI_MANIFEST,
    Document,
    ImageManifest,
    document_of,
    parse_manifest,
)
from bpfman.images.platform import host_architecture
from bpfman.images.verdict import Verdict
from tests.images.samples import config, index, layer, manifest

PLATFORM = f"linux/{host_architecture()}"


def image_of(data: bytes) -> Image:
    document = document_of(manifest([layer(data)], config()), OCI_MANIFEST)
    found = parse_manifest(document, "it")
    assert isinstance(found, ImageManifest)
    return Image(document_of(index([(document.data, "amd64")]), OCI_INDEX), document, found)


def keep(cache: Cache, reference: str, data: bytes, platform: str = PLATFORM, **more: Any) -> Entry:
    return cache.store(reference, platform, image_of(data), data, Labels({"f": "xdp"}), **more)


def data_of(cache: Cache, reference: str, platform: str = PLATFORM) -> bytes | None:
    entry = cache.find(reference, platform)
    assert entry is not None
    return cache.object(entry)


@pytest.fixture
def cache(tmp_path):
    return Cache(str(tmp_path / "cache"))


def blobs(cache: Cache) -> set[str]:
    return set(os.listdir(f"{cache.directory}/blobs"))


# keeping and finding


def test_nothing_is_found_before_anything_is_kept(cache):
    assert cache.find("a.example/x:1", PLATFORM) is None
    assert cache.entries() == []
    assert not os.path.exists(cache.directory)


def test_what_is_kept_is_found(cache):
    kept = keep(cache, "a.example/x:1", b"object")
    found = cache.find("a.example/x:1", PLATFORM)
    assert found == kept._replace(used_at=found.used_at)
    assert cache.object(found) == b"object"
    assert cache.root(found) == image_of(b"object").root
    assert found.digest == image_of(b"object").digest
    assert cache.find("a.example/x:2", PLATFORM) is None
    assert cache.find_digest(found.digest) == cache.find("a.example/x:1", PLATFORM)


def test_the_directory_has_the_documented_names(cache):
    keep(cache, "a.example/x:1", b"object")
    directory = f"{cache.directory}/sha256_{hex_of(digest_of(b'a.example/x:1'))[:32]}"
    with open(f"{directory}/bytecode.o", "rb") as file:
        assert file.read() == b"object"
    with open(f"{directory}/metadata.json", "rb") as file:
        metadata = json.load(file)
    assert {"digest", "programs", "maps", "pulled_at", "policy", "verified_digest"} <= set(metadata)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["pulled_at"])
    found = cache.find("a.example/x:1", PLATFORM)
    assert found is not None
    assert abs(found.pulled_at - time.time()) < 60


def test_another_platform_has_an_entry_of_its_own(cache):
    own, other = keep(cache, "x", b"own"), keep(cache, "x", b"other", platform="linux/s390x-not-here")
    assert data_of(cache, "x") == b"own"
    assert data_of(cache, "x", other.platform) == b"other"
    assert own.directory != other.directory


def test_two_names_of_one_image_share_its_bytes(cache):
    keep(cache, "x:1", b"object")
    before = blobs(cache)
    keep(cache, "x:2", b"object")
    assert blobs(cache) == before
    assert len(before) == 3


def test_a_name_moves_to_what_it_leads_to_now(cache):
    keep(cache, "x:latest", b"old")
    keep(cache, "x:latest", b"new")
    assert data_of(cache, "x:latest") == b"new"
    assert len(cache.entries()) == 1


def test_an_entry_can_be_written_anew(cache):
    entry = keep(cache, "x", b"object")
    cache.update(entry._replace(verdict=Verdict("accepted", policy="another", verified_digest=entry.root)))
    assert cache.find("x", PLATFORM).verdict.policy == "another"
    assert data_of(cache, "x") == b"object"


def test_images_are_listed_by_name(cache):
    for name in ("b:1", "a:2", "a:1"):
        keep(cache, name, name.encode())
    assert [entry.reference for entry in cache.entries()] == ["a:1", "a:2", "b:1"]


def test_the_files_can_be_read_by_everybody(cache):
    keep(cache, "x", b"object")
    for name in blobs(cache):
        assert os.stat(f"{cache.directory}/blobs/{name}").st_mode & 0o777 == 0o644


# removing


def test_a_removed_image_leaves_nothing_that_no_other_needs(cache):
    keep(cache, "x:1", b"shared")
    keep(cache, "x:2", b"shared")
    keep(cache, "y", b"alone")
    removed = cache.remove(lambda entry: entry.reference == "y")
    assert [entry.reference for entry in removed.entries] == ["y"]
    assert removed.freed > len(b"alone")
    assert len(blobs(cache)) == 3
    cache.remove(lambda entry: entry.reference == "x:1")
    assert data_of(cache, "x:2") == b"shared"
    cache.remove(lambda entry: True)
    assert blobs(cache) == set()
    assert cache.entries() == []


def used(cache: Cache, entry: Entry, ago: float) -> None:
    """Have an entry been used that many seconds ago."""
    at = time.time() - ago
    os.utime(f"{cache.directory}/{entry.directory}/metadata.json", (at, at))


def test_pruning_by_age_removes_what_was_not_used_for_long(cache):
    old, recent = keep(cache, "old", b"1"), keep(cache, "recent", b"2")
    used(cache, old, 1000)
    used(cache, recent, 10)
    assert [entry.reference for entry in cache.prune(unused_for=100).entries] == ["old"]
    assert [entry.reference for entry in cache.entries()] == ["recent"]


def test_using_an_image_keeps_it(cache):
    entry = keep(cache, "x", b"1")
    used(cache, entry, 1000)
    cache.object(entry)
    assert cache.prune(unused_for=100).entries == ()


def test_pruning_by_size_removes_the_longest_unused(cache):
    for number in range(4):
        used(cache, keep(cache, f"x:{number}", bytes([number]) * 100_000), 100 - number)
    used(cache, keep(cache, "shared", bytes([3]) * 100_000), 1000)
    pruned = cache.prune(max_size=250_000)
    assert {entry.reference for entry in pruned.entries} == {"x:0", "x:1", "shared"}
    assert {entry.reference for entry in cache.entries()} == {"x:2", "x:3"}
    assert 200_000 < pruned.freed < 210_000


def test_pruning_without_a_bound_removes_only_what_no_image_needs(cache):
    keep(cache, "x", b"object")
    with open(f"{cache.directory}/blobs/sha256_{'0' * 64}", "wb") as file:
        file.write(b"left over")
    os.mkdir(f"{cache.directory}/sha256_{'0' * 32}")
    pruned = cache.prune()
    assert pruned == ((), len(b"left over"))
    assert len(blobs(cache)) == 3
    assert sorted(name for name in os.listdir(cache.directory) if name.startswith("sha256_")) == [
        directory_of("x", PLATFORM)
    ]


def test_the_cache_does_not_grow_without_bound(tmp_path):
    cache = Cache(str(tmp_path / "cache"), max_size=250_000)
    for number in range(5):
        entry = keep(cache, f"x:{number}", bytes([number]) * 100_000)
        used(cache, entry, 100 - number)
    assert [entry.reference for entry in cache.entries()] == ["x:3", "x:4"]
    huge = keep(cache, "huge", bytes(300_000))
    assert [entry.reference for entry in cache.entries()] == ["huge"]
    assert cache.object(huge) == bytes(300_000)


# damage


def damage(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


@pytest.mark.parametrize("data", [b"", b"objecT", b"object and more"])
def test_a_damaged_object_counts_as_gone_and_is_mended(cache, data):
    entry = keep(cache, "x", b"object")
    damage(f"{cache.directory}/blobs/{entry.object.replace(':', '_')}", data)
    assert cache.object(entry) is None
    keep(cache, "x", b"object")
    assert cache.object(entry) == b"object"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"version": 2}',
        b'{"version": 1, "digest": "sha256:../../x"}',
        b"\0" * 100,
        # The reference implementation's.
        b'{"digest": "sha256:1", "programs": {}, "maps": {}, "pulled_at": "2026-01-01T00:00:00.5Z", "policy": ""}',
    ],
)
def test_metadata_that_cannot_be_read_is_no_entry(cache, data):
    entry = keep(cache, "x", b"object")
    damage(f"{cache.directory}/{entry.directory}/metadata.json", data)
    assert cache.find("x", PLATFORM) is None
    assert cache.entries() == []
    keep(cache, "x", b"object")
    assert cache.find("x", PLATFORM)


def test_metadata_for_another_name_is_not_believed(cache):
    keep(cache, "x", b"object")
    os.rename(
        f"{cache.directory}/{directory_of('x', PLATFORM)}", f"{cache.directory}/{directory_of('y', PLATFORM)}"
    )
    assert cache.find("y", PLATFORM) is None


def test_a_link_in_place_of_the_lock_is_not_followed(cache, tmp_path):
    os.makedirs(cache.directory)
    os.symlink(tmp_path / "elsewhere", f"{cache.directory}/.lock")
    with pytest.raises(CacheError, match="cannot write to the image cache"):
        keep(cache, "x", b"object")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_in_place_of_the_cache_is_told(tmp_path):
    (tmp_path / "cache").write_text("")
    cache = Cache(str(tmp_path / "cache"))
    with pytest.raises(CacheError) as refused:
        keep(cache, "x", b"object")
    assert refused.value.hint
    with pytest.raises(CacheError, match="Not a directory") as refused:
        cache.entries()
    assert "move it away" in refused.value.hint


# death


def killed_at(step: int, act) -> bool:
    """Run `act` in a process that is killed before its step-th change to a file; whether it came so far."""
    child = os.fork()
    if child == 0:
        left = [step]

        def count(event: str, arguments: tuple[object, ...]) -> None:
            if event in (
                "os.rename",
                "os.symlink",
                "os.mkdir",
                "os.remove",
                "os.rmdir",
                "os.utime",
                "os.listdir",
            ) or (event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def is_x(entry: Entry) -> bool:
    return entry.reference == "x"


@pytest.mark.parametrize("what", ["store", "replace", "remove", "prune"])
def test_a_process_may_die_at_any_step(tmp_path, what):
    step = 0
    while True:
        step += 1
        cache = Cache(str(tmp_path / str(step)))
        if what != "store":
            keep(cache, "x", b"old")
            keep(cache, "other", b"other")
        act = {
            "store": lambda cache=cache: keep(cache, "x", b"new"),
            "replace": lambda cache=cache: keep(cache, "x", b"new"),
            "remove": lambda cache=cache: cache.remove(is_x),
            "prune": lambda cache=cache: cache.prune(max_size=0),
        }[what]
        came_so_far = killed_at(step, act)
        found = cache.find("x", PLATFORM)
        assert found is None or cache.object(found) in (b"old", b"new")
        if what not in ("prune", "store"):
            assert data_of(cache, "other") == b"other"
        assert cache.object(keep(cache, "x", b"new")) == b"new"
        cache.prune()
        assert os.listdir(f"{cache.directory}/tmp") == []
        assert {name for entry in cache.entries() for name in entry.blobs} == {
            name.replace("_", ":") for name in blobs(cache)
        }
        if not came_so_far:
            break
    assert step > 5


# full and read-only disks


@pytest.fixture
def tmpfs(tmp_path):
    """`with tmpfs("size=1m") as path:` a file system of its own."""

    @contextmanager
    def mounted(options: str):
        path = tmp_path / "tmpfs"
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)
        try:
            yield path
        finally:
            subprocess.run(["umount", str(path)], check=True)

    return mounted


@pytest.mark.kernel
def test_a_full_disk_leaves_what_was_there(tmpfs):
    with tmpfs("size=256k") as path:
        cache = Cache(f"{path}/cache")
        keep(cache, "small", b"object")
        for reference in ("small", "large"):
            with pytest.raises(CacheError, match="No space left on device") as refused:
                keep(cache, reference, bytes(1_000_000))
            assert "image prune" in refused.value.hint
        assert os.listdir(f"{cache.directory}/tmp") == []
        assert data_of(cache, "small") == b"object"
        assert cache.find("large", PLATFORM) is None
        assert len(blobs(cache)) == 3


@pytest.mark.kernel
def test_a_disk_that_is_full_halfway_gets_its_room_back(tmpfs):
    """There is room for the object, and none for what tells of it."""
    with tmpfs("nr_inodes=9") as path:
        cache = Cache(f"{path}/cache")
        with pytest.raises(CacheError, match="No space left on device"):
            keep(cache, "x", b"object")
        assert blobs(cache) == set()


@pytest.mark.kernel
def test_a_read_only_cache_is_read(tmpfs):
    with tmpfs("size=256k") as path:
        cache = Cache(f"{path}/cache")
        entry = keep(cache, "x", b"object")
        subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
        assert data_of(cache, "x") == b"object"
        with pytest.raises(CacheError, match="Read-only file system"):
            cache.update(entry)


# many at once


def test_many_writers_and_readers_at_once(cache):
    """Each name leads to one of the objects that were ever kept under it, at every moment."""
    objects = [bytes([number]) * 1000 for number in range(4)]
    done = threading.Event()

    def write(number: int) -> None:
        for turn in range(10):
            keep(cache, f"x:{turn % 3}", objects[(number + turn) % 4])
            if turn % 4 == 3:
                cache.remove(lambda entry: entry.reference == "x:0")

    def read() -> int:
        seen = 0
        while not done.is_set():
            for name in range(3):
                entry = cache.find(f"x:{name}", PLATFORM)
                data = cache.object(entry) if entry else None
                assert data is None or data in objects
                seen += data is not None
        return seen

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(write, number) for number in range(4)]
        for each in writers:
            each.result()
        done.set()
        assert all(each.result() > 0 for each in readers)
    assert {entry.reference for entry in cache.entries()} >= {"x:1", "x:2"}


def test_who_changes_something_waits_for_who_does(cache):
    with changing(cache.directory):
        thread = threading.Thread(target=keep, args=(cache, "x", b"object"))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert cache.find("x", PLATFORM) is None  # and who reads does not wait
    thread.join()
    assert cache.find("x", PLATFORM)


def test_nothing_of_the_network_is_imported_for_it(cache):
    keep(cache, "x", b"object")
    code = (
        "import sys; from bpfman.images.cache import Cache; cache = Cache(sys.argv[1]);"
        "entry = cache.find('x', sys.argv[2]); assert cache.object(entry) == b'object'; print(*sys.modules)"
    )
    command = [sys.executable, "-c", code, cache.directory, PLATFORM]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"ssl", "_ssl", "_hashlib", "urllib3", "hashlib", "subprocess", "dataclasses"} & set(modules)


def test_the_document_of_the_root_is_checked(cache):
    entry = keep(cache, "x", b"object")
    damage(f"{cache.directory}/blobs/{entry.root.replace(':', '_')}", b"{}")
    assert cache.root(entry) is None
    assert isinstance(cache.root(keep(cache, "x", b"object")), Document)
