# SPDX-License-Identifier: Apache-2.0
"""The table of libbpf's functions says what its headers say."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys

import pytest

from bpfman.errors import Unsupported
from bpfman.syscalls import libbpf

HEADERS = "#include <stddef.h>\n#include <stdbool.h>\n#include <bpf/libbpf.h>\n#include <bpf/btf.h>\n"
POINTERS = (ctypes.c_void_p, ctypes.c_char_p)


@pytest.fixture(scope="module")
def compiler():
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler, cc")
    probe = subprocess.run(
        ["cc", "-E", "-xc", "-"], input=HEADERS, text=True, capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip("needs libbpf's headers (libbpf-dev)")
    return probe.stdout


@pytest.fixture(scope="module")
def prototypes(compiler):
    """Name -> (result, [parameters]), as text."""
    text = re.sub(r"^#.*$", "", compiler, flags=re.MULTILINE)
    text = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", " ", text)
    found = {}
    for result, name, parameters in re.findall(r"([\w\s*]+?)\b(\w+)\s*\(([^(){};]*)\)\s*;", text):
        listed = [" ".join(each.split()) for each in parameters.split(",")]
        found[name] = (" ".join(result.split()), [] if listed == ["void"] else listed)
    return found


def is_pointer(declared: str) -> bool:
    return "*" in declared or "_fn_t" in declared


def fits(ours: type | None, declared: str) -> bool:
    """Whether a ctypes type is passed as the declared C type is."""
    if declared.startswith("void") and "*" not in declared:
        return ours is None
    if is_pointer(declared):
        text = re.search(r"\bconst char ?\*", declared) is not None
        is_text = ours is ctypes.c_char_p
        return (
            text
            if is_text
            else ours is ctypes.c_void_p or issubclass(type(ours), type(ctypes.POINTER(ctypes.c_int)))
        )
    words = set(re.findall(r"\w+", declared))
    by_type = {
        ctypes.c_size_t: {"size_t"},
        ctypes.c_bool: {"bool", "_Bool"},
        ctypes.c_int: {"int", "enum"},
        ctypes.c_uint32: {"__u32", "enum"},
    }
    return ours in by_type and bool(by_type[ours] & words)


@pytest.mark.parametrize("name", libbpf._FUNCTIONS)
def test_a_function_takes_and_gives_what_the_table_says(prototypes, name):
    kind, arguments = libbpf._FUNCTIONS[name]
    result, parameters = prototypes[name]
    assert len(arguments) == len(parameters)
    for ours, declared in zip(arguments, parameters, strict=True):
        assert fits(ours, declared), declared
    assert fits(libbpf._RESTYPE[kind], result), result


@pytest.mark.parametrize("name", libbpf._FUNCTIONS)
def test_the_installed_library_has_the_function(name):
    assert callable(libbpf.function(name))


def test_options_lie_where_the_header_has_them(compiler, tmp_path):
    """Up to the last field that libbpf 1.0 had; `unused` stands for a bit field without a name."""
    names = [name for name, *_ in libbpf.OpenOpts._fields_ if name not in ("unused", "kernel_log_buf")]
    assert "kernel_log_level" in names
    names.append("kernel_log_buf")
    lines = [
        f'printf("%zu %zu\\n", offsetof(struct bpf_object_open_opts, {name}), '
        f"sizeof(((struct bpf_object_open_opts *)0)->{name}));"
        for name in names
    ]
    source = f"#include <stdio.h>\n{HEADERS}int main(void) {{ {''.join(lines)} }}"
    program = tmp_path / "layout"
    subprocess.run(["cc", "-xc", "-", "-o", str(program)], input=source, text=True, check=True)
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    theirs = {name: tuple(map(int, line.split())) for name, line in zip(names, said, strict=True)}
    fields = {name: getattr(libbpf.OpenOpts, name) for name in names}
    assert {name: (field.offset, field.size) for name, field in fields.items()} == theirs


def test_a_function_that_the_library_does_not_have(monkeypatch):
    monkeypatch.setitem(libbpf._FUNCTIONS, "bpf_object__from_the_future", (libbpf.STATUS, ()))
    with pytest.raises(
        Unsupported, match=r"libbpf v?\d+\.\d+ is too old: it has no bpf_object__from_the_future"
    ) as refused:
        libbpf.call("bpf_object__from_the_future")
    assert "libbpf 1.0" in refused.value.hint


MISSING = """
from bpfman.errors import Unsupported
from bpfman.syscalls import libbpf
try:
    libbpf.function("bpf_object__load")
except Unsupported as error:
    print(error, "|", error.hint)
"""


@pytest.mark.parametrize("library", ["/nowhere/libbpf.so.1", "/proc/version"])
def test_no_library_at_all(library):
    """In a process of its own: this one has it."""
    said = subprocess.run(
        [sys.executable, "-c", MISSING], env={**os.environ, "BPFMAN_LIBBPF": library}, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    assert said.startswith("libbpf 1.0 or newer is needed to load programs")
    assert "apt install libbpf1" in said


def test_importing_opens_nothing():
    code = "import bpfman.syscalls.libbpf; print('libbpf.so' in open('/proc/self/maps').read())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "False\n"
