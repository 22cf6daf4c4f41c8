# SPDX-License-Identifier: Apache-2.0
"""What `program list` and `link list` filter by: names of types and kinds."""

from __future__ import annotations

from bpfman.cli.values import comma_list, one_of
from bpfman.model.kernel import PROGRAM_TYPES
from bpfman.model.kinds import KINDS


def program_type(text: str) -> str:
    """A bpfman type, or any of the kernel's, in any case."""
    if text.lower() in PROGRAM_TYPES:
        return text.lower()
    return one_of("program type", tuple(KINDS), text)


def program_types(text: str) -> list[str]:
    return [program_type(item) for item in comma_list(text)]


def kind(text: str) -> str:
    return one_of("link kind", tuple(KINDS), text)
