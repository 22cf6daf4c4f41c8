# SPDX-License-Identifier: Apache-2.0
"""What a kernel turned out to have: a JSON file for each, from which tools/generators/kernels.py makes docs/kernels.md.

Written by `suite.py` after a whole run without failures, so that the page says what tests have shown and nothing else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from vmtest.features import FEATURES, has
from vmtest.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: The committed files, NAME.json for the kernel that `test NAME` runs on.
FOLDER = ROOT / "docs" / "kernels"


class Results(NamedTuple):
    """A kernel's release, and the features that tests have seen work or found missing."""

    release: str
    works: frozenset[str]
    lacks: frozenset[str]

    def contradictions(self) -> list[str]:
        """Where the tests disagree with the table of features, a line each."""
        works = sorted(feature for feature in self.works if has(self.release, feature) is False)
        lacks = sorted(feature for feature in self.lacks if has(self.release, feature))
        return [
            *(
                f"{feature}: works, and vmtest/features.py says that this kernel is without"
                for feature in works
            ),
            *(
                f"{feature}: missing, and vmtest/features.py says that this kernel has it"
                for feature in lacks
            ),
        ]

    def write(self, path: Path) -> None:
        ordered = {
            "release": self.release,
            "works": [feature for feature in FEATURES if feature in self.works],
            "lacks": [feature for feature in FEATURES if feature in self.lacks],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ordered, indent=2) + "\n")


def read(path: Path) -> Results:
    data = json.loads(path.read_text())
    return Results(data["release"], frozenset(data["works"]), frozenset(data["lacks"]))
