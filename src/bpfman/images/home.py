# SPDX-License-Identifier: Apache-2.0
"""Whose home directory is meant where podman's and docker's files are looked for."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def home_of(environment: Mapping[str, str]) -> str:
    """The user's of that environment; this process's user's where it does not say."""
    return environment.get("HOME") or os.path.expanduser("~")
