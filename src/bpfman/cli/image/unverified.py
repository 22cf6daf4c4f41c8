# SPDX-License-Identifier: Apache-2.0
"""Loading from images before signatures can be verified: refused where a policy asks for them, and never silent.

A policy that is present must not be passed over.  What stands in [signing] of the configuration file is read here;
what it asks for cannot be done yet, so an image that it might refuse is not loaded at all.
"""

from __future__ import annotations

import os

from bpfman.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def check(config: str, image: str) -> str:
    """What to warn of before `image` is loaded; empty where the configuration switched verification off.

    Raises Unsupported when the configuration file at `config` asks for signatures."""
    signing = _signing(config)
    if signing.get("verify_enabled") is False:
        return ""
    if signing.get("allow_unsigned") is False or signing.get("trusted_identities"):
        raise Unsupported(
            f"{config} asks for signed images, and this version of bpfman cannot verify signatures",
            f"verify {image} yourself, take its object out of it and use `bpfman program load file`",
        )
    return f"the signature of image {image} is not verified: this version of bpfman cannot do that"


def _signing(config: str) -> Mapping[str, object]:
    if not os.path.exists(config):
        return {}
    from bpfman.manager.configuration import read_config

    found = read_config(config).get("signing", {})
    if not isinstance(found, dict):
        raise Unsupported(f"[signing] of {config} is not a table", "write it as [signing] with keys below it")
    return found
