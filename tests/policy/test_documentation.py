# SPDX-License-Identifier: Apache-2.0
"""docs/trust.md: its recipes are rules that can be read, and every key there is stands in it."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from bpfman.images.policy import signing
from bpfman.images.policy.capabilities import KEYS as LIMITS
from bpfman.images.policy.containers.policy import parse_policy
from bpfman.manager.auditing import audit_settings
from bpfman.model.audit import ACTIONS, VERDICTS
from bpfman.store.layout import Layout
from tests.rules.repository import ROOT
from tests.store.test_audit import EVENT

PAGE = (ROOT / "docs" / "trust.md").read_text()
RECIPES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def documented(key: str) -> bool:
    """Whether a key stands in the first cell of a row."""
    return any(f"`{key}`" in row.split("|")[1] for row in PAGE.splitlines() if row.startswith("| "))


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_can_be_read(recipe):
    found = tomllib.loads(recipe)
    assert set(found) <= {"signing", "audit"}
    signing.read_signing(found.get("signing", {}), "bpfman.toml")
    audit_settings(found, "bpfman.toml", Layout())


def test_there_are_recipes():
    assert len(RECIPES) > 5
    (policy,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    parse_policy(json.loads(policy), "policy.json")


@pytest.mark.parametrize("key", sorted({*signing.TOP, *signing.SCOPE, *LIMITS}))
def test_every_key_is_documented(key):
    assert documented(key)


@pytest.mark.parametrize("key", sorted(EVENT.as_json()))
def test_every_key_of_an_event_is_documented(key):
    assert documented(key)


@pytest.mark.parametrize("word", [*VERDICTS, *ACTIONS])
def test_every_word_of_an_event_is_documented(word):
    assert f"`{word}`" in PAGE.partition("## The audit trail")[2]
