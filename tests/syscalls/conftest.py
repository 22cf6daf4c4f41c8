# SPDX-License-Identifier: Apache-2.0
"""Programs that return one verdict, made of two instructions, and an interface to attach them to."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

import pytest

from bpfman.syscalls import bpf, bpf_abi
from bpfman.syscalls.namespaces import entered

SCHED_CLS, XDP = 3, 6


class Loaded(NamedTuple):
    fd: int
    id: int
    tag: str


@pytest.fixture
def load_verdict():
    """Loads a program of a type that returns a constant; `load_verdict(type, verdict)`."""
    loaded = []

    def load(program_type, verdict):
        instructions = struct.pack("=BBhiBBhi", 0xB7, 0, 0, verdict, 0x95, 0, 0, 0)  # r0 = verdict; exit
        fd = bpf.prog_load(program_type, instructions, "GPL", name="verdict")
        loaded.append(fd)
        info = bpf_abi.ProgInfo()
        bpf.info(fd, info)
        return Loaded(fd, info.id, bytes(info.tag).hex())

    yield load
    for fd in loaded:
        os.close(fd)


@pytest.fixture
def passing(load_verdict):
    """A classifier that returns TC_ACT_OK."""
    return load_verdict(SCHED_CLS, 0)


@pytest.fixture
def dropping(load_verdict):
    """A classifier that returns TC_ACT_SHOT."""
    return load_verdict(SCHED_CLS, 2)


@pytest.fixture
def inside(veth):
    """End `a` of a veth pair, with the test's thread in its namespace."""
    with entered(veth.a.namespace.path):
        yield veth.a
