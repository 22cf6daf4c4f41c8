# SPDX-License-Identifier: Apache-2.0
"""Writes the files of the repository that are made from others, or checks that they are fresh.

    tools/generate.py            write them
    tools/generate.py --check    name those that are not what they would be now, write nothing

Run by `make generated`, and by tests/rules/test_generated.py with --check.  A file in tools/generators/ makes files
of one sort: its `files()` gives (path from the repository's root, text) pairs and touches nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
GENERATORS = ROOT / "tools" / "generators"

sys.path.insert(0, str(ROOT))  # for the generators, as pytest does it for the tests


def generated() -> Iterator[tuple[Path, str]]:
    """Every generated file and what belongs into it."""
    for source in sorted(GENERATORS.glob("*.py")):
        spec = importlib.util.spec_from_file_location(source.stem, source)
        if spec is None or spec.loader is None:
            sys.exit(f"cannot import {source}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for path, text in module.files():
            yield ROOT / path, text


def stale(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text() != text


def main() -> int:
    parser = argparse.ArgumentParser(description="write the generated files of the repository")
    parser.add_argument("--check", action="store_true", help="name the stale ones, write nothing")
    check = parser.parse_args().check
    wrong = [(path, text) for path, text in generated() if stale(path, text)]
    for path, text in wrong:
        print(path.relative_to(ROOT), "is stale; run `make generated`" if check else "written")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if check and wrong else 0


if __name__ == "__main__":
    sys.exit(main())
