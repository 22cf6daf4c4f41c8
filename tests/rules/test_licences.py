# SPDX-License-Identifier: Apache-2.0
"""Each file says under which licence it may be used, in a line of its own or in REUSE.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.rules.repository import ROOT, tracked_files

SPDX_LINE = re.compile(
    rb"SPDX-License-Identifier: \(?([A-Za-z0-9.() -]+?)\)?(?:\s*(?:-->|\*/))?$", re.MULTILINE
)
LINES_LOOKED_AT = 5
CODE, BPF_CODE = "Apache-2.0", "GPL-2.0-only OR BSD-2-Clause"


def is_licence_text(path: Path) -> bool:
    return path == Path("LICENSE") or path.parent == Path("LICENSES")


def listed_licence(path: Path) -> str | None:
    """What REUSE.toml says of a path; in its patterns `**` matches slashes too, `*` does not."""
    for row in tomllib.loads((ROOT / "REUSE.toml").read_text())["annotations"]:
        for pattern in row["path"]:
            parts = re.split(r"(\*\*/|\*\*|\*)", pattern)
            regex = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
            if re.fullmatch("".join(regex.get(part, re.escape(part)) for part in parts), str(path)):
                return str(row["SPDX-License-Identifier"]).strip("()")
    return None


def licence_of(path: Path) -> str | None:
    head = b"\n".join((ROOT / path).read_bytes().splitlines()[:LINES_LOOKED_AT])
    found = SPDX_LINE.search(head)
    return found[1].decode() if found else listed_licence(path)


def test_every_file_names_its_licence():
    unlicensed = [str(path) for path in tracked_files() if not is_licence_text(path) and not licence_of(path)]
    assert unlicensed == []


def test_bpf_code_is_dual_licensed_and_all_else_is_apache():
    for path in tracked_files():
        if is_licence_text(path):
            continue
        expected = BPF_CODE if path.name.endswith((".bpf.c", ".bpf.h", ".o")) else CODE
        assert licence_of(path) == expected, path


@pytest.mark.parametrize("identifier", ["Apache-2.0", "GPL-2.0-only", "BSD-2-Clause"])
def test_the_text_of_each_licence_is_here(identifier):
    assert (ROOT / "LICENSES" / f"{identifier}.txt").stat().st_size > 1000


@pytest.mark.parametrize(
    ("path", "licence"),
    [
        ("tests/objects/xdp_pass.o", BPF_CODE),
        ("examples/deep/er.o", BPF_CODE),
        ("src/bpfman/py.typed", CODE),
        ("tests/objects/xdp_pass.o.txt", None),
    ],
)
def test_patterns_of_the_list_match_as_meant(path, licence):
    assert listed_licence(Path(path)) == licence
