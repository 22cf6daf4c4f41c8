# SPDX-License-Identifier: Apache-2.0
"""WWW-Authenticate is read in every form that registries write it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bpfman.images.registry.challenge import Challenge, parse_challenges


def test_a_token_challenge():
    header = 'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"'
    assert parse_challenges(header) == [
        Challenge(
            "bearer",
            {
                "realm": "https://auth.example/token",
                "service": "registry.example",
                "scope": "repository:a/b:pull,push",
            },
        )
    ]


def test_several_challenges_odd_spaces_and_escapes():
    header = r'Basic realm="say \"who\"" ,  BEARER Realm = https://x.example/t , Service=y'
    assert parse_challenges(header) == [
        Challenge("basic", {"realm": 'say "who"'}),
        Challenge("bearer", {"realm": "https://x.example/t", "service": "y"}),
    ]


def test_a_scheme_alone():
    assert parse_challenges("Negotiate") == [Challenge("negotiate", {})]
    assert parse_challenges("") == []


@given(st.text(alphabet='Ba="\\, \t/:é', max_size=60))
def test_nonsense_is_read_without_an_error(header):
    assert all(isinstance(each, Challenge) for each in parse_challenges(header))
