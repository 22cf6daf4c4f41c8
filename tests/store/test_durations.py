# SPDX-License-Identifier: Apache-2.0
"""Durations are read and printed as Go does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.errors import InvalidRequest
from bpfman.store.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds", "printed"),
    [
        ("0", 0, "0s"),
        ("0s", 0, "0s"),
        ("30s", 30, "30s"),
        ("500ms", 0.5, "500ms"),
        ("1.5s", 1.5, "1.5s"),
        (".5s", 0.5, "500ms"),
        ("5m", 300, "5m0s"),
        ("1m30.25s", 90.25, "1m30.25s"),
        ("1h", 3600, "1h0m0s"),
        ("25h61m", 94_000 - 340, "26h1m0s"),
        ("100us", 0.0001, "100µs"),
        ("100µs", 0.0001, "100µs"),
        ("100μs", 0.0001, "100µs"),
        ("1.5ms", 0.0015, "1.5ms"),
        ("7ns", 7e-9, "7ns"),
    ],
)
def test_known_durations(text, seconds, printed):
    assert parse_duration(text) == pytest.approx(seconds)
    assert format_duration(parse_duration(text)) == printed


@pytest.mark.parametrize(
    "text", ["", "1", "s", ".s", "1.2.3s", "1x", "1 s", "1s 2s", "-1s", "٣s", "inf", "1e3s"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(InvalidRequest, match="invalid duration"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**15))
def test_what_is_printed_can_be_read(nanoseconds):
    seconds = nanoseconds / 10**9
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-9)
