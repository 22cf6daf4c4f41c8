# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest


@pytest.fixture
def program_fd(loaded):
    """`program_fd(NAME, PROGRAM, KIND)`: the descriptor of a program of `tests/objects/NAME.o`, a new one each time."""

    def load(name, program="", kind="xdp"):
        return loaded(name, *([program] if program else []), kind=kind).object.programs[0].fd

    return load
