# SPDX-License-Identifier: Apache-2.0
"""Structures and numbers of bpf(2) are the kernel's: those of the installed headers, and those of the running kernel,
which may know more than the headers."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess

import pytest

from bpfman.bpf import btf_types
from bpfman.bpf.btf import Btf
from bpfman.model import kernel, kinds
from bpfman.syscalls import bpf, bpf_abi
from tests.bpf.crafted import VMLINUX

# Where each structure is: in `union bpf_attr` (with the name of its member, or none where that is anonymous), or by
# itself.
PLACES = {
    "ProgLoadAttr": ("union bpf_attr", ""),
    "MapCreateAttr": ("union bpf_attr", ""),
    "MapElemAttr": ("union bpf_attr", ""),
    "ObjAttr": ("union bpf_attr", ""),
    "TestRunAttr": ("union bpf_attr", "test."),
    "GetIdAttr": ("union bpf_attr", ""),
    "InfoAttr": ("union bpf_attr", "info."),
    "BtfLoadAttr": ("union bpf_attr", ""),
    "LinkCreateAttr": ("union bpf_attr", "link_create."),
    "LinkUpdateAttr": ("union bpf_attr", "link_update."),
    "LinkDetachAttr": ("union bpf_attr", "link_detach."),
    "ProgInfo": ("struct bpf_prog_info", ""),
    "MapInfo": ("struct bpf_map_info", ""),
    "LinkInfo": ("struct bpf_link_info", ""),
    "BtfInfo": ("struct bpf_btf_info", ""),
}
# Fields that the kernel calls otherwise.
NAMES = {
    ("GetIdAttr", "id"): "prog_id",
    ("LinkCreateAttr", "relative"): "tcx.relative_fd",
    ("LinkCreateAttr", "expected_revision"): "tcx.expected_revision",
    ("LinkInfo", "rest"): "raw_tracepoint",
}
BIT_FIELDS = {("ProgInfo", "gpl_compatible")}  # have neither offset nor size in C
UNIONS = {("LinkInfo", "rest")}  # as much of it as we read, not all there is
NEWER_THAN_SOME_HEADERS = {("LinkCreateAttr", "relative"), ("LinkCreateAttr", "expected_revision")}  # 6.6

STRUCTURES = [
    each for each in vars(bpf_abi).values() if isinstance(each, type) and issubclass(each, ctypes.Structure)
]
FIELDS = [
    (structure.__name__, name)
    for structure in STRUCTURES
    for name, *_ in structure._fields_
    if (structure.__name__, name) not in BIT_FIELDS
]


def ours(structure: str, field: str) -> tuple[int, int | None]:
    """Offset and size; no size of what is a union there."""
    found = getattr(getattr(bpf_abi, structure), field)
    return found.offset, None if (structure, field) in UNIONS else found.size


def theirs(structure: str, field: str) -> tuple[str, str]:
    """The C type, and the field in it."""
    whole, prefix = PLACES[structure]
    return whole, prefix + NAMES.get((structure, field), field)


def test_every_structure_is_compared():
    assert {structure.__name__ for structure in STRUCTURES} == set(PLACES)


# the headers


@pytest.fixture
def compile_and_run(tmp_path):
    """What a C program prints, one number a line."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler, cc")

    def run(body):
        source = f"#include <stddef.h>\n#include <stdio.h>\n#include <sys/syscall.h>\n#include <linux/bpf.h>\n{body}"
        command = ["cc", "-xc", "-", "-o", str(tmp_path / "it")]
        built = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
        if "linux/bpf.h: No such file" in built.stderr:
            pytest.skip("needs the header linux/bpf.h")
        assert built.returncode == 0, built.stderr
        said = subprocess.run([tmp_path / "it"], capture_output=True, text=True, check=True).stdout
        return [int(line) for line in said.splitlines()]

    return run


def header_knows(name: str) -> bool:
    with open("/usr/include/linux/bpf.h", encoding="ascii") as file:
        return re.search(rf"\b{name}\b", file.read()) is not None


def test_fields_lie_where_the_headers_have_them(compile_and_run):
    compared = [
        each for each in FIELDS if each not in NEWER_THAN_SOME_HEADERS or header_knows("expected_revision")
    ]
    lines = []
    for structure, field in compared:
        whole, path = theirs(structure, field)
        lines += [
            f'printf("%zu\\n", offsetof({whole}, {path}));',
            f'printf("%zu\\n", sizeof((({whole} *)0)->{path}));',
        ]
    numbers = iter(compile_and_run("int main(void) {\n" + "\n".join(lines) + "}"))
    for structure, field in compared:
        offset, size = ours(structure, field)
        found = next(numbers), next(numbers)
        assert (offset, size or found[1]) == found, f"{structure}.{field}"


def test_the_system_calls_number(compile_and_run):
    assert compile_and_run('int main(void) { printf("%d\\n", SYS_bpf); }') == [bpf._NUMBER]


def test_flags_are_those_of_the_headers(compile_and_run):
    """TCX's came with 6.6: where the headers do not have them, they are not compared."""
    flags = {
        name: value
        for name, value in vars(bpf).items()
        if name.startswith("F_") and header_knows(f"BPF_{name}")
    }
    assert len(flags) >= 3
    lines = "".join(f'printf("%u\\n", (unsigned)BPF_{name});' for name in flags)
    assert compile_and_run(f"int main(void) {{ {lines} }}") == [*flags.values()]


