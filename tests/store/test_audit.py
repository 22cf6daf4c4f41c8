# SPDX-License-Identifier: Apache-2.0
"""The audit trail: a line is whole or not there, whoever writes beside it, dies in it, or fills the disk."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from bpfman.errors import StoreError
from bpfman.model.audit import AuditEvent, Who
from bpfman.store.audit import AuditLog

EVENT = AuditEvent(
    1_770_000_000.25, "load", "accepted-unsigned", "quay.io/acme/meter:1", "sha256:" + "1" * 64, ("count",),
    "[signing]", "it has no signature", "sha256:" + "2" * 64, False, Who(0, "alice", 4711, "program load image"),
)  # fmt: skip

WRITE = """
import sys
from bpfman.store.audit import AuditLog
from tests.store.test_audit import EVENT
log = AuditLog(sys.argv[1], max_bytes=int(sys.argv[4]), files=1000)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    log.append(EVENT._replace(image=f"{sys.argv[2]}:{number}"))
    print(number, flush=True)
"""


@pytest.fixture
def log(tmp_path):
    return AuditLog(str(tmp_path / "audit"))


def writer(log: AuditLog, name: str, count: int, max_bytes: int = 1 << 20) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", WRITE, log.directory, name, str(count), str(max_bytes)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def images(log: AuditLog) -> list[str]:
    return [event.image if event else "damaged" for event in log.events()]


def test_what_was_written_is_read(log):
    log.append(EVENT)
    log.append(EVENT._replace(cached=True, image="bytes \udcff that are no text\nand a line", programs=()))
    first, second = log.events()
    assert first == EVENT
    assert second == EVENT._replace(
        cached=True, image="bytes \udcff that are no text\nand a line", programs=()
    )


def test_the_keys_of_a_line(log):
    log.append(EVENT)
    with open(log.path) as file:
        assert json.loads(file.read()) == {
            "time": "2026-02-02T02:40:00.250000Z", "action": "load", "verdict": "accepted-unsigned",
            "image": "quay.io/acme/meter:1", "digest": "sha256:" + "1" * 64, "programs": ["count"],
            "rule": "[signing]", "reason": "it has no signature", "policy": "sha256:" + "2" * 64, "cached": False,
            "uid": 0, "user": "alice", "pid": 4711, "command": "program load image",
        }  # fmt: skip


def test_nobody_else_reads_it(log):
    log.append(EVENT)
    assert os.stat(log.directory).st_mode & 0o7777 == 0o700
    assert os.stat(log.path).st_mode & 0o7777 == 0o600


def test_a_trail_that_is_not_there_is_empty(log):
    assert list(log.events()) == []


def test_many_processes_write_at_once_through_files_that_are_put_aside(log):
    # Each file takes about ten lines, so that nearly every writer meets a file that is put aside meanwhile.
    processes = [writer(log, f"w{number}", 25, 5000) for number in range(20)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    found = list(AuditLog(log.directory, files=1000).events())
    assert sorted(event.image for event in found if event) == sorted(
        f"w{number}:{line}" for number in range(20) for line in range(25)
    )
    for number in range(20):  # nobody's own lines changed places
        own = [event.image for event in found if event and event.image.startswith(f"w{number}:")]
        assert own == [f"w{number}:{line}" for line in range(25)]


def test_hundreds_of_threads_write_at_once(log):
    threads = [
        threading.Thread(target=log.append, args=(EVENT._replace(image=str(number)),))
        for number in range(300)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(images(log), key=int) == list(map(str, range(300)))


@pytest.mark.parametrize("lines", [1, 3, 20])
def test_what_was_told_to_be_written_survives_a_killed_writer(log, lines):
    process = writer(log, "w", 1_000_000)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    told = [process.stdout.readline() for _ in range(lines)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    log.append(EVENT)
    found = images(log)
    whole = [line for line in told if line.endswith("\n")]
    assert found[: len(whole)] == [f"w:{number}" for number in range(len(whole))]
    assert found[-1] == EVENT.image
    assert "damaged" not in found


def test_a_torn_line_hides_no_other(log):
    log.append(EVENT)
    with open(log.path, "ab") as file:
        file.write(b'{"time":"2026-')  # a power cut
    assert images(log) == [EVENT.image]
    log.append(EVENT)
    assert images(log) == [EVENT.image, "damaged", EVENT.image]


@pytest.mark.parametrize(
    "line",
    [b"\xff\xff", b"null", b"[]", b"{}", b"{" * 5000, b'{"time":"yesterday"}', b'{"time":1,"uid":0}', b"NaN"],
)
def test_whatever_is_no_event_is_damage(log, line):
    log.append(EVENT)
    with open(log.path, "ab") as file:
        file.write(line + b"\n")
    assert images(log) == [EVENT.image, "damaged"]


@pytest.mark.parametrize("files", [0, 1, 2])
def test_old_files_go(log, files):
    small = AuditLog(log.directory, max_bytes=1500, files=files)
    for number in range(40):
        small.append(EVENT._replace(image=str(number)))
    assert sorted(os.listdir(log.directory)) == [
        ".lock", "audit.jsonl", *(f"audit.jsonl.{number}" for number in range(1, files + 1))
    ]  # fmt: skip
    assert all(os.stat(f"{log.directory}/{name}").st_size <= 1500 for name in os.listdir(log.directory))
    found = images(small)
    assert found == list(map(str, range(40)))[-len(found) :]


def test_an_event_larger_than_a_file_is_kept(log):
    small = AuditLog(log.directory, max_bytes=10, files=3)
    small.append(EVENT)
    small.append(EVENT)
    assert images(small) == [EVENT.image, EVENT.image]


def test_foreign_text_does_not_fill_the_trail(log):
    log.append(EVENT._replace(reason="x" * 1_000_000))
    assert os.stat(log.path).st_size < 6000
    (event,) = log.events()
    assert event is not None
    assert event.reason.endswith("…")


@pytest.mark.kernel
def test_a_full_disk_leaves_no_part_of_a_line(tmpfs):
    with tmpfs("size=64k") as disk:
        _fill_and_free(disk)


def _fill_and_free(disk):
    log = AuditLog(f"{disk}/audit")
    log.append(EVENT)
    with open(f"{disk}/ballast", "wb", buffering=0) as file:
        _until(OSError, lambda: file.write(b"x" * 512))
    written, error = _until(StoreError, lambda: log.append(EVENT))
    assert "No space left" in str(error)
    assert "free some space" in error.hint
    assert images(log) == [EVENT.image] * (written + 1)
    os.unlink(f"{disk}/ballast")
    log.append(EVENT)
    assert images(log) == [EVENT.image] * (written + 2)


def _until(kind, act):
    """Act until that fails; gives how often it did not, and the failure."""
    number = 0
    while True:
        try:
            act()
        except kind as error:
            return number, error
        number += 1


def test_a_trail_that_cannot_be_written_says_why(tmp_path):
    (tmp_path / "audit").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot create .*/audit: "):
        AuditLog(str(tmp_path / "audit")).append(EVENT)


@pytest.mark.parametrize("place", ["audit.jsonl", ".lock"])
def test_no_symbolic_link_is_written_through(log, tmp_path, place):
    os.mkdir(log.directory)
    (tmp_path / "victim").write_text("")
    os.symlink(tmp_path / "victim", f"{log.directory}/{place}")
    with pytest.raises(StoreError, match="symbolic links"):
        log.append(EVENT)
    assert (tmp_path / "victim").read_text() == ""


def test_who_follows_sees_all_in_order_while_files_are_put_aside(log):
    small = AuditLog(log.directory, max_bytes=1500, files=50)
    events = small.follow(0.001)
    small.append(EVENT._replace(image="0"))
    assert next(events) == EVENT._replace(image="0")

    def write() -> None:
        for number in range(1, 60):
            small.append(EVENT._replace(image=str(number)))
            if number % 7 == 0:
                time.sleep(0.002)  # so that the reader comes in between

    thread = threading.Thread(target=write)
    thread.start()
    found = [event.image for event in itertools.islice(events, 59) if event]
    thread.join()
    events.close()
    assert found == list(map(str, range(1, 60)))


def test_who_follows_waits_for_the_end_of_a_line(log):
    log.append(EVENT)
    with open(log.path, "rb") as file:
        line = file.read()
    os.truncate(log.path, len(line) - 10)
    events = log.follow(0.001)

    def finish() -> None:
        with open(log.path, "ab") as file:
            file.write(line[-10:])

    timer = threading.Timer(0.05, finish)
    timer.start()
    assert next(events) == EVENT
    timer.join()
    events.close()
