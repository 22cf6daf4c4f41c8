# SPDX-License-Identifier: Apache-2.0
"""What the documentation says can be done: its links lead somewhere, its commands are commands, its paths paths."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from bpfman.cli.command import UsageError
from bpfman.cli.commands import ROOT as COMMANDS
from bpfman.cli.flags import GLOBAL
from bpfman.cli.parser import Parser
from tests.rules.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(text: str) -> list[str]:
    """What is typed in the console blocks: behind the prompt, over lines that end in a backslash, up to a pipe."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    typed = [part.strip() for line in lines if line.startswith("# ") for part in line[2:].split(";")]
    return [each.partition("|")[0] for each in typed if each.startswith("bpfman ")]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_can_be_typed(page):
    for command in commands(page.read_text()):
        words = [word for word in shlex.split(command)[1:] if word != "..."]
        try:
            Parser(COMMANDS, GLOBAL, {}).parse(words)
        except UsageError as error:
            pytest.fail(f"{command}: {error}")


def test_there_are_commands_to_look_at():
    shown = [command for page in PAGES for command in commands(page.read_text())]
    assert len(shown) > 30
    assert any("chain account show xdp" in command for command in shown)


def test_every_page_is_in_a_table_of_contents():
    listed = set(re.findall(r"^([a-z/]+)$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE))
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"} <= listed
    assert all(
        re.match(r"\d{4}-\d\d-\d\d-", page.name) for page in (ROOT / "docs" / "decisions").glob("[!i]*.md")
    )


def test_the_code_map_names_files_that_exist():
    """In a row, a name without a folder is in the folder of the one before it."""
    rows = (ROOT / "ARCHITECTURE.md").read_text().partition("## Code map")[2].partition("##")[0].splitlines()
    for row in rows:
        folder = ""
        for name in re.findall(r"`([^`]+)`", row.partition("|")[2].partition("|")[0]):
            path, _, last = name.rstrip("/").rpartition("/")
            folder = path or folder
            where = re.sub(r"NOUN|VERB", "*", f"{folder}/{last}" if folder else last)
            assert any(next(root.glob(where), None) for root in (ROOT / "src" / "bpfman", ROOT)), where
