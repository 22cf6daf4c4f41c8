# SPDX-License-Identifier: Apache-2.0
"""Label selectors over metadata: Kubernetes' syntax and meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.cli.command import UsageError
from bpfman.cli.selector import parse_selector

LABELS = {"team": "edge", "ring": "canary", "size": "7", "empty": "", "bpfman.io/application": "app"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "team",
        "team=edge",
        "team==edge",
        " team = edge , ring = canary ",
        "team!=core",
        "absent!=x",
        "!absent",
        "team in (edge,core)",
        "team in (edge)",
        "team notin (core, back)",
        "absent notin (a)",
        "size>6",
        "size<8",
        "size > 6, size < 8",
        "empty=",
        "empty",
        "empty in (,x)",
        "bpfman.io/application=app",
        "team=edge,ring in (canary,stable),!absent,size>1",
    ],
)
def test_matches(text):
    assert parse_selector(text).matches(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "absent",
        "team=core",
        "team!=edge",
        "!team",
        "team in (core,back)",
        "team notin (edge)",
        "size>7",
        "size<7",
        "team>1",
        "absent>1",
        "absent=",
        "team=edge,ring=stable",
    ],
)
def test_does_not_match(text):
    assert not parse_selector(text).matches(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        ",",
        "a,",
        ",a",
        "a,,b",
        "=a",
        "a=b=c",
        "a b",
        "a in b",
        "a in",
        "a in (b",
        "a in (b c)",
        "a in (b)c",
        "a in ((b))",
        "!",
        "!=a",
        "!a=b",
        "a>b",
        "a>",
        "(a)",
        "a=(b)",
        "a!b",
    ],
)
def test_nonsense_is_refused(text):
    with pytest.raises(UsageError, match=r"^invalid label selector: "):
        parse_selector(text)


@given(st.text(alphabet="ab=!,()<> in1", max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        selector = parse_selector(text)
    except UsageError as error:
        refused = str(error)
    else:
        assert selector.matches(LABELS) in (True, False)
        return
    assert refused.startswith("invalid label selector: ")


words = st.text(alphabet="abz09._-/", min_size=1, max_size=8).filter(lambda word: word not in ("in", "notin"))


@given(st.dictionaries(words, words, max_size=4), words, words)
def test_equal_and_different_are_opposites(labels, key, value):
    assert parse_selector(f"{key}={value}").matches(labels) == (labels.get(key) == value)
    assert parse_selector(f"{key}!={value}").matches(labels) == (labels.get(key) != value)
    assert parse_selector(f"{key} in ({value},x)").matches(labels) == (labels.get(key) in (value, "x"))
