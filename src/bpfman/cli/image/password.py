# SPDX-License-Identifier: Apache-2.0
"""The password of a private key: from COSIGN_PASSWORD, as cosign takes it, or asked for on a terminal."""

from __future__ import annotations

import os
import sys

from bpfman.errors import InvalidRequest

VARIABLE = "COSIGN_PASSWORD"


def known_password(name: str) -> bytes:
    """Of a key that there is.  InvalidRequest where nobody can be asked."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return given.encode()
    if not _can_ask():
        raise InvalidRequest(f"{name} is encrypted", f"put its password into the environment as {VARIABLE}")
    return _ask(f"Password of {name}: ")


def new_password() -> bytes:
    """For a key that is being made; empty for none.  InvalidRequest for two that differ."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return given.encode()
    if not _can_ask():
        raise InvalidRequest(
            "a new key needs a password, and nobody can be asked",
            f"put it into the environment as {VARIABLE}; an empty one makes a key that is not encrypted",
        )
    first = _ask("Password of the new key (empty for none): ")
    if first and _ask("Once more: ") != first:
        raise InvalidRequest("the two passwords differ")
    return first


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _ask(prompt: str) -> bytes:
    import getpass

    try:
        return getpass.getpass(prompt).encode("utf-8", "surrogateescape")
    except EOFError:
        raise InvalidRequest("no password was given") from None
