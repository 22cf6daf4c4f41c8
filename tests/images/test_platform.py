# SPDX-License-Identifier: Apache-2.0
"""Platforms have Go's names, and each knows its byte order and build argument."""

from __future__ import annotations

import os
import sys

import pytest

from bpfman.errors import InvalidRequest
from bpfman.images.platform import (
    ARCHITECTURES,
    Platform,
    byteorder_of,
    host_architecture,
    parse_platform,
    wanted_platform,
)


def test_build_arguments_are_those_of_the_containerfile():
    assert [row.build_arg for row in ARCHITECTURES.values()] == [
        "BC_386_EL",
        "BC_AMD64_EL",
        "BC_ARM_EL",
        "BC_ARM64_EL",
        "BC_LOONG64_EL",
        "BC_MIPS_EB",
        "BC_MIPSLE_EL",
        "BC_MIPS64_EB",
        "BC_MIPS64LE_EL",
        "BC_PPC64_EB",
        "BC_PPC64LE_EL",
        "BC_RISCV64_EL",
        "BC_S390X_EB",
    ]


def test_this_machine_has_a_row_of_its_own_byte_order():
    row = ARCHITECTURES[host_architecture()]
    assert os.uname().machine in row.machines
    assert row.byteorder == sys.byteorder


def test_goarch_names_another_platform():
    assert wanted_platform({}) == Platform("linux", host_architecture())
    assert wanted_platform({"GOARCH": ""}) == Platform("linux", host_architecture())
    assert wanted_platform({"GOARCH": "s390x"}) == Platform("linux", "s390x")


def test_byte_order_of_an_unknown_platform_is_the_machines():
    assert byteorder_of(Platform("linux", "s390x")) == "big"
    assert byteorder_of(Platform("linux", "sparc128")) == sys.byteorder


@pytest.mark.parametrize("text", ["windows/amd64", "amd64", "linux/", "linux/x86_64", ""])
def test_an_unknown_platform_is_refused_with_those_there_are(text):
    with pytest.raises(InvalidRequest) as refused:
        parse_platform(text)
    assert "linux/amd64, linux/arm," in refused.value.hint
