# SPDX-License-Identifier: Apache-2.0
"""Small functions, files of one noun, and exports that are what they say."""

from __future__ import annotations

import ast
import statistics
from typing import TYPE_CHECKING

import pytest

import bpfman
from tests.rules.repository import SOURCE, source_files

if TYPE_CHECKING:
    from pathlib import Path

MOST_LINES = 400
MEDIAN_BELOW = 10


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, its docstring not counted."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_file_is_long(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES, "split it: one noun a file"


def test_most_functions_are_small():
    lengths = {
        f"{path.relative_to(SOURCE)}:{function.lineno} {function.name}": body_lines(function)
        for path in source_files()
        for function in functions(path)
    }
    longest = sorted(lengths.items(), key=lambda pair: -pair[1])[:10]
    assert statistics.median(lengths.values()) < MEDIAN_BELOW, longest


def test_exports_are_what_the_package_says():
    assert list(bpfman.__all__) == sorted(set(bpfman.__all__))
    for name in bpfman.__all__:
        assert getattr(bpfman, name) is not None
    assert set(bpfman.__all__) <= set(dir(bpfman))
