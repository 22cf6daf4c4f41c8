# SPDX-License-Identifier: Apache-2.0
"""Objects are matched with platforms, and combinations that make no sense are refused."""

from __future__ import annotations

import pytest

from bpfman.errors import InvalidRequest
from bpfman.images.building.inputs import parse_inputs


def shown(words, project=None):
    return [(each.platform, each.path) for each in parse_inputs(words, project)]


def test_one_bare_object():
    assert shown(["out/meter.o"]) == [("", "out/meter.o")]
    assert parse_inputs(["meter.o"], None)[0].build_arg == "BYTECODE_FILE"


def test_an_object_for_each_platform_in_order_of_platforms():
    assert shown(["linux/s390x=b.o", "linux/amd64=out/a=1.o", "linux/arm64=./c.o"]) == [
        ("linux/amd64", "out/a=1.o"),
        ("linux/arm64", "./c.o"),
        ("linux/s390x", "b.o"),
    ]
    assert parse_inputs(["linux/s390x=b.o"], None)[0].build_arg == "BC_S390X_EB"


def test_a_path_with_an_equals_sign_is_written_with_its_directory():
    assert shown(["./linux/amd64=x.o"]) == [("", "./linux/amd64=x.o")]
    assert shown(["/out/a=b.o"]) == [("", "/out/a=b.o")]


@pytest.mark.parametrize(
    ("words", "project", "said"),
    [
        ([], None, "no bytecode given"),
        (["a.o", "b.o"], None, "several objects without a platform"),
        (["a.o", "linux/amd64=b.o"], None, "with and without a platform"),
        (["linux/amd64=a.o", "linux/amd64=b.o"], None, "two objects for linux/amd64: a.o and b.o"),
        (["linux/amd64="], None, "names no file"),
        ([""], None, "names no file"),
        (["linux/x86=a.o"], None, 'unknown platform "linux/x86"'),
        (["windows/amd64=a.o"], None, "unknown platform"),
        (["=a.o"], None, 'unknown platform ""'),
        (["a.o"], "project", "cannot be combined"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(words, project, said):
    with pytest.raises(InvalidRequest, match=said):
        parse_inputs(words, project)


@pytest.fixture
def project(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).write_bytes(b"")
        return str(tmp_path)

    return make


def test_a_bpf2go_project(project):
    folder = project(
        "meter_x86_bpfel.o", "Meter_ARM64_bpfel.o", "meter-s390-bpfeb.o", "meter_x86_bpfel.go", "README"
    )
    assert shown([], folder) == [
        ("linux/amd64", f"{folder}/meter_x86_bpfel.o"),
        ("linux/arm64", f"{folder}/Meter_ARM64_bpfel.o"),
        ("linux/s390x", f"{folder}/meter-s390-bpfeb.o"),
    ]


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("x_386_bpfel.o", "linux/386"),
        ("x_x86_bpfel.o", "linux/amd64"),
        ("x_arm_bpfel.o", "linux/arm"),
        ("x_arm64_bpfel.o", "linux/arm64"),
        ("x_loongarch_bpfel.o", "linux/loong64"),
        ("x_loong64_bpfel.o", "linux/loong64"),
        ("x_mips_bpfeb.o", "linux/mips"),
        ("x_mipsle_bpfel.o", "linux/mipsle"),
        ("x_mips64_bpfeb.o", "linux/mips64"),
        ("x_mips64le_bpfel.o", "linux/mips64le"),
        ("x_powerpc_bpfeb.o", "linux/ppc64"),
        ("x_powerpc_bpfel.o", "linux/ppc64le"),
        ("x_ppc64le_bpfel.o", "linux/ppc64le"),
        ("x_riscv_bpfel.o", "linux/riscv64"),
        ("x_s390x_bpfeb.o", "linux/s390x"),
        ("bpfel.x86.o", "linux/amd64"),
    ],
)
def test_names_of_bpf2go(project, name, platform):
    assert [row[0] for row in shown([], project(name))] == [platform]


@pytest.mark.parametrize(
    "name",
    [
        "meter.o",
        "meter_x86.o",
        "meter_bpfel.o",
        "meter_x86_bpfeb.o",
        "meter_x86_arm64_bpfel.o",
        "meter_x86_bpfel_bpfeb.o",
        "meter_sparc_bpfel.o",
        "meterx86bpfel.o",
    ],
)
def test_a_file_that_is_not_recognised_is_named(project, name):
    with pytest.raises(
        InvalidRequest, match="unrecognised cilium/ebpf bytecode file .*" + name.replace(".", r"\.")
    ):
        parse_inputs([], project("good_x86_bpfel.o", name))


def test_a_project_without_objects(project, tmp_path):
    with pytest.raises(InvalidRequest, match="has no objects"):
        parse_inputs([], project("README"))
    with pytest.raises(InvalidRequest, match="No such file"):
        parse_inputs([], f"{tmp_path}/nowhere")


def test_two_files_for_one_platform(project):
    with pytest.raises(InvalidRequest, match="two objects for linux/amd64"):
        parse_inputs([], project("a_x86_bpfel.o", "b_x86_bpfel.o"))