# the running kernel


@pytest.fixture(scope="module")
def vmlinux():
    if not VMLINUX.exists():
        pytest.skip("this kernel has no BTF")
    return Btf.parse(VMLINUX.read_bytes())


def find(btf: Btf, name: str) -> int:
    keyword, _, rest = name.partition(" ")
    kind = {"struct": btf_types.KIND_STRUCT, "union": btf_types.KIND_UNION, "enum": btf_types.KIND_ENUM}[
        keyword
    ]
    found = btf.find(rest, kind)
    assert found is not None, name
    return found


def place_of(btf: Btf, type_id: int, path: str) -> tuple[int, int] | None:
    """Offset and size in bytes of `a.b` in a struct or union; members of anonymous ones count as its own."""
    name, _, rest = path.partition(".")
    found = btf.underlying(type_id)
    for member in getattr(found, "members", ()):
        if not member.name:
            inner, wanted = place_of(btf, member.type, path), True
        else:
            wanted = member.name == name
            inner = place_of(btf, member.type, rest) if rest else (0, btf.size_of(member.type))
        if wanted and inner is not None:
            return member.offset // 8 + inner[0], inner[1]
    return None


def test_fields_lie_where_the_running_kernel_has_them(vmlinux):
    for structure, field in FIELDS:
        whole, path = theirs(structure, field)
        found = place_of(vmlinux, find(vmlinux, whole), path)
        if found is None and (structure, field) in NEWER_THAN_SOME_HEADERS:
            continue
        offset, size = ours(structure, field)
        assert found is not None, f"{structure}.{field}"
        assert (offset, size or found[1]) == found, f"{structure}.{field}"


def enum(btf: Btf, name: str) -> dict[str, int]:
    found = btf.type(find(btf, f"enum {name}"))
    assert isinstance(found, btf_types.Enum)
    return {each.name: each.value for each in found.values}


COMMANDS = {
    "MAP_LOOKUP": "MAP_LOOKUP_ELEM", "MAP_UPDATE": "MAP_UPDATE_ELEM", "MAP_DELETE": "MAP_DELETE_ELEM",
    "MAP_NEXT_KEY": "MAP_GET_NEXT_KEY", "PROG_NEXT_ID": "PROG_GET_NEXT_ID", "MAP_NEXT_ID": "MAP_GET_NEXT_ID",
    "PROG_BY_ID": "PROG_GET_FD_BY_ID", "MAP_BY_ID": "MAP_GET_FD_BY_ID", "OBJ_INFO": "OBJ_GET_INFO_BY_FD",
    "BTF_BY_ID": "BTF_GET_FD_BY_ID", "LINK_BY_ID": "LINK_GET_FD_BY_ID", "LINK_NEXT_ID": "LINK_GET_NEXT_ID",
}  # fmt: skip


def test_commands_have_the_kernels_numbers(vmlinux):
    commands = enum(vmlinux, "bpf_cmd")
    ours = {
        name: value
        for name, value in vars(bpf).items()
        if name.isupper() and not name.startswith(("_", "F_")) and type(value) is int
    }
    assert len(ours) > 20
    assert ours == {name: commands[f"BPF_{COMMANDS.get(name, name)}"] for name in ours}


def test_kinds_have_the_kernels_numbers(vmlinux):
    programs, attach = enum(vmlinux, "bpf_prog_type"), enum(vmlinux, "bpf_attach_type")
    for name, value in vars(kinds).items():
        if name.startswith("PROG_"):
            assert programs[f"BPF_PROG_TYPE_{name.removeprefix('PROG_')}"] == value, name
        elif name.startswith("ATTACH_") and name != "ATTACH_NONE":
            known = {each.removeprefix("BPF_"): number for each, number in attach.items()}
            wanted = name.removeprefix("ATTACH_")
            found = known.get(wanted, known.get(f"{wanted}_MAC"))
            assert found == value or (found is None and "TCX" in name), name  # TCX came with 6.6


@pytest.mark.parametrize(
    ("table", "of", "prefix"),
    [
        (kernel.PROGRAM_TYPES, "bpf_prog_type", "BPF_PROG_TYPE_"),
        (kernel.MAP_TYPES, "bpf_map_type", "BPF_MAP_TYPE_"),
        (kernel.LINK_TYPES, "bpf_link_type", "BPF_LINK_TYPE_"),
    ],
)
def test_names_of_types_stand_at_the_kernels_numbers(vmlinux, table, of, prefix):
    """The spelling is the contract's; it has the kernel's letters but where `SPELLED` says otherwise."""
    for name, number in enum(vmlinux, of).items():
        short = name.removeprefix(prefix).lower().replace("_", "")
        if number >= len(table) or short.startswith("max") or name.startswith("__"):
            continue
        spelled = {table[number].replace("_", ""), SPELLED.get(table[number], "")}
        assert short in spelled or short.removesuffix("deprecated") in spelled, (name, table[number])


SPELLED = {
    "unspecifiedprogram": "unspec", "unspecifiedmap": "unspec", "programarray": "progarray", "extension": "ext",
    "structopsmap": "structops", "cgroupstorage2": "cgrpstorage", "lrucpuhash": "lrupercpuhash",
}  # fmt: skip
