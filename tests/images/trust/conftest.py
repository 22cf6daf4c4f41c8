# SPDX-License-Identifier: Apache-2.0
"""An instance that signs."""

from __future__ import annotations

import pytest

from tests.images.trust.instance import Sigstore


@pytest.fixture(scope="session")
def sigstore() -> Sigstore:
    return Sigstore()
