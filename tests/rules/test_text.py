# SPDX-License-Identifier: Apache-2.0
"""Words that no tracked file may have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.rules.repository import ROOT, tracked_files

HERE = Path(__file__).relative_to(ROOT)
LICENCES = Path("LICENSES")

FORBIDDEN = {
    "a folder of somebody's machine": r"(?<![\w.])/(work|root|home/\w+)/",
    "the host of a package registry": r"(pypi|crates|npmjs|pythonhosted)\.(org|io|com)\b",
    "unfinished business": r"\b(TOD[O]|FIXM[E]|XX[X])\b",
}


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked_files():
        content = (ROOT / path).read_bytes()
        if path != HERE and path.parent != LICENCES and b"\0" not in content:
            found.append((path, content.decode()))
    return found


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_mentions(what):
    pattern = re.compile(FORBIDDEN[what])
    hits = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert hits == []


def test_text_ends_with_one_newline_and_has_no_trailing_blanks():
    data = re.compile(r"tests/.*/data/")
    for path, text in texts():
        if text and not data.match(str(path)):
            assert text.endswith("\n"), path
            assert not text.endswith("\n\n"), path
            assert not re.search(r"[ \t]+$", text, re.MULTILINE), path
