# SPDX-License-Identifier: Apache-2.0
"""The published format of the capability manifest is the one that is written."""

from __future__ import annotations

import json
import re

from bpfman.images import limits
from bpfman.images.capability import capabilities_of
from bpfman.images.capability.effects import EFFECTS
from bpfman.manager.bytecode import read_bytecode
from tests.rules.repository import ROOT

PAGE = (ROOT / "docs" / "capabilities.md").read_text()


def test_every_effect_is_documented_in_the_same_words():
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", PAGE, re.MULTILINE))
    assert {word: rows.get(word) for word in EFFECTS} == EFFECTS


def test_the_example_is_what_its_object_gives():
    example = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    data = (ROOT / "tests" / "objects" / "xdp_counter.o").read_bytes()
    assert example == capabilities_of(read_bytecode(data)).as_json()


def test_every_key_is_documented():
    data = (ROOT / "tests" / "objects" / "xdp_counter.o").read_bytes()
    found = capabilities_of(read_bytecode(data)).as_json()
    for key in set(found) - {"programs", "maps"}:
        assert f"| `{key}` |" in PAGE
    for key in found["programs"][0]:
        assert f"| `programs[].{key}` |" in PAGE


def test_the_limits_that_are_documented_are_those_that_hold():
    page = (ROOT / "docs" / "images.md").read_text()
    for limit in (limits.MAX_OBJECT, limits.MAX_BLOB, limits.MAX_UNPACKED, limits.MAX_DOCUMENT):
        assert f"{limit >> 20} MiB" in page
