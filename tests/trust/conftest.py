# SPDX-License-Identifier: Apache-2.0
"""A machine, a registry, and an image that somebody signs."""

from __future__ import annotations

import pytest

from tests.images.conftest import authority, environment, home, secure, small  # noqa: F401 - fixtures
from tests.images.samples import put_image
from tests.trust.attacks import Scene
from tests.trust.node import ELF, LAYER, Node

REPOSITORY = "acme/meter"


@pytest.fixture
def node(manager, tmp_path, environment) -> Node:  # noqa: F811
    return Node(manager, tmp_path, environment)


@pytest.fixture
def scene(small) -> Scene:  # noqa: F811
    digest = put_image(small, ELF, REPOSITORY, blob=LAYER)
    return Scene(small, REPOSITORY, digest)
