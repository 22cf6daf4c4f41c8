# SPDX-License-Identifier: Apache-2.0
"""pytest fixtures over this folder's tools; name this module in `pytest_plugins`.

The only module here that imports pytest.  A test whose fixture needs what the machine lacks is skipped, and the
reason says what is missing.
"""

from __future__ import annotations

import os
import shutil

import pytest

from bpfman.testing.network import Namespace, VethPair, namespace, veth_pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def netns() -> Iterator[Namespace]:
    """A network namespace of the test's own."""
    _require("ip")
    with namespace() as made:
        yield made


@pytest.fixture
def veth(netns: Namespace) -> Iterator[VethPair]:
    """A veth pair: `a` in the test's `netns`, `b` in a second namespace; addresses are IPv4."""
    with namespace() as other, veth_pair(netns, other) as pair:
        yield pair


def _require(*commands: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for command in commands:
        if shutil.which(command) is None:
            pytest.skip(f"needs the command {command}")
