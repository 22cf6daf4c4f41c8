# SPDX-License-Identifier: Apache-2.0
"""Fixtures of tests that load the test objects themselves, without a manager; gone at the end of the test."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.chain import parts


@pytest.fixture
def kept():
    """Closes at the end of the test what is entered into it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def loaded(kept):
    """`loaded(NAME)`: the program NAME of `tests/objects/NAME.o`; `loaded(NAME, PROGRAM..., kind=...)`: others."""

    def load(name, *programs, **options):
        made = parts.load_object(name, *programs, **options)
        kept.enter_context(made.object)
        return made

    return load
