# SPDX-License-Identifier: Apache-2.0
"""Members and chains in the kernel, gone at the end of the test."""

from __future__ import annotations

import pytest

from bpfman.bpf.map import Map, create_per_cpu_array
from bpfman.chain import accounting
from tests.chain import parts


@pytest.fixture
def member(loaded):
    """As `loaded`, and gives the first program as a member of chains."""
    return lambda *arguments, **options: loaded(*arguments, **options).parts[0]


@pytest.fixture
def chain(kept):
    """`chain(composition)` or `chain(composition, "tc")`: the composed program in the kernel."""

    def load(composition, family="xdp"):
        return kept.enter_context(parts.load(composition, family))

    return load


@pytest.fixture
def counter(kept):
    """`counter(map_id)`: the sum over all entries and CPUs of a map of numbers."""

    def total(map_id):
        with Map.by_id(map_id) as counts:
            return {key: sum(value) if counts.per_cpu else value for key, value in counts.items()}

    return total


@pytest.fixture
def counters(kept):
    """An accounting map."""
    return kept.enter_context(create_per_cpu_array("accounting", accounting.VALUE_SIZE))
