# SPDX-License-Identifier: Apache-2.0
"""completions/, man/ and docs/commands.md, from the declarations of the commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bpfman.cli import generated
from bpfman.cli.generate import man, markdown

if TYPE_CHECKING:
    from collections.abc import Iterator


def files() -> Iterator[tuple[Path, str]]:
    """(path from the repository's root, text) of every file."""
    for shell, name in generated.FILES.items():
        yield Path("completions") / name, generated.completion(shell)
    for name, text in man.pages():
        yield Path("man") / name, text
    yield Path("docs/commands.md"), markdown.page()
