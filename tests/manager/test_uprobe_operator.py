# SPDX-License-Identifier: Apache-2.0
"""bpfman in a container with processes of its own, and the host's at /host/proc: numbers mean the host's processes."""

from __future__ import annotations

import os
import struct
import subprocess
import sys

import pytest

from tests.user_program import Container, build

pytestmark = pytest.mark.kernel

#: Makes a root of the machine's own directories with a procfs of the container's own, and runs "$@" there.
OPERATOR = """
set -e
root=$1; host=$2; shift 2
mount -t tmpfs root "$root"
for each in /*; do
    case $each in /proc|/host) continue ;; esac
    if [ -L "$each" ]; then cp -P "$each" "$root$each"
    elif [ -d "$each" ]; then mkdir "$root$each"; mount --rbind "$each" "$root$each"; fi
done
mkdir "$root/proc"
if [ "$host" = yes ]; then mkdir -p "$root/host/proc"; mount --rbind /proc "$root/host/proc"; fi
mount -t proc proc "$root/proc"
exec chroot "$root" "$@"
"""
#: Starts a process of the given number, and runs the rest.
WITH_DOUBLE = """
echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
sleep 100 &
test $! = "$1" || exit
shift
"$@"
status=$?
kill $!
exit $status
"""
BPFMAN = (f"{os.path.dirname(sys.executable)}/bpfman",)


@pytest.fixture
def operator(tmp_path):
    """`operator(COMMAND...)`: what a command said there, and whether it was content."""
    root = tmp_path / "operator"
    root.mkdir()

    def run(*command: str, host: str = "yes", ok: bool = True) -> str:
        done = subprocess.run(
            [
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                OPERATOR,
                "-",
                root,
                host,
                *command,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stderr
        return done.stdout if ok else done.stderr

    return run


@pytest.fixture
def worker(tmp_path):
    """A program in another container."""
    container = Container(tmp_path / "root")
    build(container.root / "main", "main.c", "work.c", flags=("-static",))
    with container.run("/main") as made:
        yield made


@pytest.fixture
def attach(manager, load, operator):
    """`attach(PID, COMMAND...)`: attach a counter to /main of the process, by a command in the operator's container;
    answers what counts, or with `ok=False` the error."""
    [program] = load("user_probes", "uprobe:on_call")
    number = program.record.program_id

    def attached(pid, *before, target="/main", flag="--container-pid", **options):
        command = ("link", "attach", "uprobe", str(number), target, "--fn-name", "work", flag, str(pid))
        settings = ("--runtime-dir", manager.layout.runtime_dir)
        said = operator(*before, *BPFMAN, *settings, *command, **options)
        return said if options else lambda: runs(manager, number)

    return attached


def runs(manager, program: int) -> int:
    with manager.open_map("runs", program) as found:
        return int.from_bytes(found.lookup(struct.pack("=I", 0)), sys.byteorder)


def test_a_process_of_the_host_is_found_by_its_number_there(attach, worker):
    count = attach(worker.pid)
    worker.call(7)
    assert count() == 7


def test_the_host_is_meant_where_the_number_is_known_here_too(attach, worker):
    count = attach(worker.pid, "sh", "-c", WITH_DOUBLE, "-", str(worker.pid))
    worker.call(7)
    assert count() == 7


def test_a_target_that_is_not_there_has_the_two_processes_told_apart(attach, worker):
    double = ("sh", "-c", WITH_DOUBLE, "-", str(worker.pid))
    said = attach(worker.pid, *double, target="/usr/bin/env", ok=False)
    assert f"{worker.pid} was taken for the number on the host (main)" in said
    assert "here it is another process (sleep), whose number on the host is " in said


def test_a_number_that_only_the_container_knows(attach):
    number = next(each for each in range(32_000, 30_000, -1) if not os.path.exists(f"/proc/{each}"))
    said = attach(number, "sh", "-c", WITH_DOUBLE, "-", str(number), ok=False)
    assert f"process {number} does not exist on the host" in said
    assert "whose number on the host is" in said


def test_a_process_of_another_container_cannot_be_watched_alone(attach, worker):
    said = attach(worker.pid, flag="--pid", ok=False)
    assert "is in another PID namespace" in said


def test_without_the_hosts_processes_it_says_where_to_mount_them(attach, worker):
    said = attach(worker.pid, host="no", ok=False)
    assert f"process {worker.pid} does not exist" in said
    assert "/host/proc" in said


def test_a_process_of_the_containers_own_is_known_to_the_kernel(operator):
    code = "import os; from bpfman.bpf import processes; "
    code += "print(processes.own_number(int(os.readlink('/host/proc/self'))) - os.getpid())"
    assert operator(sys.executable, "-c", code) == "0\n"
