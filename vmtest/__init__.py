# SPDX-License-Identifier: Apache-2.0
"""Tests on other kernels than the machine's own: Debian's, each in a virtual machine that QEMU emulates.

    python -m vmtest test 6.1 6.12            the tests that say something about a kernel, on these
    python -m vmtest run   6.1 -- CMD...      boot, run CMD, power off
    python -m vmtest start 6.1 --name NAME    boot, and stay up in the background
    python -m vmtest exec  NAME -- CMD...     run CMD in it (up to 8 at a time)
    python -m vmtest stop  NAME
    python -m vmtest fetch 6.1                only fetch and unpack the kernel

`make test-vm` and .ci/run call `test`; the others are for a person who looks into a failure.  A kernel is named by
its series, or `sid` for the newest that Debian has.

The guest's root directory is this machine's (virtiofs), so that the same Python, environment and checkout are at the
same paths, and a command gets the caller's directory and environment.  Processes, network, bpffs, tracefs and cgroups
are the guest's own.  What it writes goes to a RAM overlay and is lost, except under a directory shared for writing.

Needs root, x86-64, and what `tools/setup.sh system vm` installs.  Not part of the bpfman wheel.
"""
