# SPDX-License-Identifier: Apache-2.0
"""Makes the files by which the public sigstore instance is believed, out of what sigstore-python brings.

    images/policy/sigstore_public.json   its trusted root: keys of its authorities and logs
    images/trust/public_root.json        who may say, by TUF, what that is from now on

They are sigstore's own words (https://github.com/sigstore/root-signing, Apache-2.0).  When a new sigstore-python is
pinned in tools/constraints.txt, `make generated` takes over what it has.
"""

from __future__ import annotations

from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGES = Path("src/bpfman/images")
MIRROR = "https://tuf-repo-cdn.sigstore.dev"
MADE = {
    IMAGES / "policy" / "sigstore_public.json": "trusted_root.json",
    IMAGES / "trust" / "public_root.json": "root.json",
}


def files() -> Iterator[tuple[Path, str]]:
    store = resources("sigstore._store") / quote(MIRROR, safe="")
    for path, name in MADE.items():
        yield path, (store / name).read_text().rstrip("\n") + "\n"
