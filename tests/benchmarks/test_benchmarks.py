# SPDX-License-Identifier: Apache-2.0
"""That the benchmarks run and tell all they should.  What they measure is not looked at: that is not a test's job."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.rules.repository import ROOT

ASKED = {
    "commands": [
        "`program list`, 10 programs",
        "its peak memory",
        "`program load file`",
        "`link attach xdp`",
    ],
    "operations": ["load a small program", *(f"as member {member}" for member in (1, 2, 10, 100))],
    "kinds": [
        f"{what} {kind}" for kind in ("xdp", "tc", "tracepoint", "uprobe") for what in ("attach", "detach")
    ],
    "packets": ["a lone member / the program alone", "each further member", "with accounting"],
    "images": ["pull and load an image", "load a cached image", "`program load image`, cached"],
    "trust": [
        "verify a certificate's signature offline, Rekor 1",
        "verify a certificate's signature offline, Rekor 2 and a stamp",
        "imports that verifying needs",
        "see that a cached verdict holds",
        "pull, verify and load a signed image",
        "load a cached signed image",
        "`program load image`, cached and signed",
    ],
    "listings": ["list, 1 program", "get, 1 program", "programs / 1 program", "while another"],
}


def bench(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.kernel
@pytest.mark.network
@pytest.mark.parametrize("group", ASKED)
def test_each_group_gives_all_its_rows_in_each_form(group, tmp_path):
    table, data = tmp_path / "table.md", tmp_path / "table.json"
    result = bench(group, "--quick", "--write", str(table), "--json", str(data))
    assert result.returncode == 0, result.stderr
    rows = json.loads(data.read_text())["rows"]
    for what in ASKED[group]:
        assert [row for row in rows if what in row["what"]], what
    for row in rows:
        assert row["value"] > 0
        assert row["command"] == f"make bench ARGS={group}"
        assert row["what"] in result.stdout
        assert f"| {row['what']} |" in table.read_text()


def test_a_group_that_does_not_exist_is_refused():
    result = bench("nonsense")
    assert result.returncode == 2
    assert "unknown group nonsense" in result.stderr


def test_the_published_table_has_every_group():
    published = (ROOT / "docs" / "benchmarks.md").read_text()
    for group, rows in ASKED.items():
        assert f"make bench ARGS={group}" in published
        for what in rows:
            assert what in published, what
    assert "get, 1,000 programs" in published  # a quick run looks at smaller hosts
