# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import subprocess
import sys

import pytest

from bpfman.errors import KernelRefused
from bpfman.syscalls.mounts import detached
from bpfman.syscalls.perf import (
    PERF_TYPE_TRACEPOINT,
    PerfEventAttr,
    tracepoint_event,
    tracepoint_id,
    tracepoints,
)

LAYOUT = """
#include <linux/perf_event.h>
#include <stddef.h>
#include <stdio.h>
int main(void) {
    printf("%d %d", PERF_TYPE_TRACEPOINT, PERF_ATTR_SIZE_VER1);
"""
FLAGS = "flags"  # bit fields have no offset: they lie between their neighbours


@pytest.fixture
def compiler():
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler, cc")
    probe = ["cc", "-fsyntax-only", "-include", "linux/perf_event.h", "-xc", "/dev/null"]
    if subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("needs the header linux/perf_event.h")
    return "cc"


def test_the_structure_is_that_of_the_header(compiler, tmp_path):
    names = [name for name, _ in PerfEventAttr._fields_ if name != FLAGS]
    source = LAYOUT + "".join(
        f'printf(" %zu %zu", offsetof(struct perf_event_attr, {name}), '
        f"sizeof(((struct perf_event_attr *)0)->{name}));\n"
        for name in names
    )
    program = tmp_path / "layout"
    command = [compiler, "-xc", "-", "-o", str(program)]
    subprocess.run(command, input=source + "}", text=True, check=True)
    theirs = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    ours = [PERF_TYPE_TRACEPOINT, ctypes.sizeof(PerfEventAttr)]
    for name in names:
        field = getattr(PerfEventAttr, name)
        ours += [field.offset, field.size]
    assert [int(number) for number in theirs] == ours


@pytest.mark.kernel
def test_the_event_counts_the_tracepoint():
    """On the one CPU it is on, so this thread goes there."""
    number = tracepoint_id("syscalls", "sys_enter_getpgid")
    assert number is not None
    before = os.sched_getaffinity(0)
    event = tracepoint_event(number)
    try:
        os.sched_setaffinity(0, {min(before)})
        first = int.from_bytes(os.read(event, 8), sys.byteorder)
        for _ in range(5):
            os.getpgid(0)
        assert int.from_bytes(os.read(event, 8), sys.byteorder) - first >= 5
    finally:
        os.sched_setaffinity(0, before)
        os.close(event)


@pytest.mark.kernel
def test_an_event_is_not_inherited_by_children():
    number = tracepoint_id("syscalls", "sys_enter_kill")
    assert number is not None
    event = tracepoint_event(number)
    try:
        assert not os.get_inheritable(event)
    finally:
        os.close(event)


@pytest.mark.kernel
def test_an_event_on_no_tracepoint_is_refused():
    with pytest.raises(KernelRefused, match="tracepoint 99999999"):
        tracepoint_event(99999999)


@pytest.mark.kernel
def test_every_tracepoint_that_is_listed_has_an_id():
    listed = set(tracepoints())
    root = detached("tracefs")
    try:
        events = os.open("events", os.O_RDONLY | os.O_DIRECTORY, dir_fd=root)
        in_files = {
            (folder.removeprefix("./"), int(read_at(file)))
            for folder, _, files, file in os.fwalk(".", dir_fd=events)
            if "id" in files and not folder.startswith("./ftrace/")
        }
        os.close(events)
    finally:
        os.close(root)
    assert {name for name, _ in in_files} == listed
    for name, number in sorted(in_files)[::100]:
        assert tracepoint_id(*name.split("/")) == number


def read_at(directory):
    descriptor = os.open("id", os.O_RDONLY, dir_fd=directory)
    try:
        return os.read(descriptor, 32)
    finally:
        os.close(descriptor)


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("syscalls", "nonesuch"),
        ("nonesuch", "sys_enter_kill"),
        ("syscalls", "enable"),
        ("enable", "x"),
        ("x" * 300, "x"),
        ("", "syscalls"),
        ("..", "events"),
        (".", "syscalls"),
        ("syscalls", "../syscalls/sys_enter_kill"),
        ("syscalls", "sys_enter_kill\0"),
    ],
)
def test_what_is_not_a_tracepoint_has_no_id(group, name):
    assert tracepoint_id(group, name) is None


ASK = """
import json
from bpfman.errors import KernelRefused
from bpfman.syscalls.perf import tracepoint_id
try:
    print(json.dumps([tracepoint_id("syscalls", "sys_enter_kill"), 0, ""]))
except KernelRefused as refused:
    print(json.dumps([None, refused.errno, refused.hint]))
"""
WITHOUT_MOUNTING = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")


def ask(prepare):
    """What the question gets without CAP_SYS_ADMIN, in a mount namespace prepared with a shell command."""
    command = f'{prepare} && exec {" ".join(WITHOUT_MOUNTING)} "$0" -c "$1"'
    unshared = ["unshare", "--mount", "sh", "-c", command, sys.executable, ASK]
    return json.loads(subprocess.run(unshared, check=True, capture_output=True, text=True).stdout)


NOWHERE = "for d in debug/tracing debug tracing; do umount -l /sys/kernel/$d 2>&-; done; true"
PLACES = {
    "/sys/kernel/tracing": "mount -t tracefs none /sys/kernel/tracing",
    # Some kernels mount tracefs there of themselves, when somebody looks.
    "/sys/kernel/debug/tracing": """mount -t debugfs none /sys/kernel/debug && cd /sys/kernel/debug/tracing &&
        { test -d events || mount -t tracefs none /sys/kernel/debug/tracing; }""",
}


@pytest.mark.kernel
@pytest.mark.parametrize("place", PLACES)
def test_tracefs_is_read_where_it_is_mounted(place):
    """Nothing else can be read there, because what asks may not mount."""
    number, _, hint = ask(f"{{ {NOWHERE}; }} && {PLACES[place]}")
    assert number == tracepoint_id("syscalls", "sys_enter_kill"), hint


@pytest.mark.kernel
def test_without_tracefs_and_the_right_to_mount_it_the_hint_says_so():
    number, error, hint = ask(f"{{ {NOWHERE}; }}")
    assert (number, error) == (None, errno.EPERM)
    assert "CAP_SYS_ADMIN" in hint
