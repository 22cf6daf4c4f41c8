# SPDX-License-Identifier: Apache-2.0
"""What a kernel turned out to have is written down as it is, and must be what the table says."""

from __future__ import annotations

import pytest

from vmtest.results import FOLDER, Results, read

RELEASE = "6.1.0-56-cloud-amd64"


def results(works=(), lacks=()):
    return Results(RELEASE, frozenset(works), frozenset(lacks))


def test_they_survive_being_written(tmp_path):
    seen = results(["tc", "xdp"], ["tcx"])
    seen.write(tmp_path / "made" / "6.1.json")
    assert read(tmp_path / "made" / "6.1.json") == seen


def test_the_file_depends_on_nothing_but_them(tmp_path):
    for name, features in (("one", ["xdp", "tc", "lsm"]), ("other", ["lsm", "tc", "xdp"])):
        results(features).write(tmp_path / name)
    assert (tmp_path / "one").read_text() == (tmp_path / "other").read_text()


def test_what_agrees_with_the_table_is_no_contradiction():
    assert results(["xdp"], ["tcx", "kprobe.multi"]).contradictions() == []


def test_what_works_where_it_cannot_is_one():
    [line] = results(works=["xdp", "tcx"]).contradictions()
    assert line.startswith("tcx: works")


def test_what_is_missing_where_it_should_be_is_one():
    [line] = results(["xdp"], ["fentry"]).contradictions()
    assert line.startswith("fentry: missing")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_the_committed_ones_agree_with_the_table(path):
    """Which may have changed since."""
    assert read(path).contradictions() == []


def test_the_kernels_of_ci_are_among_the_committed():
    assert {"6.1", "6.12"} <= {path.stem for path in FOLDER.glob("*.json")}
