# SPDX-License-Identifier: Apache-2.0
"""Which trusted root is the public sigstore instance's: the one that was fetched last, else the one bpfman came with.

Called by `rules` for rules that name no instance of their own.  Nothing is fetched here.
"""

from __future__ import annotations

import os

# What sigstore publishes at tuf-repo-cdn.sigstore.dev; made by tools/generators/sigstore_public.py.
PUBLIC_ROOT = os.path.join(os.path.dirname(__file__), "sigstore_public.json")


def fetched_root(cache_dir: str) -> str:
    """Where `bpfman image update-trusted-root` keeps the public instance's."""
    return f"{cache_dir}/trusted_root.json"


def public_root(cache_dir: str) -> str:
    """The file with the public instance's trusted root."""
    fetched = fetched_root(cache_dir)
    return fetched if cache_dir and os.path.lexists(fetched) else PUBLIC_ROOT
