# SPDX-License-Identifier: Apache-2.0
"""Functions and their sizes, as /proc/kallsyms tells them."""

from __future__ import annotations

import pytest

from bpfman.bpf import kallsyms

TEXT = """\
ffffffff81000000 T _stext
ffffffff81000010 t first
ffffffff81000030 T second
ffffffff81000030 T alias
ffffffff81000050 t twice
ffffffff81000058 D data
ffffffff81000060 t twice
ffffffff81000090 T _etext
ffffffffa0000000 t of_module\t[zram]
ffffffffa0000040 t other.isra.0\t[zram]
ffffffffa0000080 t first\t[brd]
ffffffffa00000b0 t last\t[brd]
"""


@pytest.fixture
def text(monkeypatch, tmp_path):
    path = tmp_path / "kallsyms"
    path.write_text(TEXT)
    monkeypatch.setattr(kallsyms, "_PATH", str(path))
    return path


@pytest.mark.parametrize(
    ("function", "sizes"),
    [
        ("first", [32, 48]),
        ("brd:first", [48]),
        ("second", [32]),
        ("alias", [32]),
        ("twice", [8, 48]),
        ("of_module", [64]),
        ("other.isra.0", []),  # the last of its module
        ("data", []),
        ("none", []),
    ],
)
def test_a_function_ends_where_the_next_symbol_begins(text, function, sizes):
    assert kallsyms.sizes(function) == sizes


def test_functions_are_those_of_modules_too(text):
    assert kallsyms.functions() >= {"first", "of_module", "other.isra.0"}
    assert "data" not in kallsyms.functions()


def test_where_addresses_are_hidden_there_are_no_sizes(text):
    text.write_text("".join(f"{'0' * 16}{line[16:]}\n" for line in TEXT.splitlines()))
    assert kallsyms.sizes("first") == []
    assert "first" in kallsyms.functions()
